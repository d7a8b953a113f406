"""Decides which reminder is due and when deliveries pause, in days of the market after an invoice's due day."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from leadgen.billing.domain.terms import Dunning

# Nobody is reminded in the night: a day's reminders go out from this hour on.
_MORNING = timedelta(hours=8)


@dataclass(frozen=True)
class RemindableInvoice:
    """An issued invoice of which money is due and which nobody disputes. ``reminded`` is the latest step its buyer was
    reminded at, ``promised_until`` when it has promised to pay by.
    """

    invoice_id: int
    number: str
    buyer_id: int
    currency: str
    timezone: str
    issued_at: datetime
    due_date: datetime
    due: Decimal
    promised_until: datetime | None
    reminded: int | None


@dataclass(frozen=True)
class Reminder:
    """One mail about the invoices of a buyer in a currency; ``steps`` are the (invoice_id, step) that it settles."""

    currency: str
    invoices: tuple[RemindableInvoice, ...]
    steps: tuple[tuple[int, int], ...]


def days_over(invoice: RemindableInvoice, now: datetime) -> int:
    """How many of the market's days the due day is past; 0 on the due day itself."""
    zone = ZoneInfo(invoice.timezone)
    return (now.astimezone(zone).date() - invoice.due_date.astimezone(zone).date()).days


def is_promised(invoice: RemindableInvoice, now: datetime) -> bool:
    """Whether its buyer has promised to pay, and the time has not come."""
    return invoice.promised_until is not None and now < invoice.promised_until


def due_step(invoice: RemindableInvoice, terms: Dunning, now: datetime) -> int | None:
    """The reminder to send now, or None: the latest whose day has come, unless that or a later one was sent.

    One that was missed is not sent when a later one has come, nor any whose day was over when the invoice was issued.
    """
    if is_promised(invoice, now):
        return None
    latest = _latest(invoice, terms, now)
    if latest is None or (invoice.reminded is not None and invoice.reminded >= latest):
        return None
    return latest


def _latest(invoice: RemindableInvoice, terms: Dunning, now: datetime) -> int | None:
    today = days_over(invoice, now - _MORNING)
    issued = days_over(invoice, invoice.issued_at)
    return max((step for step in terms.reminders if issued < step <= today), default=None)


def reminders(invoices: Sequence[RemindableInvoice], terms: Dunning, now: datetime) -> list[Reminder]:
    """One mail a currency where a step is due of any of a buyer's invoices; it lists all whose reminders have begun."""
    by_currency: dict[str, list[RemindableInvoice]] = defaultdict(list)
    for invoice in sorted(invoices, key=lambda one: (one.due_date, one.invoice_id)):
        if not is_promised(invoice, now) and _latest(invoice, terms, now) is not None:
            by_currency[invoice.currency].append(invoice)
    found = []
    for currency, listed in sorted(by_currency.items()):
        due = ((one.invoice_id, due_step(one, terms, now)) for one in listed)
        steps = tuple((invoice_id, step) for invoice_id, step in due if step is not None)
        if steps:
            found.append(Reminder(currency, tuple(listed), steps))
    return found


def is_paused(invoices: Sequence[RemindableInvoice], terms: Dunning, now: datetime) -> bool:
    """Whether a buyer gets no leads: one of its invoices, that it has not promised to pay, is overdue for more than the
    days its terms allow.
    """
    most = terms.pause_after_days
    return most is not None and any(
        days_over(invoice, now) > most and not is_promised(invoice, now) for invoice in invoices
    )
