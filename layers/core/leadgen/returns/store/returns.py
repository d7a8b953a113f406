"""Reads and writes returned leads and the decisions about them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from leadgen.kernel.trace import Json


@dataclass(frozen=True)
class Sold:
    """A lead, who has it, and on what terms it may be given back; ``policy`` and ``rules`` as stored.

    ``taken_at`` is since when its buyer has it, None where it has not. ``drawn`` is what prepaid money paid of it when
    it was billed. ``invoice_id`` is the living invoice that names it; ``return_status`` is the return that it has.
    """

    lead_id: int
    buyer_id: int | None
    offer_id: int
    created_at: datetime
    billing_status: str
    price: Decimal | None
    currency: str | None
    trace_id: str | None
    is_erased: bool
    taken_at: datetime | None
    drawn: Decimal
    invoice_id: int | None
    invoice_issued: bool
    billing_cycle: str | None
    timezone: str
    policy: object
    policy_label: str
    rules: object
    return_status: str | None


def sold(conn: Connection[Any], lead_id: int) -> Sold | None:
    """A lead as its return is judged; true until the commit where its buyer is locked and it is billed."""
    with conn.cursor(row_factory=class_row(Sold)) as cursor:
        cursor.execute(
            """
            SELECT l.id AS lead_id, l.buyer_id, l.offer_id, l.created_at, l.billing_status::text,
                   coalesce(l.price, l.delivered_price) AS price, b.currency, l.trace_id,
                   l.erased_at IS NOT NULL AS is_erased,
                   coalesce(d.settled_at, CASE WHEN l.billing_status <> 'pending' THEN l.delivered_at END) AS taken_at,
                   coalesce((SELECT sum(e.amount)
                               FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
                              WHERE t.lead_id = l.id AND t.kind = 'wallet_drawn'), 0) AS drawn,
                   x.invoice_id, i.issued_at IS NOT NULL AS invoice_issued, b.billing_cycle, m.timezone,
                   coalesce(bo.returns, o.returns) AS policy,
                   CASE WHEN bo.returns IS NULL THEN 'offer ' || o.name
                        ELSE 'the enrollment of ' || b.email || ' in ' || o.name END AS policy_label,
                   v.rules, r.status AS return_status
              FROM leads l
              JOIN offers o ON o.id = l.offer_id
              JOIN markets m ON m.id = o.market_id
              JOIN validation_policies v ON v.id = o.validation_policy_id
              LEFT JOIN buyers b ON b.id = l.buyer_id
              LEFT JOIN buyer_offers bo ON bo.buyer_id = l.buyer_id AND bo.offer_id = l.offer_id
              LEFT JOIN deliveries d ON d.lead_id = l.id AND d.buyer_id = l.buyer_id AND d.status = 'succeeded'
              LEFT JOIN invoice_lines x ON x.lead_id = l.id AND x.released_at IS NULL
              LEFT JOIN invoices i ON i.id = x.invoice_id
              LEFT JOIN lead_returns r ON r.lead_id = l.id AND r.status <> 'rejected'
             WHERE l.id = %s
            """,
            (lead_id,),
        )
        return cursor.fetchone()


def counted(conn: Connection[Any], buyer_id: int, offer_id: int, *, since: datetime) -> tuple[int, int]:
    """A buyer's returns of an offer that were requested since then and are approved or wait, and its leads that were
    billed since then.
    """
    row = conn.execute(
        """
        SELECT (SELECT count(*) FROM lead_returns r
                 WHERE r.buyer_id = %(buyer)s AND r.offer_id = %(offer)s AND r.requested_at >= %(since)s
                   AND r.status <> 'rejected'),
               (SELECT count(*) FROM leads l
                 WHERE l.buyer_id = %(buyer)s AND l.offer_id = %(offer)s AND l.billed_at >= %(since)s)
        """,
        {"buyer": buyer_id, "offer": offer_id, "since": since},
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def add(
    conn: Connection[Any],
    *,
    lead_id: int,
    buyer_id: int,
    offer_id: int,
    reason: str,
    note: str | None,
    by: str,
    trace: Json,
    now: datetime,
) -> int:
    """Keep a requested return; its id."""
    row = conn.execute(
        """
        INSERT INTO lead_returns (requested_at, lead_id, buyer_id, offer_id, reason, note, requested_by, trace)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
        RETURNING id
        """,
        (now, lead_id, buyer_id, offer_id, reason, note, by, Jsonb(trace)),
    ).fetchone()
    assert row is not None
    return int(row[0])


def decide(
    conn: Connection[Any],
    return_id: int,
    *,
    status: str,
    by: str,
    remark: str | None,
    credit_note_id: int | None = None,
    transaction_id: int | None = None,
    now: datetime,
) -> None:
    """A return that waits is decided; an approved one names the transaction that gave the money back."""
    conn.execute(
        """
        UPDATE lead_returns
           SET status = %(status)s, decided_at = %(now)s, decided_by = %(by)s, remark = %(remark)s,
               credit_note_id = %(note)s, transaction_id = %(transaction)s
         WHERE id = %(id)s AND status = 'requested'
        """,
        {
            "id": return_id,
            "status": status,
            "now": now,
            "by": by,
            "remark": remark,
            "note": credit_note_id,
            "transaction": transaction_id,
        },
    )


def release_line(
    conn: Connection[Any], invoice_id: int, lead_id: int, *, subtotal: Decimal, tax: Decimal, now: datetime
) -> None:
    """Take a lead off a draft, whose figures are then these; a draft without any leads is cancelled."""
    conn.execute(
        """
        WITH released AS (
          UPDATE invoice_lines SET released_at = %(now)s
           WHERE invoice_id = %(invoice)s AND lead_id = %(lead)s AND released_at IS NULL
          RETURNING id
        )
        UPDATE invoices
           SET total_leads = total_leads - 1, subtotal = %(subtotal)s, tax_amount = %(tax)s,
               total_amount = %(subtotal)s::numeric + %(tax)s::numeric, updated_at = %(now)s,
               status = CASE WHEN total_leads = 1 THEN 'cancelled' ELSE status END,
               cancelled_at = CASE WHEN total_leads = 1 THEN %(now)s::timestamptz END
         WHERE id = %(invoice)s AND status = 'draft' AND EXISTS (SELECT FROM released)
        """,
        {"invoice": invoice_id, "lead": lead_id, "subtotal": subtotal, "tax": tax, "now": now},
    )


@dataclass(frozen=True)
class Return:
    """A return, as it is shown; nothing of the lead's person."""

    return_id: int
    lead_id: int
    buyer_id: int
    buyer: str
    offer_id: int
    offer: str
    source_id: int
    price: Decimal
    currency: str
    reason: str
    note: str | None
    requested_at: datetime
    requested_by: str
    status: str
    trace: Json
    decided_at: datetime | None
    decided_by: str | None
    remark: str | None
    credit_note: str | None
    transaction_id: int | None


