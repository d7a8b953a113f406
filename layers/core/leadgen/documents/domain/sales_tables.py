"""Writes invoices as tables: their lines, and the file that QuickBooks Online imports."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from leadgen.documents.domain import letter
from leadgen.documents.domain.sales_documents import InvoiceDocument, terms
from leadgen.kernel.csv_text import Cell

_COMPONENTS = ("offer_default", "buyer_price", "exclusivity_premium", "time_of_day_premium")
LINES_HEAD = ("invoice_number", "line", "lead_id", "delivered_at", "price", "currency", *_COMPONENTS, "other")

# Starred are those that QuickBooks must have.
QUICKBOOKS_HEAD = (
    "*Invoice number", "*Customer", "*Invoice date", "*Due date", "Terms", "Service date", "Item", "Description",
    "Quantity", "Rate", "*Item amount", "Tax code",
)  # fmt: skip


def lines(invoice: InvoiceDocument) -> Iterator[Sequence[Cell]]:
    """A row for each lead: when it was delivered, by the market's clock, its price and what that is made of."""
    zone = ZoneInfo(invoice.timezone)
    for place, line in enumerate(invoice.lines, 1):
        parts = {name: Decimal(0) for name, _ in line.components}
        for name, amount in line.components:
            parts[name] += amount
        known: list[Cell] = [parts.pop(name, None) for name in _COMPONENTS]
        other: Cell = sum(parts.values(), Decimal(0)) if parts else None
        delivered_at = line.delivered_at.astimezone(zone)
        yield (invoice.number, place, line.lead_id, delivered_at, line.amount, invoice.currency, *known, other)


def quickbooks(invoice: InvoiceDocument) -> Iterator[Sequence[Cell]]:
    """A row for each lead, in the columns of QuickBooks Online."""
    zone = ZoneInfo(invoice.timezone)
    tax_code = "" if invoice.tax_name is None else f"{invoice.tax_name} {invoice.tax_rate.normalize():f}%"
    for line in invoice.lines:
        yield (
            invoice.number,
            invoice.buyer.called,
            invoice.issued_at.astimezone(zone).date(),
            invoice.due_date.astimezone(zone).date(),
            terms(invoice.terms_days),
            line.delivered_at.astimezone(zone).date(),
            "Lead",
            f"Lead {line.lead_id}, delivered {letter.minute(line.delivered_at, invoice.timezone)}",
            1,
            line.amount,
            line.amount,
            tax_code,
        )
