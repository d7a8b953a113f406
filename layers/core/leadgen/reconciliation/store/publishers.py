"""Invariants of payouts: each query finds the rows that break one."""

from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.reconciliation.store.ledger import Broken


def a_payout_is_the_sum_of_its_lines(conn: Connection[Any]) -> list[Broken]:
    """What a payout says was earned and reversed is that of its lines."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'payouts' AS subject, p.id, p.earned || ' less ' || p.reversed AS says,
                   coalesce(l.earned, 0) || ' less ' || coalesce(l.reversed, 0) AS should
              FROM payouts p
              LEFT JOIN (SELECT payout_id, coalesce(sum(amount) FILTER (WHERE amount > 0), 0) AS earned,
                                coalesce(-sum(amount) FILTER (WHERE amount < 0), 0) AS reversed
                           FROM payout_lines GROUP BY payout_id) AS l ON l.payout_id = p.id
             WHERE (p.earned, p.reversed) IS DISTINCT FROM (l.earned, l.reversed) OR p.total <> p.earned - p.reversed
            """
        )
        return cursor.fetchall()


def a_payout_line_is_an_earning_of_its_publisher(conn: Connection[Any]) -> list[Broken]:
    """A line is what the ledger says was earned or reversed, of the payout's publisher and before its period ended."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'payout_lines' AS subject, l.transaction_id AS id, l.amount::text AS says, e.amount::text AS should
              FROM payout_lines l
              JOIN payouts p ON p.id = l.payout_id
              LEFT JOIN (SELECT t.id, t.publisher_id, t.kind, t.occurred_at,
                                sum(CASE 'publisher_payable' WHEN e.credit THEN e.amount
                                                             WHEN e.debit THEN -e.amount END) AS amount
                           FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
                          WHERE t.kind IN ('lead_earned', 'earning_reversed')
                          GROUP BY t.id) AS e ON e.id = l.transaction_id
             WHERE (l.amount, p.publisher_id) IS DISTINCT FROM (e.amount, e.publisher_id)
                OR e.occurred_at >= p.period_end
            """
        )
        return cursor.fetchall()


def a_payout_is_posted_when_it_is_paid(conn: Connection[Any]) -> list[Broken]:
    """A payout that is paid has one posting of its total to its publisher; one that is not has none."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'payouts' AS subject, coalesce(p.id, t.id) AS id, coalesce(t.amount, 0)::text AS says,
                   coalesce(p.total, 0)::text AS should
              FROM (SELECT id, publisher_id, total, 'payout:' || id AS key FROM payouts WHERE status = 'paid') AS p
              FULL JOIN (SELECT t.id, t.publisher_id, t.idempotency_key AS key, sum(e.amount) AS amount
                           FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
                          WHERE t.kind = 'payout' GROUP BY t.id) AS t ON t.key = p.key
             WHERE (p.total, p.publisher_id) IS DISTINCT FROM (t.amount, t.publisher_id)
            """
        )
        return cursor.fetchall()
