"""What must hold of what publishers are paid: each query finds the rows where it does not."""

from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.store.ledger_invariants import Broken


def a_payout_is_the_sum_of_its_lines(conn: Connection[Any]) -> list[Broken]:
    """A payout's total is its lines, each what the ledger has of an earning or a reversal of its publisher."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'payouts' AS subject, p.id, p.total::text AS says, coalesce(x.amount, 0)::text AS should
              FROM payouts p
              LEFT JOIN (SELECT l.payout_id,
                                sum(CASE t.kind WHEN 'lead_earned' THEN e.amount
                                                WHEN 'earning_reversed' THEN -e.amount END) AS amount,
                                bool_and(t.publisher_id = o.publisher_id) AS of_publisher
                           FROM payout_lines l
                           JOIN payouts o ON o.id = l.payout_id
                           JOIN ledger_transactions t ON t.id = l.transaction_id
                           JOIN ledger_entries e ON e.transaction_id = t.id
                          GROUP BY l.payout_id) AS x ON x.payout_id = p.id
             WHERE x.amount IS DISTINCT FROM p.total OR NOT coalesce(x.of_publisher, false)
            """
        )
        return cursor.fetchall()


def a_payout_is_posted_when_it_is_paid(conn: Connection[Any]) -> list[Broken]:
    """A paid payout has left as cash once, in full; one that is not paid has not."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'payouts' AS subject, p.id, coalesce(t.amount, 0)::text AS says,
                   CASE p.status WHEN 'paid' THEN p.total ELSE 0 END::text AS should
              FROM payouts p
              LEFT JOIN (SELECT split_part(t.idempotency_key, ':', 2)::bigint AS payout_id, sum(e.amount) AS amount
                           FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
                          WHERE t.kind = 'payout' GROUP BY 1) AS t ON t.payout_id = p.id
             WHERE coalesce(t.amount, 0) <> CASE p.status WHEN 'paid' THEN p.total ELSE 0 END
            """
        )
        return cursor.fetchall()
