"""Keeps each event of the payment provider once, before it is acted on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

PROVIDER = "stripe"


def keep(
    conn: Connection[Any],
    event_id: str,
    *,
    event_type: str,
    object_id: str,
    created_at: datetime,
    facts: Mapping[str, Any],
    now: datetime,
) -> None:
    """Keep an event, once. A second one waits until the first is committed."""
    conn.execute(
        """
        INSERT INTO payment_events (provider, event_id, type, object_id, created_at, received_at, facts)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (provider, event_id) DO NOTHING
        """,
        (PROVIDER, event_id, event_type, object_id, created_at, now, Jsonb(dict(facts))),
    )


@dataclass(frozen=True)
class WaitingEvent:
    """An event that nobody has acted on."""

    event_id: str
    type: str
    created_at: datetime
    facts: object
    attempts: int


def take(conn: Connection[Any], event_id: str) -> WaitingEvent | None:
    """Lock an event that is not processed; None for one that is, or that somebody else has just now."""
    with conn.cursor(row_factory=class_row(WaitingEvent)) as cursor:
        cursor.execute(
            """
            SELECT event_id, type, created_at, facts, attempts FROM payment_events
             WHERE provider = %s AND event_id = %s AND processed_at IS NULL
               FOR UPDATE SKIP LOCKED
            """,
            (PROVIDER, event_id),
        )
        return cursor.fetchone()


def done(conn: Connection[Any], event_id: str, outcome: str, *, now: datetime) -> None:
    """Say what came of an event."""
    conn.execute(
        """
        UPDATE payment_events
           SET processed_at = %s, outcome = left(%s, 64), attempts = attempts + 1, waits_for = NULL
         WHERE provider = %s AND event_id = %s
        """,
        (now, outcome, PROVIDER, event_id),
    )


def put_off(conn: Connection[Any], event_id: str, waits_for: str) -> None:
    """Say why nothing came of it yet."""
    conn.execute(
        """
        UPDATE payment_events SET attempts = attempts + 1, waits_for = left(%s, 64)
         WHERE provider = %s AND event_id = %s
        """,
        (waits_for, PROVIDER, event_id),
    )


def about_payment(conn: Connection[Any], payment: str) -> list[str]:
    """The events about a payment of the provider's that are not processed, oldest first."""
    rows = conn.execute(
        """
        SELECT event_id FROM payment_events
         WHERE provider = %s AND processed_at IS NULL AND facts ->> 'payment' = %s
         ORDER BY created_at, event_id
        """,
        (PROVIDER, payment),
    )
    return [row[0] for row in rows]


def due(conn: Connection[Any], *, now: datetime, since: datetime, limit: int) -> list[str]:
    """The events to be tried again: those that came before ``since``, each 2, 4, 8 … minutes after it came."""
    rows = conn.execute(
        """
        SELECT event_id FROM payment_events
         WHERE provider = %s AND processed_at IS NULL AND received_at <= %s
           AND received_at + interval '1 minute' * power(2, attempts) <= %s
         ORDER BY received_at LIMIT %s
        """,
        (PROVIDER, since, now, limit),
    )
    return [row[0] for row in rows]


def has_failed(conn: Connection[Any], refund: str) -> bool:
    """Whether the provider has reported that a refund failed."""
    row = conn.execute(
        """
        SELECT EXISTS (SELECT FROM payment_events
                        WHERE provider = %s AND object_id = %s AND facts ->> 'status' IN ('failed', 'canceled'))
        """,
        (PROVIDER, refund),
    ).fetchone()
    return row is not None and bool(row[0])
