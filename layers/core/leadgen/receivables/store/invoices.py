"""Finds issued invoices by id and by number."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True)
class InvoiceHead:
    """An invoice's head. A draft has no number, and its tax and due date are those it would be issued with."""

    invoice_id: int
    invoice_number: str | None
    status: str
    occasion: str
    buyer_id: int
    buyer: str
    offer_id: int
    offer: str
    currency: str
    timezone: str
    period_start: datetime
    period_end: datetime
    created_at: datetime
    issued_at: datetime | None
    due_date: datetime
    promised_until: datetime | None
    total_leads: int
    subtotal: Decimal
    tax_rate: Decimal
    tax_amount: Decimal
    total_amount: Decimal
    wallet_applied: Decimal
    amount_paid: Decimal
    amount_credited: Decimal
    amount_written_off: Decimal
    amount_due: Decimal
    resolution_notes: str | None


def by_id(conn: Connection[Any], invoice_ids: Sequence[int]) -> list[InvoiceHead]:
    """Invoices by their ids, in the order of these."""
    with conn.cursor(row_factory=class_row(InvoiceHead)) as cursor:
        cursor.execute(
            """
            SELECT i.id AS invoice_id, i.invoice_number, i.status::text, i.occasion, i.buyer_id, b.name AS buyer,
                   i.offer_id, o.name AS offer, i.currency, i.timezone, i.period_start, i.period_end, i.created_at,
                   i.issued_at, i.due_date, i.promised_until, i.total_leads, i.subtotal, i.tax_rate, i.tax_amount,
                   i.total_amount, i.wallet_applied, i.amount_paid, i.amount_credited, i.amount_written_off,
                   i.amount_due, i.resolution_notes
              FROM invoices i JOIN buyers b ON b.id = i.buyer_id JOIN offers o ON o.id = i.offer_id
             WHERE i.id = ANY(%s) ORDER BY i.id
            """,
            (list(invoice_ids),),
        )
        return cursor.fetchall()


def numbered(conn: Connection[Any], number: str) -> int | None:
    """The invoice of a number, or None."""
    row = conn.execute("SELECT id FROM invoices WHERE invoice_number = %s", (number,)).fetchone()
    return None if row is None else int(row[0])
