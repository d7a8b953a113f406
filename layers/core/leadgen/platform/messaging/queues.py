"""The queues inside the database (PGMQ): creates, binds, fills and measures them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from leadgen.kernel.events import Event

OUTBOX = "outbox"


@dataclass(frozen=True)
class Sent:
    """A message as one queue holds it."""

    queue_name: str
    msg_id: int


def announce(conn: Connection[Any], events: Sequence[Event]) -> list[Sent]:
    """Send the events to every queue bound to their topics, when this transaction commits."""
    with conn.cursor(row_factory=class_row(Sent)) as cursor:
        cursor.execute(
            "SELECT queue_name, msg_id FROM announce(%s::jsonb[], %s::float8[])",
            ([Jsonb(event.message()) for event in events], [float(event.delay_seconds) for event in events]),
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class OutboxMessage:
    """A message that waits to be published; ``due`` is when it may be."""

    msg_id: int
    message: dict[str, Any]
    due: datetime


def read_outbox(
    conn: Connection[Any], *, msg_ids: Sequence[int] | None, before: datetime | None, limit: int
) -> list[OutboxMessage]:
    """Messages of the outbox, oldest first: the named ones, or those enqueued before ``before``."""
    with conn.cursor(row_factory=class_row(OutboxMessage)) as cursor:
        cursor.execute(
            """
            SELECT msg_id, message, vt AS due FROM pgmq.q_outbox
             WHERE (%(ids)s::bigint[] IS NULL OR msg_id = ANY(%(ids)s))
               AND (%(before)s::timestamptz IS NULL OR enqueued_at < %(before)s)
             ORDER BY msg_id LIMIT %(limit)s
            """,
            {"ids": None if msg_ids is None else list(msg_ids), "before": before, "limit": limit},
        )
        return cursor.fetchall()


def delete(conn: Connection[Any], queue: str, msg_ids: Sequence[int]) -> None:
    """Take messages out of a queue for good."""
    conn.execute("SELECT pgmq.delete(%s, %s::bigint[])", (queue, list(msg_ids)))


def create(conn: Connection[Any], queue: str) -> None:
    """Create a queue unless it is there."""
    conn.execute(
        "SELECT pgmq.create(%(queue)s) WHERE NOT EXISTS (SELECT 1 FROM pgmq.meta WHERE queue_name = %(queue)s)",
        {"queue": queue},
    )


def exists(conn: Connection[Any], queue: str) -> bool:
    """Whether a queue has been created."""
    return conn.execute("SELECT 1 FROM pgmq.meta WHERE queue_name = %s", (queue,)).fetchone() is not None


def bind(conn: Connection[Any], topic: str, queue: str) -> None:
    """Send the messages of a topic (``#`` for all) to a queue from now on."""
    conn.execute("SELECT pgmq.bind_topic(%s, %s)", (topic, queue))


def unbind(conn: Connection[Any], topic: str, queue: str) -> None:
    """Stop sending the messages of a topic to a queue."""
    conn.execute("SELECT pgmq.unbind_topic(%s, %s)", (topic, queue))


def bindings(conn: Connection[Any]) -> set[tuple[str, str]]:
    """Every (topic, queue) in force."""
    return set(conn.execute("SELECT pattern, queue_name FROM pgmq.topic_bindings").fetchall())


@dataclass(frozen=True)
class Depth:
    """How full a queue is; ``oldest_seconds`` is the age of its oldest message, None when empty or unknown."""

    queue: str
    messages: int
    visible: int | None
    oldest_seconds: int | None


def depths(conn: Connection[Any]) -> list[Depth]:
    """Every queue of the database, by name."""
    with conn.cursor(row_factory=class_row(Depth)) as cursor:
        cursor.execute(
            """
            SELECT queue_name AS queue, queue_length AS messages, queue_visible_length AS visible,
                   oldest_msg_age_sec AS oldest_seconds
              FROM pgmq.metrics_all() ORDER BY queue_name
            """
        )
        return cursor.fetchall()
