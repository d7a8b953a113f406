"""What must hold between the ledger and what is kept beside it: each query finds the rows where it does not.

That debits equal credits needs no query: an entry is one amount and both its accounts.
"""

from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True)
class Broken:
    """A row that should not be as it is: ``id`` of a ``subject`` (a table's name), its value and the right one."""

    subject: str
    id: int
    says: str | None
    should: str | None


def freeze(conn: Connection[Any]) -> None:
    """Let the transaction just begun see one state of everything, and change nothing."""
    conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def every_transaction_moves_something(conn: Connection[Any]) -> list[Broken]:
    """A transaction has an entry."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'ledger_transactions' AS subject, t.id, 'nothing moved' AS says, 'an entry' AS should
              FROM ledger_transactions t
             WHERE NOT EXISTS (SELECT FROM ledger_entries e WHERE e.transaction_id = t.id)
            """
        )
        return cursor.fetchall()


def accounts_may_face_each_other(conn: Connection[Any]) -> list[Broken]:
    """Every entry's pair of accounts is on the list for its kind."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'ledger_entries' AS subject, e.id, e.kind || ': ' || e.debit || ' / ' || e.credit AS says,
                   'a pair of ledger_pairs' AS should
              FROM ledger_entries e
              JOIN ledger_transactions t ON t.id = e.transaction_id
              LEFT JOIN ledger_pairs p ON (p.kind, p.debit, p.credit) = (t.kind, e.debit, e.credit)
             WHERE p.kind IS NULL OR e.kind <> t.kind
            """
        )
        return cursor.fetchall()


def owed_is_the_receivable(conn: Connection[Any]) -> list[Broken]:
    """``buyers.balance`` is what the ledger says they owe."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'buyers' AS subject, b.id, b.balance::text AS says, coalesce(a.amount, 0)::text AS should
              FROM buyers b
              LEFT JOIN (SELECT buyer_id, sum(amount) AS amount FROM ledger_postings
                          WHERE account = 'receivable' GROUP BY buyer_id) AS a ON a.buyer_id = b.id
             WHERE b.balance <> coalesce(a.amount, 0)
            """
        )
        return cursor.fetchall()


def prepaid_is_the_wallet(conn: Connection[Any]) -> list[Broken]:
    """``wallets.balance`` is what the ledger says is prepaid, and every buyer has a wallet."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'wallets' AS subject, b.id, w.balance::text AS says, coalesce(a.amount, 0)::text AS should
              FROM buyers b
              LEFT JOIN wallets w ON w.buyer_id = b.id
              LEFT JOIN (SELECT buyer_id, -sum(amount) AS amount FROM ledger_postings
                          WHERE account = 'wallet' GROUP BY buyer_id) AS a ON a.buyer_id = b.id
             WHERE w.balance IS DISTINCT FROM coalesce(a.amount, 0)
            """
        )
        return cursor.fetchall()


def claimed_is_reserved(conn: Connection[Any]) -> list[Broken]:
    """``buyers.pending_amount`` is the prices of the leads that are theirs and not yet billed."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'buyers' AS subject, b.id, b.pending_amount::text AS says, coalesce(l.amount, 0)::text AS should
              FROM buyers b
              LEFT JOIN (SELECT buyer_id, sum(delivered_price) AS amount FROM leads
                          WHERE billing_status = 'pending' AND status IN ('delivered', 'accepted')
                          GROUP BY buyer_id) AS l ON l.buyer_id = b.id
             WHERE b.pending_amount <> coalesce(l.amount, 0)
            """
        )
        return cursor.fetchall()


def a_lead_is_billed_once_at_its_price(conn: Connection[Any]) -> list[Broken]:
    """A lead that is not pending has one transaction of its delivered price, to its buyer; a pending one has none."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'leads' AS subject, coalesce(l.id, t.lead_id) AS id,
                   coalesce(t.times, 0) || ' times, ' || coalesce(t.amount, 0) AS says,
                   CASE WHEN l.id IS NULL THEN '0 times' ELSE '1 times, ' || l.delivered_price END AS should
              FROM (SELECT id, buyer_id, price, delivered_price FROM leads WHERE billing_status <> 'pending') AS l
              FULL JOIN (SELECT t.lead_id, min(t.buyer_id) AS buyer_id, count(*) AS times, sum(e.amount) AS amount
                           FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
                          WHERE t.kind = 'lead_billed' GROUP BY t.lead_id) AS t ON t.lead_id = l.id
             WHERE (t.times, t.amount, t.buyer_id, l.price) IS DISTINCT FROM
                   (1::bigint, l.delivered_price, l.buyer_id, l.delivered_price)
            """
        )
        return cursor.fetchall()


def price_components_add_up(conn: Connection[Any]) -> list[Broken]:
    """The parts of a delivered price add up to it."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'leads' AS subject, l.id, part.amount::text AS says, l.delivered_price::text AS should
              FROM leads l
             CROSS JOIN LATERAL (SELECT sum((c ->> 'amount')::numeric) AS amount
                                   FROM jsonb_array_elements(l.price_components) AS c) AS part
             WHERE jsonb_typeof(l.price_components) = 'array' AND part.amount IS DISTINCT FROM l.delivered_price
            """
        )
        return cursor.fetchall()


def money_is_in_its_owners_currency(conn: Connection[Any]) -> list[Broken]:
    """A transaction is in the currency of its buyer or publisher."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'ledger_transactions' AS subject, t.id, t.currency::text AS says,
                   coalesce(b.currency, p.currency)::text AS should
              FROM ledger_transactions t
              LEFT JOIN buyers b ON b.id = t.buyer_id
              LEFT JOIN publishers p ON p.id = t.publisher_id
             WHERE t.currency <> coalesce(b.currency, p.currency)
            """
        )
        return cursor.fetchall()


def the_wallet_pays_no_more_than_a_lead_costs(conn: Connection[Any]) -> list[Broken]:
    """What prepaid money paid of a lead is at most its price."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'leads' AS subject, l.id, drawn.amount::text AS says, 'at most ' || l.price AS should
              FROM (SELECT t.lead_id, sum(e.amount) AS amount
                      FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
                     WHERE t.kind = 'wallet_drawn' AND t.lead_id IS NOT NULL GROUP BY t.lead_id) AS drawn
              JOIN leads l ON l.id = drawn.lead_id
             WHERE drawn.amount > l.price
            """
        )
        return cursor.fetchall()


def an_earning_is_reversed_with_its_lead(conn: Connection[Any]) -> list[Broken]:
    """What a source's owner earned by a lead is taken back, in full, exactly where the lead was given back."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'leads' AS subject, l.id, coalesce(-r.amount, 0)::text AS says,
                   CASE WHEN l.billing_status = 'refunded' THEN -t.amount ELSE 0 END::text AS should
              FROM (SELECT t.id, t.lead_id, sum(e.amount) AS amount
                      FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
                     WHERE t.kind = 'lead_earned' GROUP BY t.id) AS t
              JOIN leads l ON l.id = t.lead_id
              LEFT JOIN (SELECT r.reverses_id, sum(e.amount) AS amount
                           FROM ledger_transactions r JOIN ledger_entries e ON e.transaction_id = r.id
                          WHERE r.kind = 'earning_reversed' GROUP BY r.reverses_id) AS r ON r.reverses_id = t.id
             WHERE coalesce(r.amount, 0) <> CASE WHEN l.billing_status = 'refunded' THEN t.amount ELSE 0 END
            """
        )
        return cursor.fetchall()
