"""Composes a payout's letter to its publisher: what each lead earned, and what was reversed."""

from collections.abc import Sequence
from decimal import Decimal

from leadgen.billing.domain.terms import Seller
from leadgen.documents.domain import letter, sales_letters
from leadgen.documents.domain.letter import Column, Letter, Party, Table, Total
from leadgen.documents.domain.sales_documents import period_in_words
from leadgen.kernel import money
from leadgen.publishers.domain.payouts import IssuedPayout, PayoutLine


def of_payout(payout: IssuedPayout, lines: Sequence[PayoutLine], seller: Seller) -> Letter:
    """A payout as it was issued: that it is paid, and how, is not on it."""
    timezone, currency = payout.timezone, payout.currency
    totals = [Total("Earned", _amount(payout.earned, currency))]
    if payout.reversed > 0:
        totals.append(Total("Reversed with leads that came back", f"-{_amount(payout.reversed, currency)}"))
    return Letter(
        title="Payout statement",
        name=f"Payout {payout.number}",
        sender=sales_letters.sender(seller),
        recipient=Party(payout.publisher, (payout.email,)),
        facts=(
            ("Payout number", payout.number),
            ("Issue date", letter.day(payout.issued_at, timezone)),
            ("Period", period_in_words(payout.period_start, payout.period_end, timezone)),
            ("Time zone", timezone),
            ("Currency", currency),
        ),
        tables=(_lines(lines, timezone, currency),),
        totals=(*totals, Total("To be paid", money.shown(payout.total, currency), is_strong=True)),
        created_at=payout.issued_at,
        footer=sales_letters.footer(seller),
    )


def _lines(lines: Sequence[PayoutLine], timezone: str, currency: str) -> Table:
    return Table(
        columns=(
            Column("#", 12, is_number=True),
            Column("Lead", 42),
            Column("Source", 52),
            Column("Time", 56),
            Column("Price", 26, is_number=True),
            Column(f"Earned ({currency})", 36, is_number=True),
        ),
        rows=tuple(
            (
                str(place),
                f"{line.lead_id}" if line.amount > 0 else f"{line.lead_id} came back",
                line.source_key,
                letter.minute(line.occurred_at, timezone),
                _amount(line.price, currency),
                _amount(line.amount, currency),
            )
            for place, line in enumerate(lines, 1)
        ),
    )


def _amount(amount: Decimal, currency: str) -> str:
    return money.shown(amount, currency).removesuffix(f" {currency}")
