"""Decides how billed leads are paid from prepaid money, what they earn, and when a threshold is crossed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from leadgen.billing.domain import earnings
from leadgen.billing.domain.earnings import Flat, Share
from leadgen.ledger import domain as ledger_domain
from leadgen.ledger.domain import Transaction

ACTOR = "stage:bill"


@dataclass(frozen=True)
class Charge:
    """A lead billed just now; ``earning`` is what its source's owner earns by it, where somebody owns it."""

    lead_id: int
    buyer_id: int
    price: Decimal
    currency: str
    publisher_id: int | None = None
    earning: Flat | Share | None = None


def crosses_threshold(uninvoiced: Decimal, threshold: Decimal) -> bool:
    """Whether what a buyer owes for an offer, and no invoice names yet, is due an invoice now."""
    return uninvoiced > 0 and uninvoiced >= threshold


def draws(charges: Iterable[Charge], wallets: Mapping[int, Decimal], *, now: datetime) -> list[Transaction]:
    """What prepaid money pays of the charges, in the order of the leads; ``wallets`` are by buyer id."""
    left = dict(wallets)
    drawn: list[Transaction] = []
    for charge in sorted(charges, key=lambda charge: charge.lead_id):
        amount = min(left.get(charge.buyer_id, Decimal(0)), charge.price)
        if amount <= 0:
            continue
        left[charge.buyer_id] -= amount
        drawn.append(
            Transaction(
                key=f"wallet_drawn:lead:{charge.lead_id}",
                kind="wallet_drawn",
                currency=charge.currency,
                occurred_at=now,
                actor=ACTOR,
                entries=ledger_domain.entries(("wallet", "receivable", amount)),
                buyer_id=charge.buyer_id,
                lead_id=charge.lead_id,
            )
        )
    return drawn


def earned(charges: Iterable[Charge], *, now: datetime) -> list[Transaction]:
    """What the sources' owners earn by the charges."""
    return [
        Transaction(
            key=f"lead_earned:{charge.lead_id}",
            kind="lead_earned",
            currency=charge.currency,
            occurred_at=now,
            actor=ACTOR,
            entries=ledger_domain.entries(("publisher_cost", "publisher_payable", amount)),
            publisher_id=charge.publisher_id,
            lead_id=charge.lead_id,
        )
        for charge in charges
        if charge.publisher_id is not None
        and charge.earning is not None
        and (amount := earnings.earned(charge.earning, charge.price, charge.currency)) > 0
    ]
