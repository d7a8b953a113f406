"""Issued invoices and credit notes as values: their lines, and both parties as they were that day."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from leadgen.billing.domain.documents import BillTo
from leadgen.billing.domain.terms import Seller
from leadgen.documents.domain import letter


@dataclass(frozen=True)
class DocumentLine:
    """A lead on a document; ``components`` are the parts of its price, by name."""

    lead_id: int
    delivered_at: datetime
    amount: Decimal
    components: tuple[tuple[str, Decimal], ...] = ()


@dataclass(frozen=True)
class InvoiceDocument:
    """An issued invoice. ``prepaid`` is what prepaid money had paid of it when it was issued; the period ends just
    before ``period_end``, the due day begins with ``due_date``, in the market's ``timezone``.
    """

    invoice_id: int
    buyer_id: int
    number: str
    currency: str
    timezone: str
    issued_at: datetime
    due_date: datetime
    terms_days: int
    period_start: datetime
    period_end: datetime
    subtotal: Decimal
    tax_rate: Decimal
    tax_name: str | None
    tax_note: str | None
    tax: Decimal
    total: Decimal
    prepaid: Decimal
    subject: str
    seller: Seller
    buyer: BillTo
    lines: tuple[DocumentLine, ...] = ()

    @property
    def due(self) -> Decimal:
        """What was left to be paid when it was issued."""
        return self.total - self.prepaid


@dataclass(frozen=True)
class CreditNoteDocument:
    """An issued credit note; ``to_due`` came off what its invoice was owed, ``to_wallet`` is prepaid money now."""

    credit_note_id: int
    buyer_id: int
    number: str
    currency: str
    timezone: str
    issued_at: datetime
    invoice_id: int
    invoice_number: str
    invoice_issued_at: datetime
    reason: str
    note: str | None
    net: Decimal
    tax_rate: Decimal
    tax_name: str | None
    tax_note: str | None
    tax: Decimal
    total: Decimal
    to_due: Decimal
    to_wallet: Decimal
    subject: str
    seller: Seller
    buyer: BillTo
    lines: tuple[DocumentLine, ...] = ()


def terms(days: int) -> str:
    """Terms of payment as invoices name them."""
    return "Due on receipt" if days == 0 else f"Net {days} days"


def reason_in_words(reason: str) -> str:
    """``wrong_area`` as ``Wrong area``."""
    words = reason.replace("_", " ")
    return words[:1].upper() + words[1:]


def period_in_words(start: datetime, end: datetime, timezone: str) -> str:
    """From the first day to the last, in a time zone; with times where it does not begin or end at midnight."""
    zone = ZoneInfo(timezone)
    if all(_is_midnight(instant.astimezone(zone)) for instant in (start, end)) and end - start > timedelta(hours=12):
        last = end.astimezone(zone) - timedelta(microseconds=1)
        days = dict.fromkeys((letter.day(start, timezone), letter.day(last, timezone)))
        return " - ".join(days)
    return " - ".join(dict.fromkeys((letter.minute(start, timezone), letter.minute(end, timezone))))


def _is_midnight(local: datetime) -> bool:
    return local.timetz().replace(tzinfo=None) == datetime.min.time()
