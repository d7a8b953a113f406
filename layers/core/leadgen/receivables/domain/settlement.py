"""Computes what an issued invoice is owed after a settlement, and the state that follows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, get_args

from leadgen.kernel import calendar

Status = Literal["draft", "sent", "paid", "overdue", "cancelled", "disputed"]
Kind = Literal[
    "wallet",
    "payment",
    "payment_undone",
    "credit_note",
    "chargeback",
    "chargeback_won",
    "write_off",
    "write_off_undone",
]

DisputeOutcome = Literal["upheld", "rejected", "withdrawn"]
"""How a dispute of an invoice ends."""

DISPUTE_OUTCOMES: tuple[DisputeOutcome, ...] = get_args(DisputeOutcome)

OPEN: tuple[Status, ...] = ("sent", "overdue", "disputed")
"""Something may be due: money that comes in pays it, and it can be written off."""

PAYABLE_ONLINE: tuple[Status, ...] = ("sent", "overdue")
"""Its payment page takes money, and its buyer can promise a day: not while it is disputed."""


@dataclass(frozen=True)
class Settlement:
    """What an invoice is owed less; an amount below zero is owed more (a chargeback, something undone)."""

    kind: Kind
    amount: Decimal
    payment_id: int | None = None
    credit_note_id: int | None = None
    chargeback_id: int | None = None


@dataclass(frozen=True)
class Invoice:
    """An invoice as its buyer's lock keeps it: ``due`` is what is left to be paid. ``is_disputed`` is an open dispute
    of the invoice or an open chargeback of one of its payments.
    """

    invoice_id: int
    number: str | None
    buyer_id: int
    offer_id: int
    currency: str
    timezone: str
    status: Status
    issued_at: datetime | None
    due_date: datetime
    subtotal: Decimal
    tax_rate: Decimal
    tax: Decimal
    total: Decimal
    wallet_applied: Decimal
    paid: Decimal
    credited: Decimal
    written_off: Decimal
    due: Decimal
    is_disputed: bool


@dataclass(frozen=True)
class Changes:
    """What settlements add to the parts of an invoice."""

    wallet_applied: Decimal
    paid: Decimal
    credited: Decimal
    written_off: Decimal

    @property
    def total(self) -> Decimal:
        """What is owed less."""
        return self.wallet_applied + self.paid + self.credited + self.written_off


def changes(settlements: Iterable[Settlement]) -> Changes:
    """What settlements add to each part."""
    parts = {"wallet": Decimal(0), "paid": Decimal(0), "credited": Decimal(0), "written_off": Decimal(0)}
    for settlement in settlements:
        parts[_PART[settlement.kind]] += settlement.amount
    return Changes(parts["wallet"], parts["paid"], parts["credited"], parts["written_off"])


_PART: dict[Kind, str] = {
    "wallet": "wallet",
    "payment": "paid",
    "payment_undone": "paid",
    "credit_note": "credited",
    "chargeback": "paid",
    "chargeback_won": "paid",
    "write_off": "written_off",
    "write_off_undone": "written_off",
}


def is_overdue(due_date: datetime, timezone: str, now: datetime) -> bool:
    """Whether the due day, in the market's time, is over."""
    return now >= calendar.local_day(due_date, timezone, 1)


def status_after(
    invoice: Invoice, settlements: Sequence[Settlement], *, is_disputed: bool, cancels: bool, now: datetime
) -> Status:
    """The state of an issued invoice after settlements. ``cancels`` is that credit notes take all of it back; what is
    written off is cancelled too. With money open a dispute comes before the date.
    """
    changed = changes(settlements)
    if invoice.due == changed.total:
        return "cancelled" if cancels or invoice.written_off + changed.written_off > 0 else "paid"
    if is_disputed:
        return "disputed"
    return "overdue" if is_overdue(invoice.due_date, invoice.timezone, now) else "sent"


def leads_are(status: Status) -> Literal["billed", "paid", "disputed"]:
    """The billing status of an invoice's leads, of those that are not refunded."""
    match status:
        case "paid" | "disputed":
            return status
        case _:
            return "billed"
