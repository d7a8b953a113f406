"""Reads invoices, and writes an operator's decisions about them apart from money."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.receivables.store.invoices import InvoiceHead, by_id


def get(conn: Connection[Any], invoice_id: int) -> InvoiceHead | None:
    """One invoice, or None."""
    found = by_id(conn, [invoice_id])
    return found[0] if found else None


def listed(
    conn: Connection[Any],
    *,
    status: str | None,
    buyer_id: int | None,
    before: int | None,
    with_drafts: bool,
    limit: int,
) -> list[InvoiceHead]:
    """The newest invoices first: of a status, of a buyer, of ids below ``before``; without drafts those that were
    issued.
    """
    rows = conn.execute(
        """
        SELECT id FROM invoices
         WHERE (%(status)s::text IS NULL OR status = %(status)s::invoice_status)
           AND (%(buyer)s::int IS NULL OR buyer_id = %(buyer)s)
           AND (%(before)s::int IS NULL OR id < %(before)s)
           AND (%(drafts)s OR issued_at IS NOT NULL)
         ORDER BY id DESC LIMIT %(limit)s
        """,
        {"status": status, "buyer": buyer_id, "before": before, "drafts": with_drafts, "limit": limit},
    )
    return by_id(conn, [row[0] for row in rows])[::-1]


@dataclass(frozen=True)
class InvoiceLine:
    """One lead on an invoice."""

    lead_id: int
    delivered_at: datetime
    amount: Decimal


def lines(conn: Connection[Any], invoice_id: int) -> list[InvoiceLine]:
    """An invoice's lines, in the order the leads were delivered; none that was released."""
    with conn.cursor(row_factory=class_row(InvoiceLine)) as cursor:
        cursor.execute(
            """
            SELECT lead_id, delivered_at, amount FROM invoice_lines
             WHERE invoice_id = %s AND released_at IS NULL ORDER BY delivered_at, lead_id
            """,
            (invoice_id,),
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class Settled:
    """By what an invoice is owed less, or below zero more."""

    settled_at: datetime
    kind: str
    amount: Decimal
    payment_id: int | None
    credit_note_id: int | None
    credit_note: str | None
    chargeback_id: int | None


def settlements(conn: Connection[Any], invoice_id: int) -> list[Settled]:
    """All that changed what an invoice is owed, oldest first."""
    with conn.cursor(row_factory=class_row(Settled)) as cursor:
        cursor.execute(
            """
            SELECT s.settled_at, s.kind, s.amount, s.payment_id, s.credit_note_id, c.number AS credit_note,
                   s.chargeback_id
              FROM invoice_settlements s LEFT JOIN credit_notes c ON c.id = s.credit_note_id
             WHERE s.invoice_id = %s ORDER BY s.id
            """,
            (invoice_id,),
        )
        return cursor.fetchall()


def cancel_draft(conn: Connection[Any], invoice_id: int, *, reason: str | None, now: datetime) -> None:
    """Cancel a locked buyer's draft: its lines are released, and their leads wait for an invoice again."""
    conn.execute(
        """
        WITH released AS (
          UPDATE invoice_lines SET released_at = %(now)s WHERE invoice_id = %(id)s AND released_at IS NULL
          RETURNING lead_id, delivered_at, amount
        ), freed AS (
          INSERT INTO uninvoiced_leads (lead_id, buyer_id, offer_id, delivered_at, since, price)
          SELECT r.lead_id, i.buyer_id, i.offer_id, r.delivered_at, %(now)s, r.amount
            FROM released r JOIN invoices i ON i.id = %(id)s
        )
        UPDATE invoices
           SET status = 'cancelled', cancelled_at = %(now)s, resolution_notes = %(reason)s, updated_at = %(now)s
         WHERE id = %(id)s AND status = 'draft'
        """,
        {"id": invoice_id, "reason": reason, "now": now},
    )


def promise(conn: Connection[Any], invoice_id: int, until: datetime | None, *, now: datetime) -> None:
    """Keep the time by which a locked buyer has promised to pay an invoice; None for no promise."""
    conn.execute("UPDATE invoices SET promised_until = %s, updated_at = %s WHERE id = %s", (until, now, invoice_id))
