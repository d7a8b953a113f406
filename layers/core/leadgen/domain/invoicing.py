"""Invoices: which billed leads an invoice takes, what period it names and when it is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

PAYMENT_TERM = timedelta(days=14)
SERIES = "INV"


@dataclass(frozen=True)
class BilledLead:
    """A billed lead that is on no invoice yet."""

    lead_id: int
    delivered_at: datetime
    price: Decimal


@dataclass(frozen=True)
class Draft:
    """An invoice about to be written: its label, its lines and their sum. Leads are claimed by state; the period is a
    label that starts where the last one ended, or with the first lead.
    """

    buyer_id: int
    offer_id: int
    period_start: datetime
    period_end: datetime
    due_date: datetime
    lines: tuple[BilledLead, ...]

    @property
    def amount(self) -> Decimal:
        """The sum of the lines."""
        return sum((line.price for line in self.lines), Decimal(0))


def draft(
    *,
    buyer_id: int,
    offer_id: int,
    leads: Sequence[BilledLead],
    last_period_end: datetime | None,
    period_end: datetime,
    now: datetime,
) -> Draft:
    """Put billed leads on an invoice that closes at ``period_end`` and is issued ``now``. ``leads`` is not empty."""
    ordered = tuple(sorted(leads, key=lambda lead: (lead.delivered_at, lead.lead_id)))
    first = ordered[0].delivered_at
    start = last_period_end if last_period_end is not None and last_period_end < period_end else first
    return Draft(
        buyer_id=buyer_id,
        offer_id=offer_id,
        period_start=min(start, period_end - timedelta(microseconds=1)),
        period_end=period_end,
        due_date=now + PAYMENT_TERM,
        lines=ordered,
    )


def number(series: str, sequence: int) -> str:
    """The invoice number: gapless within its series."""
    return f"{series}-{sequence:06d}"
