"""Reads what of an invoice can be credited and writes credit notes, under the buyer's lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.receivables.domain.credit_notes import Credit, CreditableLine


def lines(conn: Connection[Any], invoice_id: int) -> list[CreditableLine]:
    """The leads on an invoice, and which of them are credited."""
    with conn.cursor(row_factory=class_row(CreditableLine)) as cursor:
        cursor.execute(
            """
            SELECT x.lead_id, x.amount, c.id IS NOT NULL AS is_credited
              FROM invoice_lines x LEFT JOIN credit_note_lines c ON c.lead_id = x.lead_id
             WHERE x.invoice_id = %s AND x.released_at IS NULL ORDER BY x.lead_id
            """,
            (invoice_id,),
        )
        return cursor.fetchall()


def credited(conn: Connection[Any], invoice_id: int) -> tuple[Decimal, Decimal]:
    """What was credited of an invoice before: net, and tax."""
    row = conn.execute(
        "SELECT coalesce(sum(net), 0), coalesce(sum(tax), 0) FROM credit_notes WHERE invoice_id = %s", (invoice_id,)
    ).fetchone()
    assert row is not None
    return row[0], row[1]


@dataclass(frozen=True)
class NewCreditNote:
    """A credit note as it is issued: ``number`` is the text that ``series`` and ``sequence`` make."""

    series: str
    sequence: int
    number: str
    reason: str
    note: str | None
    actor: str
    issued_at: datetime


def add(conn: Connection[Any], invoice_id: int, figures: Credit, new: NewCreditNote) -> int:
    """Write a credit note, with the parties as its invoice names them; its id. Its lines follow with ``add_lines``."""
    row = conn.execute(
        """
        INSERT INTO credit_notes (issued_at, buyer_id, invoice_id, currency, series, sequence, number, reason, note,
                                  net, tax, total, to_due, to_wallet, seller, buyer, actor)
        SELECT %(now)s, i.buyer_id, i.id, i.currency, %(series)s, %(sequence)s, %(number)s, %(reason)s, %(note)s,
               %(net)s, %(tax)s, %(total)s, %(to_due)s, %(to_wallet)s, i.seller, i.buyer, %(actor)s
          FROM invoices i WHERE i.id = %(invoice)s
        RETURNING id
        """,
        {
            "now": new.issued_at,
            "invoice": invoice_id,
            "series": new.series,
            "sequence": new.sequence,
            "number": new.number,
            "reason": new.reason,
            "note": new.note,
            "net": figures.net,
            "tax": figures.tax,
            "total": figures.total,
            "to_due": figures.to_due,
            "to_wallet": figures.to_wallet,
            "actor": new.actor,
        },
    ).fetchone()
    assert row is not None
    return int(row[0])


def add_lines(conn: Connection[Any], credit_note_id: int, credited: Sequence[CreditableLine]) -> None:
    """Say which leads a credit note credits."""
    conn.execute(
        """
        INSERT INTO credit_note_lines (credit_note_id, lead_id, amount)
        SELECT %s, l.lead_id, l.amount FROM unnest(%s::int[], %s::numeric[]) AS l(lead_id, amount)
        """,
        (credit_note_id, [line.lead_id for line in credited], [line.amount for line in credited]),
    )


def refund_leads(conn: Connection[Any], lead_ids: Sequence[int], *, now: datetime) -> None:
    """Billed leads are refunded, for good; one that waited for an invoice does so no more."""
    conn.execute(
        """
        WITH refunded AS (
          UPDATE leads SET billing_status = 'refunded', updated_at = %(now)s
           WHERE id = ANY(%(ids)s) AND billing_status <> 'pending'
          RETURNING id
        )
        DELETE FROM uninvoiced_leads u USING refunded WHERE u.lead_id = refunded.id
        """,
        {"ids": list(lead_ids), "now": now},
    )


@dataclass(frozen=True)
class ListedCreditNote:
    """A credit note as it is listed."""

    credit_note_id: int
    number: str
    invoice_id: int
    invoice_number: str
    buyer_id: int
    issued_at: datetime
    reason: str
    note: str | None
    currency: str
    net: Decimal
    tax: Decimal
    total: Decimal
    to_due: Decimal
    to_wallet: Decimal
    lead_ids: list[int]


def listed(conn: Connection[Any], *, buyer_id: int | None, limit: int) -> list[ListedCreditNote]:
    """Credit notes of a buyer, or all; the latest first."""
    with conn.cursor(row_factory=class_row(ListedCreditNote)) as cursor:
        cursor.execute(
            """
            SELECT c.id AS credit_note_id, c.number, c.invoice_id, i.invoice_number, c.buyer_id, c.issued_at, c.reason,
                   c.note, c.currency, c.net, c.tax, c.total, c.to_due, c.to_wallet,
                   ARRAY(SELECT x.lead_id FROM credit_note_lines x WHERE x.credit_note_id = c.id ORDER BY x.lead_id)
                   AS lead_ids
              FROM credit_notes c JOIN invoices i ON i.id = c.invoice_id
             WHERE %(buyer)s::int IS NULL OR c.buyer_id = %(buyer)s
             ORDER BY c.id DESC LIMIT %(limit)s
            """,
            {"buyer": buyer_id, "limit": limit},
        )
        return cursor.fetchall()
