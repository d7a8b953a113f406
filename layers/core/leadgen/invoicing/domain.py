"""Decides which billed leads an invoice takes, which period it names, and what is fixed when it is issued."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from leadgen.billing.domain.documents import Party, bill_to, days_to_pay, tax
from leadgen.billing.domain.terms import BuyerBilling, Seller
from leadgen.kernel import calendar
from leadgen.ledger import domain as ledger_domain
from leadgen.ledger.domain import Transaction

Occasion = Literal["cycle", "threshold"]


@dataclass(frozen=True)
class BilledLead:
    """A billed lead that is on no invoice yet."""

    lead_id: int
    delivered_at: datetime
    price: Decimal


@dataclass(frozen=True)
class InvoiceDraft:
    """An invoice about to be written: its label, its lines and their sum. Leads are claimed by state; the period is a
    label that starts where the last one ended, or with the first lead. Two periods of an account never overlap.
    """

    buyer_id: int
    offer_id: int
    currency: str
    timezone: str
    occasion: Occasion
    period_start: datetime
    period_end: datetime
    due_date: datetime
    terms_days: int
    tax_rate: Decimal
    lines: tuple[BilledLead, ...]

    @property
    def subtotal(self) -> Decimal:
        """The sum of the lines."""
        return sum((line.price for line in self.lines), Decimal(0))

    @property
    def tax(self) -> Decimal:
        """What the rate adds, rounded once."""
        return tax(self.subtotal, self.tax_rate, self.currency)


def draft(  # noqa: PLR0913 - all that a draft is made of
    *,
    buyer_id: int,
    offer_id: int,
    currency: str,
    timezone: str,
    occasion: Occasion,
    leads: Sequence[BilledLead],
    last_period_end: datetime | None,
    period_end: datetime,
    billing: BuyerBilling,
    seller: Seller,
    now: datetime,
) -> InvoiceDraft:
    """Put billed leads on an invoice that closes at ``period_end``, as it would be issued ``now``. ``leads`` is not
    empty.
    """
    ordered = tuple(sorted(leads, key=lambda lead: (lead.delivered_at, lead.lead_id)))
    if last_period_end is None:
        start = min(ordered[0].delivered_at, period_end - timedelta(microseconds=1))
    else:
        start, period_end = last_period_end, max(period_end, last_period_end + timedelta(microseconds=1))
    terms_days = days_to_pay(billing, seller)
    return InvoiceDraft(
        buyer_id=buyer_id,
        offer_id=offer_id,
        currency=currency,
        timezone=timezone,
        occasion=occasion,
        period_start=start,
        period_end=period_end,
        due_date=calendar.local_day(now, timezone, terms_days),
        terms_days=terms_days,
        tax_rate=billing.tax.rate,
        lines=ordered,
    )


@dataclass(frozen=True)
class Issue:
    """What is fixed when a draft is issued. ``wallet_drawn`` is what prepaid money pays now, beside what it paid of the
    leads when they were billed; ``subject`` is what was sold.
    """

    invoice_id: int
    buyer_id: int
    due_date: datetime
    terms_days: int
    tax_rate: Decimal
    tax_name: str | None
    tax_note: str | None
    tax: Decimal
    total: Decimal
    wallet_applied: Decimal
    wallet_drawn: Decimal
    currency: str
    subject: str
    buyer: dict[str, object]

    @property
    def due(self) -> Decimal:
        """What is left to be paid."""
        return self.total - self.wallet_applied

    def transactions(self, *, actor: str, now: datetime) -> list[Transaction]:
        """What issuing moves: the tax is owed, and the wallet pays what it can."""
        moves: list[tuple[str, ledger_domain.Kind, tuple[ledger_domain.Entry, ...]]] = [
            ("tax_charged", "tax_charged", ledger_domain.entries(("receivable", "tax", self.tax))),
            (
                "wallet_drawn:invoice",
                "wallet_drawn",
                ledger_domain.entries(("wallet", "receivable", self.wallet_drawn)),
            ),
        ]
        return [
            Transaction(
                key=f"{name}:{self.invoice_id}",
                kind=kind,
                currency=self.currency,
                occurred_at=now,
                actor=actor,
                entries=entries,
                buyer_id=self.buyer_id,
                invoice_id=self.invoice_id,
            )
            for name, kind, entries in moves
            if entries
        ]


def issue(  # noqa: PLR0913 - all that is fixed when an invoice is issued
    *,
    invoice_id: int,
    buyer_id: int,
    subtotal: Decimal,
    drawn: Decimal,
    wallet: Decimal,
    currency: str,
    timezone: str,
    subject: str,
    party: Party,
    billing: BuyerBilling,
    seller: Seller,
    now: datetime,
) -> Issue:
    """Fix a draft's terms, tax and parties as they are ``now``. ``drawn`` is what the wallet has paid of its leads
    already, ``wallet`` what is still in it.
    """
    terms_days = days_to_pay(billing, seller)
    rate = billing.tax.rate
    added = tax(subtotal, rate, currency)
    total = subtotal + added
    further = max(min(wallet, total - drawn), Decimal(0))
    note = billing.tax.note
    if billing.tax.reverse_charge and note is None:
        note = "Reverse charge: the recipient accounts for the tax."
    return Issue(
        invoice_id=invoice_id,
        buyer_id=buyer_id,
        due_date=calendar.local_day(now, timezone, terms_days),
        terms_days=terms_days,
        tax_rate=rate,
        tax_name=billing.tax.name if rate > 0 or note is not None else None,
        tax_note=note,
        tax=added,
        total=total,
        wallet_applied=drawn + further,
        wallet_drawn=further,
        currency=currency,
        subject=subject,
        buyer=bill_to(party, billing),
    )
