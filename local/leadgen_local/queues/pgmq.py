"""The pump's statements on a PGMQ queue: read, delete, bury, and show again what a dead pump was working on.

Every function runs on an autocommit connection: its effect is committed when it returns.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg import sql

from leadgen_local.queues.sqs_events import Message
from leadgen_local.template.reader import Queue

Connection = psycopg.Connection[tuple[Any, ...]]


def read(conn: Connection, queue: Queue, limit: int) -> list[Message]:
    """Take up to `limit` visible messages, oldest first; others do not see them for the queue's visibility timeout."""
    rows = conn.execute(
        "SELECT msg_id, read_ct, enqueued_at, last_read_at, message::text FROM pgmq.read(%s, %s, %s)",
        (queue.name, queue.visibility_seconds, limit),
    ).fetchall()
    return sorted((Message(*row) for row in rows), key=lambda message: message.id)


def delete(conn: Connection, queue: Queue, ids: Sequence[int]) -> None:
    """Remove messages that are done."""
    conn.execute("SELECT pgmq.delete(%s, %s::bigint[])", (queue.name, ids))


def bury(conn: Connection, queue: Queue, ids: Sequence[int]) -> None:
    """Move messages to the dead letter queue; headers record their queue and how often they were received.

    The last receipt found them over the limit and handed them to nobody, so it does not count.
    """
    conn.execute(
        sql.SQL(
            """
            WITH dead AS (DELETE FROM pgmq.{queue} WHERE msg_id = ANY(%(ids)s::bigint[]) RETURNING *)
            INSERT INTO pgmq.{graveyard} (vt, enqueued_at, message, headers)
            SELECT clock_timestamp(), enqueued_at, message, coalesce(headers, '{{}}') || jsonb_build_object(
                     'source_queue', %(name)s::text, 'source_message_id', msg_id, 'receive_count', read_ct - 1)
              FROM dead ORDER BY msg_id
            """
        ).format(queue=_table(queue.name), graveyard=_table(str(queue.dead_letter_queue))),
        {"ids": ids, "name": queue.name},
    )


def show_again(conn: Connection, queues: Iterable[Queue]) -> int:
    """Make visible what was read but not deleted, and return how many that were; delayed messages keep their time.

    Only for the one pump of these queues, and before it reads: another's work would be done twice.
    """
    return sum(
        conn.execute(
            sql.SQL("UPDATE pgmq.{} SET vt = clock_timestamp() WHERE read_ct > 0 AND vt > clock_timestamp()").format(
                _table(queue.name)
            )
        ).rowcount
        for queue in queues
    )


def _table(queue_name: str) -> sql.Identifier:
    return sql.Identifier(f"q_{queue_name}")
