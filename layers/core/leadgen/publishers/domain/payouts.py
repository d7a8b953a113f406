"""Payouts: what a publisher has earned by the month, less what was reversed with leads that came back.

Earnings are claimed by state: whatever is on no payout yet is on the next one. Where that comes to nothing or less,
there is none, and it is carried over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from leadgen.kernel import calendar
from leadgen.ledger import domain as ledger_domain
from leadgen.ledger.domain import Transaction

SERIES = "PO"


@dataclass(frozen=True)
class PublisherAccount:
    """A publisher, and where its last payout ended; None where it had none."""

    publisher_id: int
    name: str
    currency: str
    timezone: str
    last_period_end: datetime | None


@dataclass(frozen=True)
class Earned:
    """A transaction on no payout yet: what a lead earned, above zero, or its reversal, below."""

    transaction_id: int
    occurred_at: datetime
    amount: Decimal


@dataclass(frozen=True)
class Payout:
    """A payout about to be issued. Its period is a label that starts where the last one ended."""

    account: PublisherAccount
    period_start: datetime
    period_end: datetime
    lines: tuple[Earned, ...]

    @property
    def earned(self) -> Decimal:
        """What the leads have earned."""
        return sum((line.amount for line in self.lines if line.amount > 0), Decimal(0))

    @property
    def reversed(self) -> Decimal:
        """What went back with leads, above zero."""
        return -sum((line.amount for line in self.lines if line.amount < 0), Decimal(0))

    @property
    def total(self) -> Decimal:
        """What is to be paid."""
        return self.earned - self.reversed


@dataclass(frozen=True)
class IssuedPayout:
    """A payout as it stands."""

    payout_id: int
    number: str
    publisher_id: int
    publisher: str
    email: str
    status: str
    currency: str
    timezone: str
    period_start: datetime
    period_end: datetime
    earned: Decimal
    reversed: Decimal
    total: Decimal
    issued_at: datetime
    paid_at: datetime | None
    paid_by: str | None
    reference: str | None


@dataclass(frozen=True)
class PayoutLine:
    """What one lead has earned, above zero, or what went back with it."""

    occurred_at: datetime
    lead_id: int
    source_key: str
    price: Decimal
    amount: Decimal


def close(account: PublisherAccount, now: datetime) -> datetime | None:
    """The end of the last month in the publisher's time zone, unless a payout has ended there already."""
    closed = calendar.last_close(now, account.timezone, "monthly")
    return None if account.last_period_end is not None and account.last_period_end >= closed else closed


def draft(account: PublisherAccount, unpaid: Sequence[Earned], *, period_end: datetime) -> Payout | None:
    """The payout of what was earned and reversed before ``period_end``; None where that is nothing to pay."""
    lines = tuple(sorted((one for one in unpaid if one.occurred_at < period_end), key=lambda one: one.transaction_id))
    if sum(line.amount for line in lines) <= 0:
        return None
    first = min(line.occurred_at for line in lines)
    start = account.last_period_end or calendar.cap_periods(first, account.timezone).month
    return Payout(account, start, period_end, lines)


def payment(
    payout_id: int, publisher_id: int, total: Decimal, currency: str, *, reference: str, actor: str, now: datetime
) -> Transaction:
    """What paying a payout moves."""
    return Transaction(
        key=f"payout:{payout_id}",
        kind="payout",
        currency=currency,
        occurred_at=now,
        actor=actor,
        entries=ledger_domain.entries(("publisher_payable", "cash", total)),
        publisher_id=publisher_id,
        note=reference,
    )
