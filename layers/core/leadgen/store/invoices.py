"""Invoices as they are read."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True)
class Invoice:
    """An invoice's head."""

    invoice_id: int
    invoice_number: str
    status: str
    buyer_id: int
    offer_id: int
    period_start: datetime
    period_end: datetime
    due_date: datetime
    total_leads: int
    amount_due: Decimal
    tax_amount: Decimal
    total_amount: Decimal


def get(conn: Connection[Any], invoice_id: int) -> Invoice | None:
    """One invoice, or None."""
    with conn.cursor(row_factory=class_row(Invoice)) as cursor:
        cursor.execute(
            """
            SELECT id AS invoice_id, invoice_number, status::text, buyer_id, offer_id, period_start, period_end,
                   due_date, total_leads, amount_due, tax_amount, total_amount
              FROM invoices WHERE id = %s
            """,
            (invoice_id,),
        )
        return cursor.fetchone()


@dataclass(frozen=True)
class Line:
    """One lead on an invoice."""

    lead_id: int
    delivered_at: datetime
    amount: Decimal


def lines(conn: Connection[Any], invoice_id: int) -> list[Line]:
    """An invoice's lines, in the order the leads were delivered."""
    with conn.cursor(row_factory=class_row(Line)) as cursor:
        cursor.execute(
            """
            SELECT lead_id, delivered_at, amount FROM invoice_lines
             WHERE invoice_id = %s ORDER BY delivered_at, lead_id
            """,
            (invoice_id,),
        )
        return cursor.fetchall()
