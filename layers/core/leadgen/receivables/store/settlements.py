"""Books settlements of issued invoices, under the buyers' locks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.receivables.domain.settlement import Changes, Invoice, Settlement, Status


def buyer_of(conn: Connection[Any], invoice_id: int) -> int | None:
    """Whose invoice it is, which never changes; None where there is none."""
    row = conn.execute("SELECT buyer_id FROM invoices WHERE id = %s", (invoice_id,)).fetchone()
    return None if row is None else int(row[0])


def invoices(conn: Connection[Any], invoice_ids: Sequence[int]) -> dict[int, Invoice]:
    """Invoices as they are, by id; true until the commit where their buyers are locked."""
    with conn.cursor(row_factory=class_row(Invoice)) as cursor:
        cursor.execute(
            """
            SELECT i.id AS invoice_id, i.invoice_number AS number, i.buyer_id, i.offer_id, i.currency, i.timezone,
                   i.status::text, i.issued_at, i.due_date, i.subtotal, i.tax_rate, i.tax_amount AS tax,
                   i.total_amount AS total, i.wallet_applied, i.amount_paid AS paid, i.amount_credited AS credited,
                   i.amount_written_off AS written_off, i.amount_due AS due,
                   EXISTS (SELECT FROM invoice_disputes d WHERE d.invoice_id = i.id AND d.closed_at IS NULL)
                   OR EXISTS (SELECT FROM chargebacks c JOIN payments p ON p.id = c.payment_id
                               WHERE p.invoice_id = i.id AND c.status = 'open') AS is_disputed
              FROM invoices i WHERE i.id = ANY(%s)
            """,
            (sorted(set(invoice_ids)),),
        )
        return {row.invoice_id: row for row in cursor}


def count(conn: Connection[Any], invoice_id: int) -> int:
    """How many settlements an invoice has."""
    row = conn.execute("SELECT count(*) FROM invoice_settlements WHERE invoice_id = %s", (invoice_id,)).fetchone()
    assert row is not None
    return int(row[0])


def settle(
    conn: Connection[Any],
    invoice_id: int,
    settlements: Sequence[Settlement],
    changed: Changes,
    status: Status,
    *,
    now: datetime,
) -> None:
    """Keep what an issued invoice is owed less or more (``changed`` are the sums of ``settlements``), and the state
    that leaves it in.
    """
    conn.execute(
        """
        WITH settled AS (
          INSERT INTO invoice_settlements (settled_at, invoice_id, kind, amount, payment_id, credit_note_id,
                                           chargeback_id)
          SELECT %(now)s, %(invoice)s, s.*
            FROM unnest(%(kinds)s::text[], %(amounts)s::numeric[], %(payments)s::bigint[], %(notes)s::bigint[],
                        %(chargebacks)s::bigint[]) AS s
        )
        UPDATE invoices
           SET wallet_applied = wallet_applied + %(wallet)s, amount_paid = amount_paid + %(paid)s,
               amount_credited = amount_credited + %(credited)s,
               amount_written_off = amount_written_off + %(written_off)s, status = %(status)s::invoice_status,
               paid_at = CASE WHEN %(status)s = 'paid' THEN coalesce(paid_at, %(now)s) END,
               cancelled_at = CASE WHEN %(status)s = 'cancelled' THEN coalesce(cancelled_at, %(now)s) END,
               updated_at = %(now)s
         WHERE id = %(invoice)s AND issued_at IS NOT NULL
        """,
        {
            "now": now,
            "invoice": invoice_id,
            "kinds": [s.kind for s in settlements],
            "amounts": [s.amount for s in settlements],
            "payments": [s.payment_id for s in settlements],
            "notes": [s.credit_note_id for s in settlements],
            "chargebacks": [s.chargeback_id for s in settlements],
            "wallet": changed.wallet_applied,
            "paid": changed.paid,
            "credited": changed.credited,
            "written_off": changed.written_off,
            "status": status,
        },
    )


def mark_leads(conn: Connection[Any], invoice_id: int, billing_status: str, *, now: datetime) -> None:
    """Say of an invoice's leads what became of their money; those refunded stay so."""
    conn.execute(
        """
        UPDATE leads l
           SET billing_status = %(status)s::billing_status,
               paid_at = CASE WHEN %(status)s = 'paid' THEN coalesce(l.paid_at, %(now)s) END, updated_at = %(now)s
          FROM invoice_lines x
         WHERE x.invoice_id = %(invoice)s AND x.released_at IS NULL AND l.id = x.lead_id
           AND l.billing_status NOT IN ('refunded', %(status)s::billing_status)
        """,
        {"invoice": invoice_id, "status": billing_status, "now": now},
    )
