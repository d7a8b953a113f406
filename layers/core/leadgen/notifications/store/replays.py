"""Adds replays of deliveries, one or all of a buyer's in a span of time, and reads their progress."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.notifications.domain.notices import Pace
from leadgen.notifications.store.notices import WaitingNotice


@dataclass(frozen=True)
class Replayable:
    """A delivery somebody wants to send again, and whether there is anything to send, and anywhere."""

    delivery_id: str
    lead_id: int
    buyer_id: int
    status: str
    has_body: bool
    is_erased: bool
    has_webhook: bool


def find(conn: Connection[Any], delivery_id: str) -> Replayable | None:
    """A delivery by its id."""
    with conn.cursor(row_factory=class_row(Replayable)) as cursor:
        cursor.execute(
            """
            SELECT d.id::text AS delivery_id, d.lead_id, d.buyer_id, d.status, d.body IS NOT NULL AS has_body,
                   l.erased_at IS NOT NULL AS is_erased,
                   coalesce(bo.webhook_url_override, b.webhook_url) IS NOT NULL AS has_webhook
              FROM deliveries d
              JOIN leads l ON l.id = d.lead_id
              JOIN buyers b ON b.id = d.buyer_id
              LEFT JOIN buyer_offers bo ON bo.buyer_id = d.buyer_id AND bo.offer_id = l.offer_id
             WHERE d.id = %s::uuid
            """,
            (delivery_id,),
        )
        return cursor.fetchone()


def add(conn: Connection[Any], delivery_id: str, *, event: str, now: datetime) -> str:
    """Keep the wish to send a delivery again, due now; the notice's id. Each wish is one of its own."""
    row = conn.execute(
        """
        INSERT INTO notices (created_at, updated_at, kind, event, delivery_id, due_at, next_attempt_at)
        VALUES (%(now)s, %(now)s, 'replay', %(event)s, %(id)s::uuid, %(now)s, %(now)s) RETURNING id::text
        """,
        {"id": delivery_id, "event": event, "now": now},
    ).fetchone()
    assert row is not None
    return str(row[0])


def one_at_a_time(conn: Connection[Any], buyer_id: int) -> None:
    """Let nobody else begin a replay batch of the buyer's until this transaction ends."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('leadgen.replay', %s))", (buyer_id,))


def begin(conn: Connection[Any], buyer_id: int, *, since: datetime, until: datetime, rate: int, now: datetime) -> int:
    """Begin a replay batch; its id."""
    row = conn.execute(
        """
        INSERT INTO replay_batches (created_at, buyer_id, since, until, rate, paced_to, queued_to)
        VALUES (%(now)s, %(buyer)s, %(since)s, %(until)s, %(rate)s, %(now)s, %(now)s) RETURNING id
        """,
        {"buyer": buyer_id, "since": since, "until": until, "rate": rate, "now": now},
    ).fetchone()
    assert row is not None
    return int(row[0])


def fill(conn: Connection[Any], replay_batch_id: int, *, event: str, now: datetime) -> int:
    """Keep a notice for each of the buyer's deliveries that its webhook accepted in the batch's time, oldest first, one
    after the other at its rate; how many. What was mailed and what is erased has no bytes to send.
    """
    return conn.execute(
        """
        WITH wanted AS (
          SELECT r.id AS replay_batch_id, d.id AS delivery_id,
                 %(now)s + (row_number() OVER (ORDER BY d.settled_at, d.id) - 1) * INTERVAL '1 second' / r.rate AS at
            FROM replay_batches r
            JOIN deliveries d ON d.buyer_id = r.buyer_id AND d.status = 'succeeded' AND d.channel = 'webhook'
                             AND d.settled_at >= r.since AND d.settled_at < r.until AND d.body IS NOT NULL
           WHERE r.id = %(id)s
        ), queued AS (
          UPDATE replay_batches SET queued_to = (SELECT max(at) FROM wanted)
           WHERE id = %(id)s AND EXISTS (SELECT 1 FROM wanted)
        )
        INSERT INTO notices (created_at, updated_at, kind, event, delivery_id, replay_batch_id, due_at, next_attempt_at)
        SELECT %(now)s, %(now)s, 'replay', %(event)s, delivery_id, replay_batch_id, at, at FROM wanted
        """,
        {"id": replay_batch_id, "event": event, "now": now},
    ).rowcount


def first(conn: Connection[Any], replay_batch_id: int, *, limit: int) -> list[WaitingNotice]:
    """The notices of a batch that come due first."""
    with conn.cursor(row_factory=class_row(WaitingNotice)) as cursor:
        cursor.execute(
            """
            SELECT id::text AS notice_id, next_attempt_at FROM notices WHERE replay_batch_id = %s AND status = 'pending'
             ORDER BY next_attempt_at, id LIMIT %s
            """,
            (replay_batch_id, limit),
        )
        return cursor.fetchall()


def unfillable(conn: Connection[Any], replay_batch_id: int) -> int:
    """How many of the buyer's deliveries of the batch's time cannot be sent again: mailed, or erased."""
    row = conn.execute(
        """
        SELECT count(*) FROM replay_batches r
          JOIN deliveries d ON d.buyer_id = r.buyer_id AND d.status = 'succeeded'
                           AND d.settled_at >= r.since AND d.settled_at < r.until
         WHERE r.id = %s AND (d.channel <> 'webhook' OR d.body IS NULL)
        """,
        (replay_batch_id,),
    ).fetchone()
    assert row is not None
    return int(row[0])


@dataclass(frozen=True)
class Progress:
    """How far a batch is; what has neither succeeded nor been given up waits, ``failed`` of it has failed before."""

    replay_batch_id: int
    buyer_id: int
    since: datetime
    until: datetime
    rate: int
    total: int
    succeeded: int
    given_up: int
    failed: int

    @property
    def settled(self) -> int:
        """Those of which nothing more is to be expected."""
        return self.succeeded + self.given_up


def progress(conn: Connection[Any], replay_batch_id: int) -> Progress | None:
    """How far a batch is."""
    with conn.cursor(row_factory=class_row(Progress)) as cursor:
        cursor.execute(
            """
            SELECT r.id AS replay_batch_id, r.buyer_id, r.since, r.until, r.rate, count(n.id)::int AS total,
                   count(*) FILTER (WHERE n.status = 'succeeded')::int AS succeeded,
                   count(*) FILTER (WHERE n.status = 'given_up')::int AS given_up,
                   count(*) FILTER (WHERE n.status = 'pending' AND n.attempts > 0
                                      AND n.claimed_until IS NULL)::int AS failed
              FROM replay_batches r LEFT JOIN notices n ON n.replay_batch_id = r.id WHERE r.id = %s GROUP BY r.id
            """,
            (replay_batch_id,),
        )
        return cursor.fetchone()


def unfinished(conn: Connection[Any], buyer_id: int) -> int | None:
    """The buyer's replay batch that still has something to send, the newest one."""
    row = conn.execute(
        """
        SELECT r.id FROM replay_batches r
         WHERE r.buyer_id = %s
           AND EXISTS (SELECT 1 FROM notices n WHERE n.replay_batch_id = r.id AND n.status = 'pending')
         ORDER BY r.id DESC LIMIT 1
        """,
        (buyer_id,),
    ).fetchone()
    return None if row is None else int(row[0])