def get(conn: Connection[Any], return_id: int) -> Return | None:
    """One return; true until the commit where its buyer is locked."""
    found = listed(conn, return_id=return_id, limit=1)
    return found[0] if found else None


def listed(
    conn: Connection[Any],
    *,
    return_id: int | None = None,
    buyer_id: int | None = None,
    status: str | None = None,
    limit: int,
) -> list[Return]:
    """Returns of this id, this buyer and this state, or all: those that wait first, the longest waiting first."""
    with conn.cursor(row_factory=class_row(Return)) as cursor:
        cursor.execute(
            """
            SELECT r.id AS return_id, r.lead_id, r.buyer_id, b.name AS buyer, r.offer_id, o.name AS offer, l.source_id,
                   l.price, b.currency, r.reason, r.note, r.requested_at, r.requested_by, r.status, r.trace,
                   r.decided_at, r.decided_by, r.remark, c.number AS credit_note, r.transaction_id
              FROM lead_returns r
              JOIN leads l ON l.id = r.lead_id
              JOIN buyers b ON b.id = r.buyer_id
              JOIN offers o ON o.id = r.offer_id
              LEFT JOIN credit_notes c ON c.id = r.credit_note_id
             WHERE (%(id)s::bigint IS NULL OR r.id = %(id)s) AND (%(buyer)s::int IS NULL OR r.buyer_id = %(buyer)s)
               AND (%(status)s::text IS NULL OR r.status = %(status)s)
             ORDER BY r.status <> 'requested', CASE WHEN r.status = 'requested' THEN r.id ELSE -r.id END
             LIMIT %(limit)s
            """,
            {"id": return_id, "buyer": buyer_id, "status": status, "limit": limit},
        )
        return cursor.fetchall()
