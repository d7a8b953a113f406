"""Reads and writes subscriptions."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.notifications.domain.subscriptions import Subscription


def create(
    conn: Connection[Any], *, buyer_id: int | None, url: str, events: Collection[str], secret: str, now: datetime
) -> int:
    """Subscribe a buyer, or the operator where there is none; the subscription's id."""
    row = conn.execute(
        """
        INSERT INTO subscriptions (created_at, buyer_id, url, events, secret) VALUES (%s, %s, %s, %s, %s) RETURNING id
        """,
        (now, buyer_id, url, list(events), secret),
    ).fetchone()
    assert row is not None
    return int(row[0])


def one_at_a_time(conn: Connection[Any], buyer_id: int | None) -> None:
    """Let nobody else subscribe the same owner until this transaction ends."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('leadgen.subscribe', coalesce(%s, 0)))", (buyer_id,))


def count_in_force(conn: Connection[Any], buyer_id: int | None) -> int:
    """How many subscriptions a buyer has in force, or the operator."""
    row = conn.execute(
        "SELECT count(*) FROM subscriptions WHERE ended_at IS NULL AND buyer_id IS NOT DISTINCT FROM %s", (buyer_id,)
    ).fetchone()
    assert row is not None
    return int(row[0])


def listening(conn: Connection[Any], buyer_ids: Collection[int]) -> list[Subscription]:
    """The subscriptions in force of the operator and of these buyers."""
    rows = conn.execute(
        """
        SELECT id, buyer_id, events FROM subscriptions
         WHERE ended_at IS NULL AND (buyer_id IS NULL OR buyer_id = ANY(%s)) ORDER BY id
        """,
        (list(buyer_ids),),
    )
    return [Subscription(subscription_id, buyer_id, tuple(events)) for subscription_id, buyer_id, events in rows]


def end(conn: Connection[Any], subscription_ids: Collection[int], *, reason: str, now: datetime) -> list[int]:
    """End subscriptions, and give up what still waits for them; the ids of those that were in force."""
    rows = conn.execute(
        """
        WITH ended AS (
          UPDATE subscriptions SET ended_at = %(now)s, end_reason = %(reason)s
           WHERE id = ANY(%(ids)s) AND ended_at IS NULL RETURNING id
        ), dropped AS (
          UPDATE notices n
             SET status = 'given_up', error = 'the subscription has ended', next_attempt_at = NULL,
                 settled_at = %(now)s, updated_at = %(now)s
            FROM ended
           WHERE n.subscription_id = ended.id AND n.status = 'pending' AND n.claimed_until IS NULL
        )
        SELECT id FROM ended ORDER BY id
        """,
        {"ids": list(subscription_ids), "reason": reason, "now": now},
    )
    return [row[0] for row in rows]


def rotate(conn: Connection[Any], subscription_id: int, *, secret: str, until: datetime) -> bool:
    """Give a subscription in force another secret; the present one signs too ``until`` then. Whether there is one."""
    return (
        conn.execute(
            """
            UPDATE subscriptions SET previous_secret = secret, previous_secret_until = %s, secret = %s
             WHERE id = %s AND ended_at IS NULL
            """,
            (until, secret, subscription_id),
        ).rowcount
        == 1
    )


@dataclass(frozen=True)
class Listed:
    """A subscription as an operator sees it: without its secret, with how its endpoint does."""

    subscription_id: int
    buyer_id: int | None
    buyer: str | None
    url: str
    events: list[str]
    created_at: datetime
    rotating_until: datetime | None
    ended_at: datetime | None
    end_reason: str | None
    waiting: int
    last_outcome: str | None
    last_error: str | None
    last_at: datetime | None
    breaker: str | None


def listed(conn: Connection[Any], *, ended: bool, now: datetime, limit: int) -> list[Listed]:
    """The subscriptions in force, with ``ended`` also those that are no more."""
    with conn.cursor(row_factory=class_row(Listed)) as cursor:
        cursor.execute(
            """
            SELECT s.id AS subscription_id, s.buyer_id, b.email AS buyer, s.url, s.events, s.created_at,
                   CASE WHEN s.previous_secret_until > %(now)s THEN s.previous_secret_until END AS rotating_until,
                   s.ended_at, s.end_reason,
                   (SELECT count(*) FROM notices n
                     WHERE n.subscription_id = s.id AND n.status = 'pending')::int AS waiting,
                   last.outcome AS last_outcome, last.error AS last_error, last.started_at AS last_at,
                   e.state AS breaker
              FROM subscriptions s
              LEFT JOIN buyers b ON b.id = s.buyer_id
              LEFT JOIN endpoints e
                ON e.url = s.url
               AND e.owner = CASE WHEN s.buyer_id IS NULL THEN 'operator' ELSE 'buyer:' || s.buyer_id END
              LEFT JOIN LATERAL (
                SELECT a.outcome, a.error, a.started_at
                  FROM (SELECT id FROM notices WHERE subscription_id = s.id AND attempts > 0
                         ORDER BY updated_at DESC LIMIT 10) AS n
                  JOIN notice_attempts a ON a.notice_id = n.id
                 ORDER BY a.id DESC LIMIT 1
              ) AS last ON true
             WHERE %(ended)s OR s.ended_at IS NULL
             ORDER BY s.id LIMIT %(limit)s
            """,
            {"ended": ended, "now": now, "limit": limit},
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class Found:
    """A subscription, found by its id."""

    subscription_id: int
    buyer_id: int | None
    url: str
    events: list[str]
    ended_at: datetime | None


def find(conn: Connection[Any], subscription_id: int) -> Found | None:
    """A subscription, in force or not."""
    with conn.cursor(row_factory=class_row(Found)) as cursor:
        cursor.execute(
            "SELECT id AS subscription_id, buyer_id, url, events, ended_at FROM subscriptions WHERE id = %s",
            (subscription_id,),
        )
        return cursor.fetchone()


def at(conn: Connection[Any], url: str) -> list[int]:
    """The operator's subscriptions in force at an address."""
    rows = conn.execute(
        "SELECT id FROM subscriptions WHERE url = %s AND buyer_id IS NULL AND ended_at IS NULL ORDER BY id", (url,)
    )
    return [row[0] for row in rows]


def in_force(conn: Connection[Any]) -> list[Subscription]:
    """Every subscription in force."""
    rows = conn.execute("SELECT id, buyer_id, events FROM subscriptions WHERE ended_at IS NULL ORDER BY id")
    return [Subscription(subscription_id, buyer_id, tuple(events)) for subscription_id, buyer_id, events in rows]


def purge(conn: Connection[Any], *, before: datetime) -> int:
    """Remove what ended before, once nothing that was sent to it is kept any more; how many."""
    return conn.execute(
        """
        DELETE FROM subscriptions s
         WHERE s.ended_at < %s AND NOT EXISTS (SELECT 1 FROM notices n WHERE n.subscription_id = s.id)
        """,
        (before,),
    ).rowcount
