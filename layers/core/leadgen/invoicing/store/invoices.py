"""Invoices as they are read, and what a person changes of them apart from money."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True)
class Invoice:
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


def get(conn: Connection[Any], invoice_id: int) -> Invoice | None:
    """One invoice, or None."""
    found = by_id(conn, [invoice_id])
    return found[0] if found else None


def by_id(conn: Connection[Any], invoice_ids: Sequence[int]) -> list[Invoice]:
    """Invoices by their ids, in the order of these."""
    with conn.cursor(row_factory=class_row(Invoice)) as cursor:
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


def listed(
    conn: Connection[Any],
    *,
    status: str | None,
    buyer_id: int | None,
    before: int | None,
    with_drafts: bool,
    limit: int,
) -> list[Invoice]:
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


def numbered(conn: Connection[Any], number: str) -> int | None:
    """The invoice of a number, or None."""
    row = conn.execute("SELECT id FROM invoices WHERE invoice_number = %s", (number,)).fetchone()
    return None if row is None else int(row[0])


@dataclass(frozen=True)
class Line:
    """One lead on an invoice."""

    lead_id: int
    delivered_at: datetime
    amount: Decimal


def lines(conn: Connection[Any], invoice_id: int) -> list[Line]:
    """An invoice's lines, in the order the leads were delivered; none that was released."""
    with conn.cursor(row_factory=class_row(Line)) as cursor:
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
    """Keep until when a locked buyer has said to pay an invoice; None is that it has not."""
    conn.execute("UPDATE invoices SET promised_until = %s, updated_at = %s WHERE id = %s", (until, now, invoice_id))
