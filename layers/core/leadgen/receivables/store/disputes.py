"""Reads and writes disputes of invoices, under the buyers' locks."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True)
class Dispute:
    """A dispute of an invoice; open until it has an outcome."""

    dispute_id: int
    invoice_id: int
    invoice_number: str
    buyer_id: int
    opened_at: datetime
    opened_by: str
    reason: str
    closed_at: datetime | None
    closed_by: str | None
    outcome: str | None
    remark: str | None


def get(conn: Connection[Any], dispute_id: int) -> Dispute | None:
    """One dispute; true until the commit where its buyer is locked."""
    with conn.cursor(row_factory=class_row(Dispute)) as cursor:
        cursor.execute(
            """
            SELECT d.id AS dispute_id, d.invoice_id, i.invoice_number, i.buyer_id, d.opened_at, d.opened_by, d.reason,
                   d.closed_at, d.closed_by, d.outcome, d.remark
              FROM invoice_disputes d JOIN invoices i ON i.id = d.invoice_id WHERE d.id = %s
            """,
            (dispute_id,),
        )
        return cursor.fetchone()


def listed(
    conn: Connection[Any], *, buyer_id: int | None = None, invoice_id: int | None = None, limit: int
) -> list[Dispute]:
    """Disputes of a buyer's invoices, of one invoice, or all: the open ones first, the longest open first."""
    with conn.cursor(row_factory=class_row(Dispute)) as cursor:
        cursor.execute(
            """
            SELECT d.id AS dispute_id, d.invoice_id, i.invoice_number, i.buyer_id, d.opened_at, d.opened_by, d.reason,
                   d.closed_at, d.closed_by, d.outcome, d.remark
              FROM invoice_disputes d JOIN invoices i ON i.id = d.invoice_id
             WHERE (%(buyer)s::int IS NULL OR i.buyer_id = %(buyer)s)
               AND (%(invoice)s::int IS NULL OR i.id = %(invoice)s)
             ORDER BY d.closed_at IS NOT NULL, CASE WHEN d.closed_at IS NULL THEN d.id ELSE -d.id END LIMIT %(limit)s
            """,
            {"buyer": buyer_id, "invoice": invoice_id, "limit": limit},
        )
        return cursor.fetchall()


def add(conn: Connection[Any], invoice_id: int, *, reason: str, by: str, now: datetime) -> int | None:
    """Open a dispute, and mark the invoice; its id, or None where one is open."""
    row = conn.execute(
        """
        WITH opened AS (
          INSERT INTO invoice_disputes (invoice_id, opened_at, opened_by, reason)
          VALUES (%(invoice)s, %(now)s, %(by)s, %(reason)s)
          ON CONFLICT (invoice_id) WHERE closed_at IS NULL DO NOTHING
          RETURNING id
        ), noted AS (
          UPDATE invoices SET disputed_at = %(now)s, dispute_reason = %(reason)s, resolved_at = NULL,
                              resolution_notes = NULL
           WHERE id = %(invoice)s AND EXISTS (SELECT FROM opened)
        )
        SELECT id FROM opened
        """,
        {"invoice": invoice_id, "now": now, "by": by, "reason": reason},
    ).fetchone()
    return None if row is None else int(row[0])


def close(conn: Connection[Any], invoice_id: int, *, outcome: str, remark: str | None, by: str, now: datetime) -> None:
    """End the open dispute of an invoice, if there is one, and mark the invoice."""
    conn.execute(
        """
        WITH closed AS (
          UPDATE invoice_disputes
             SET closed_at = %(now)s, closed_by = %(by)s, outcome = %(outcome)s, remark = %(remark)s
           WHERE invoice_id = %(invoice)s AND closed_at IS NULL
          RETURNING id
        )
        UPDATE invoices SET resolved_at = %(now)s, resolution_notes = concat_ws(': ', %(outcome)s, %(remark)s::text)
         WHERE id = %(invoice)s AND EXISTS (SELECT FROM closed)
        """,
        {"invoice": invoice_id, "now": now, "by": by, "outcome": outcome, "remark": remark},
    )
