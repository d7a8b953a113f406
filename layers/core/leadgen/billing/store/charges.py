"""Bills a batch of leads under the buyers' locks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


def buyers_to_bill(conn: Connection[Any], lead_ids: Sequence[int]) -> list[int]:
    """Who has taken those of the leads that nobody has billed; nothing is locked."""
    rows = conn.execute(
        """
        SELECT DISTINCT l.buyer_id FROM leads l JOIN deliveries d ON d.lead_id = l.id
         WHERE l.id = ANY(%s) AND l.billing_status = 'pending' AND d.status = 'succeeded'
         ORDER BY l.buyer_id
        """,
        (list(lead_ids),),
    )
    return [row[0] for row in rows]


@dataclass(frozen=True)
class Billed:
    """A lead billed just now, with its source and what that one's owner earns by it, as stored."""

    lead_id: int
    buyer_id: int
    offer_id: int
    price: Decimal
    currency: str
    trace_id: str | None
    source_key: str
    publisher_id: int | None
    earning: object


def bill(conn: Connection[Any], lead_ids: Sequence[int], buyer_ids: Sequence[int], *, now: datetime) -> list[Billed]:
    """The normative guarded statement, for a batch: each pending lead of the locked buyers becomes billed at its
    delivered price, its buyer owes as much more, and the ledger has it. The leads billed now; one billed before is none
    of them.
    """
    with conn.cursor(row_factory=class_row(Billed)) as cursor:
        cursor.execute(
            """
            WITH billable AS (
              SELECT id FROM leads
               WHERE id = ANY(%(ids)s) AND buyer_id = ANY(%(buyers)s) AND billing_status = 'pending'
                 AND EXISTS (SELECT 1 FROM deliveries d WHERE d.lead_id = leads.id AND d.status = 'succeeded')
               ORDER BY id FOR NO KEY UPDATE
            ), lead_update AS (
              UPDATE leads
                 SET billing_status = 'billed', price = delivered_price, billed_at = %(now)s, updated_at = %(now)s
               WHERE id IN (SELECT id FROM billable) AND billing_status = 'pending' AND delivered_price IS NOT NULL
              RETURNING id AS lead_id, buyer_id, offer_id, source_id, price, delivered_at, trace_id
            ), waiting AS (
              INSERT INTO uninvoiced_leads (lead_id, buyer_id, offer_id, delivered_at, since, price)
              SELECT lead_id, buyer_id, offer_id, delivered_at, %(now)s, price FROM lead_update
            ), charge AS (
              SELECT buyer_id, sum(price) AS amount FROM lead_update GROUP BY buyer_id
            ), buyer_update AS (
              UPDATE buyers
                 SET balance = balance + charge.amount, pending_amount = pending_amount - charge.amount,
                     updated_at = %(now)s
                FROM charge WHERE buyers.id = charge.buyer_id
              RETURNING buyers.id, buyers.currency
            ), posted AS (
              INSERT INTO ledger_transactions (occurred_at, kind, idempotency_key, currency, buyer_id, lead_id, actor)
              SELECT %(now)s, 'lead_billed', 'lead_billed:' || lead_id, b.currency, buyer_id, lead_id, 'stage:bill'
                FROM lead_update JOIN buyer_update b ON b.id = buyer_id ORDER BY lead_id
              RETURNING id, kind, lead_id
            ), entered AS (
              INSERT INTO ledger_entries (transaction_id, kind, debit, credit, amount)
              SELECT posted.id, posted.kind, 'receivable', 'revenue', lead_update.price
                FROM posted JOIN lead_update USING (lead_id) ORDER BY posted.id
            )
            SELECT l.lead_id, l.buyer_id, l.offer_id, l.price, b.currency, l.trace_id, s.source_key,
                   s.publisher_id, s.earning
              FROM lead_update l JOIN buyer_update b ON b.id = l.buyer_id JOIN sources s ON s.id = l.source_id
             ORDER BY l.lead_id
            """,
            {"ids": list(lead_ids), "buyers": list(buyer_ids), "now": now},
        )
        return cursor.fetchall()
