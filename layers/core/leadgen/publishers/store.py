"""Reads publishers and their earnings; writes payouts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.publishers.domain.payouts import Earned, IssuedPayout, Payout, PayoutLine, PublisherAccount


def lock(conn: Connection[Any], publisher_id: int) -> None:
    """Lock a publisher: whoever changes its payouts holds this, after the buyers it wants."""
    conn.execute("SELECT id FROM publishers WHERE id = %s FOR NO KEY UPDATE", (publisher_id,))


def accounts(conn: Connection[Any], publisher_id: int | None = None) -> list[PublisherAccount]:
    """Every publisher, or the one."""
    with conn.cursor(row_factory=class_row(PublisherAccount)) as cursor:
        cursor.execute(
            """
            SELECT p.id AS publisher_id, p.name, p.currency, p.timezone,
                   (SELECT max(period_end) FROM payouts WHERE publisher_id = p.id) AS last_period_end
              FROM publishers p
             WHERE %(id)s::int IS NULL OR p.id = %(id)s
             ORDER BY p.id
            """,
            {"id": publisher_id},
        )
        return cursor.fetchall()


def unpaid(conn: Connection[Any], publisher_id: int, *, before: datetime) -> list[Earned]:
    """What a publisher has earned, and lost again with leads, before an instant, and no payout names."""
    with conn.cursor(row_factory=class_row(Earned)) as cursor:
        cursor.execute(
            """
            SELECT t.id AS transaction_id, t.occurred_at,
                   sum(CASE 'publisher_payable' WHEN e.credit THEN e.amount WHEN e.debit THEN -e.amount END) AS amount
              FROM ledger_transactions t
              JOIN ledger_entries e ON e.transaction_id = t.id
             WHERE t.publisher_id = %s AND t.kind IN ('lead_earned', 'earning_reversed') AND t.occurred_at < %s
               AND NOT EXISTS (SELECT FROM payout_lines l WHERE l.transaction_id = t.id)
             GROUP BY t.id
             ORDER BY t.id
            """,
            (publisher_id, before),
        )
        return cursor.fetchall()


def write_payout(
    conn: Connection[Any], payout: Payout, *, series: str, sequence: int, number: str, actor: str, now: datetime
) -> int:
    """Issue a payout; its id. Its lines follow with :func:`write_lines`."""
    row = conn.execute(
        """
        INSERT INTO payouts (issued_at, publisher_id, currency, timezone, series, sequence, number, period_start,
                             period_end, earned, reversed, total, actor)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        RETURNING id
        """,
        (
            now,
            payout.account.publisher_id,
            payout.account.currency,
            payout.account.timezone,
            series,
            sequence,
            number,
            payout.period_start,
            payout.period_end,
            payout.earned,
            payout.reversed,
            payout.total,
            actor,
        ),
    ).fetchone()
    assert row is not None
    return int(row[0])


def write_lines(conn: Connection[Any], payout_id: int, lines: Sequence[Earned]) -> None:
    """Put the transactions on the payout, all at once: they add up to it."""
    conn.execute(
        """
        INSERT INTO payout_lines (transaction_id, payout_id, amount)
        SELECT l.transaction_id, %s, l.amount FROM unnest(%s::bigint[], %s::numeric[]) AS l(transaction_id, amount)
        """,
        (payout_id, [line.transaction_id for line in lines], [line.amount for line in lines]),
    )


def mark_paid(conn: Connection[Any], payout_id: int, *, reference: str, by: str, at: datetime) -> bool:
    """An issued payout becomes paid; whether that was so."""
    changed = conn.execute(
        """
        UPDATE payouts SET status = 'paid', paid_at = %s, paid_by = %s, reference = %s
         WHERE id = %s AND status = 'issued'
        """,
        (at, by, reference, payout_id),
    )
    return changed.rowcount > 0


def payout(conn: Connection[Any], payout_id: int) -> IssuedPayout | None:
    """One payout, or None."""
    with conn.cursor(row_factory=class_row(IssuedPayout)) as cursor:
        cursor.execute(
            """
            SELECT o.id AS payout_id, o.number, o.publisher_id, p.name AS publisher, p.email, o.status, o.currency,
                   o.timezone, o.period_start, o.period_end, o.earned, o.reversed, o.total, o.issued_at, o.paid_at,
                   o.paid_by, o.reference
              FROM payouts o JOIN publishers p ON p.id = o.publisher_id
             WHERE o.id = %s
            """,
            (payout_id,),
        )
        return cursor.fetchone()


def payouts(conn: Connection[Any], *, limit: int) -> list[IssuedPayout]:
    """The latest payouts: those not paid yet first, and the newest first among equals."""
    with conn.cursor(row_factory=class_row(IssuedPayout)) as cursor:
        cursor.execute(
            """
            SELECT o.id AS payout_id, o.number, o.publisher_id, p.name AS publisher, p.email, o.status, o.currency,
                   o.timezone, o.period_start, o.period_end, o.earned, o.reversed, o.total, o.issued_at, o.paid_at,
                   o.paid_by, o.reference
              FROM payouts o JOIN publishers p ON p.id = o.publisher_id
             ORDER BY o.status, o.id DESC
             LIMIT %s
            """,
            (limit,),
        )
        return cursor.fetchall()


def payout_lines(conn: Connection[Any], payout_id: int) -> list[PayoutLine]:
    """A payout's lines, in the order things happened."""
    with conn.cursor(row_factory=class_row(PayoutLine)) as cursor:
        cursor.execute(
            """
            SELECT t.occurred_at, t.lead_id, s.source_key, l.price, line.amount
              FROM payout_lines line
              JOIN ledger_transactions t ON t.id = line.transaction_id
              JOIN leads l ON l.id = t.lead_id
              JOIN sources s ON s.id = l.source_id
             WHERE line.payout_id = %s
             ORDER BY t.occurred_at, t.id
            """,
            (payout_id,),
        )
        return cursor.fetchall()