def stop(conn: Connection[Any], replay_batch_id: int, *, now: datetime) -> int:
    """Give up what a batch has not sent yet; how many that were."""
    return conn.execute(
        """
        UPDATE notices SET status = 'given_up', error = 'stopped', next_attempt_at = NULL, settled_at = %(now)s,
               updated_at = %(now)s
         WHERE replay_batch_id = %(id)s AND status = 'pending' AND claimed_until IS NULL
        """,
        {"id": replay_batch_id, "now": now},
    ).rowcount


def withdraw(conn: Connection[Any], delivery_id: str, *, now: datetime) -> int:
    """Give up the replays of a delivery whose buyer does not get the lead, also after an attempt that is under way; how
    many that were.
    """
    return conn.execute(
        """
        UPDATE notices SET status = 'given_up', error = 'taken back', next_attempt_at = NULL, settled_at = %(now)s,
               updated_at = %(now)s
         WHERE delivery_id = %(id)s::uuid AND kind = 'replay' AND status = 'pending'
        """,
        {"id": delivery_id, "now": now},
    ).rowcount


def lock_paces(conn: Connection[Any], replay_batch_ids: Collection[int]) -> dict[int, Pace]:
    """Lock replay batches in id order, before endpoints; how fast each may go, by id."""
    rows = conn.execute(
        "SELECT id, rate, paced_to, queued_to FROM replay_batches WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        (sorted(set(replay_batch_ids)),),
    )
    return {replay_batch_id: Pace(*pace) for replay_batch_id, *pace in rows}


def save_paces(conn: Connection[Any], paces: Mapping[int, Pace]) -> None:
    """Keep the paces of locked replay batches."""
    conn.execute(
        """
        UPDATE replay_batches r SET paced_to = p.paced_to, queued_to = p.queued_to
          FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS p(id, paced_to, queued_to)
         WHERE r.id = p.id
        """,
        (list(paces), [p.paced_to for p in paces.values()], [p.queued_to for p in paces.values()]),
    )


def purge(conn: Connection[Any], *, before: datetime) -> int:
    """Remove replay batches begun before of which no notice is kept any more; how many."""
    return conn.execute(
        """
        DELETE FROM replay_batches r
         WHERE r.created_at < %s AND NOT EXISTS (SELECT 1 FROM notices n WHERE n.replay_batch_id = r.id)
        """,
        (before,),
    ).rowcount
