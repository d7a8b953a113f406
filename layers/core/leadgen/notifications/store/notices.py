"""Claims, records and settles notices. Calls are made outside any transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.notifications.domain.notices import Kind
from leadgen.outbound.domain.outcomes import Name


@dataclass(frozen=True)
class DueNotice:
    """A pending notice whose time has come and that nobody works on, and where it goes now.

    ``buyer_id`` is the owner of the endpoint, none for the operator; ``is_abandoned`` is that a worker died over it;
    ``is_over`` that its subscription has ended. What was read holds while it has so many ``attempts``.
    """

    notice_id: str
    kind: Kind
    event: str
    subscription_id: int | None
    replay_batch_id: int | None
    held_since: datetime | None
    attempts: int
    lost_attempts: int
    jitter_seed: int
    buyer_id: int | None
    url: str | None
    is_abandoned: bool
    is_over: bool


def due(conn: Connection[Any], notice_ids: Collection[str], *, now: datetime, limit: int) -> list[DueNotice]:
    """Of these notices, those that are due, longest due first; not locked.

    A wake-up may come a moment early by this clock, hence the second of grace.
    """
    with conn.cursor(row_factory=class_row(DueNotice)) as cursor:
        cursor.execute(
            """
            SELECT n.id::text AS notice_id, n.kind, n.event, n.subscription_id, n.replay_batch_id, n.held_since,
                   n.attempts, n.lost_attempts, n.jitter_seed, coalesce(s.buyer_id, d.buyer_id) AS buyer_id,
                   coalesce(s.url, bo.webhook_url_override, b.webhook_url) AS url,
                   n.claimed_until IS NOT NULL AS is_abandoned, s.ended_at IS NOT NULL AS is_over
              FROM notices n
              LEFT JOIN subscriptions s ON s.id = n.subscription_id
              LEFT JOIN deliveries d ON d.id = n.delivery_id
              LEFT JOIN leads l ON l.id = d.lead_id
              LEFT JOIN buyers b ON b.id = d.buyer_id
              LEFT JOIN buyer_offers bo ON bo.buyer_id = d.buyer_id AND bo.offer_id = l.offer_id
             WHERE n.id = ANY(%(ids)s::uuid[]) AND n.status = 'pending'
               AND n.next_attempt_at <= %(now)s + INTERVAL '1 second'
               AND (n.claimed_until IS NULL OR n.claimed_until < %(now)s)
             ORDER BY n.due_at, n.id LIMIT %(limit)s
            """,
            {"ids": list(notice_ids), "now": now, "limit": limit},
        )
        return cursor.fetchall()


def reap(conn: Connection[Any], notice_ids: Collection[str], *, now: datetime) -> set[str]:
    """Free notices whose worker died: the attempt is on record as unknown and does not count. The ids of those."""
    rows = conn.execute(
        """
        WITH abandoned AS (
          UPDATE notices n
             SET lost_attempts = n.lost_attempts + 1, claimed_at = NULL, claimed_until = NULL, updated_at = %(now)s
            FROM notices AS before
           WHERE n.id = ANY(%(ids)s::uuid[]) AND n.status = 'pending' AND n.claimed_until < %(now)s AND before.id = n.id
          RETURNING n.id, n.attempts, before.claimed_at
        ), noted AS (
          INSERT INTO notice_attempts (notice_id, attempt, started_at, outcome, error)
          SELECT id, attempts, claimed_at, 'unknown', 'interrupted' FROM abandoned
          ON CONFLICT DO NOTHING
        )
        SELECT id::text FROM abandoned
        """,
        {"ids": list(notice_ids), "now": now},
    )
    return {row[0] for row in rows}


@dataclass(frozen=True)
class ClaimedNotice:
    """A notice that is this worker's for a while: what goes out, and where.

    ``message_id`` is its id for the receiver: a replay bears its delivery's. ``body`` is None where a replay's
    bytes are no more. Of an SMS there are the number and its event instead.
    """

    notice_id: str
    kind: Kind
    attempt: int
    message_id: str
    event: str
    content_type: str | None
    body: bytes | None = field(repr=False)
    url: str | None = field(repr=False)
    secret: str | None = field(repr=False)
    previous_secret: str | None = field(repr=False)
    sms_to: str | None = field(repr=False)
    lead_id: int | None
    vertical: str | None
    market: str | None
    country_code: str | None


def claim(conn: Connection[Any], endpoints: Mapping[str, int], *, now: datetime, until: datetime) -> dict[str, int]:
    """Take due notices (``endpoints`` has each one's) until ``until``; those that were still free, with the number of
    the attempt that begins now.
    """
    rows = conn.execute(
        """
        UPDATE notices n
           SET claimed_at = %(now)s, claimed_until = %(until)s, attempts = n.attempts + 1, held_since = NULL,
               endpoint_id = c.endpoint_id, updated_at = %(now)s
          FROM unnest(%(ids)s::uuid[], %(endpoints)s::bigint[]) AS c(notice_id, endpoint_id)
         WHERE n.id = c.notice_id AND n.status = 'pending' AND n.next_attempt_at <= %(now)s + INTERVAL '1 second'
           AND n.claimed_until IS NULL
        RETURNING n.id::text, n.attempts
        """,
        {"ids": list(endpoints), "endpoints": list(endpoints.values()), "now": now, "until": until},
    )
    return dict(rows.fetchall())


def claimed(conn: Connection[Any], notice_ids: Collection[str], *, now: datetime) -> list[ClaimedNotice]:
    """What the claimed notices carry, as it is now: secrets and numbers change, bytes do not."""
    with conn.cursor(row_factory=class_row(ClaimedNotice)) as cursor:
        cursor.execute(
            """
            SELECT n.id::text AS notice_id, n.kind, n.attempts AS attempt, n.event,
                   CASE n.kind WHEN 'replay' THEN d.id ELSE n.id END::text AS message_id,
                   CASE n.kind WHEN 'replay' THEN d.content_type ELSE 'application/json' END AS content_type,
                   CASE n.kind WHEN 'replay' THEN d.body ELSE n.body END AS body,
                   coalesce(s.url, bo.webhook_url_override, b.webhook_url) AS url,
                   CASE WHEN s.id IS NOT NULL THEN s.secret ELSE b.webhook_secret END AS secret,
                   CASE WHEN s.previous_secret_until > %(now)s THEN s.previous_secret
                        WHEN s.id IS NULL AND b.previous_secret_until > %(now)s THEN b.previous_webhook_secret
                   END AS previous_secret,
                   CASE WHEN n.kind = 'sms' AND b.sms_notifications
                        THEN coalesce(bo.sms_override, b.phone) END AS sms_to,
                   d.lead_id, v.name AS vertical, m.name AS market, m.country_code
              FROM notices n
              LEFT JOIN subscriptions s ON s.id = n.subscription_id
              LEFT JOIN deliveries d ON d.id = n.delivery_id
              LEFT JOIN leads l ON l.id = d.lead_id
              LEFT JOIN verticals v ON v.id = l.vertical_id
              LEFT JOIN markets m ON m.id = l.market_id
              LEFT JOIN buyers b ON b.id = d.buyer_id
              LEFT JOIN buyer_offers bo ON bo.buyer_id = d.buyer_id AND bo.offer_id = l.offer_id
             WHERE n.id = ANY(%(ids)s::uuid[])
            """,
            {"ids": list(notice_ids), "now": now},
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class NoticeAttempt:
    """One attempt as it is kept. ``error`` is a short cause of ours; never a body, a header or personal data."""

    notice_id: str
    number: int
    started_at: datetime
    milliseconds: int
    outcome: Name
    http_status: int | None
    error: str | None


def record_attempts(conn: Connection[Any], attempts: Sequence[NoticeAttempt]) -> None:
    """Keep every attempt, whatever came of it."""
    conn.execute(
        """
        INSERT INTO notice_attempts (notice_id, attempt, started_at, milliseconds, outcome, http_status, error)
        SELECT id, attempt, started_at, milliseconds, outcome, http_status, left(error, 200)
          FROM unnest(%s::uuid[], %s::int[], %s::timestamptz[], %s::int[], %s::text[], %s::int[], %s::text[])
               AS a(id, attempt, started_at, milliseconds, outcome, http_status, error)
        ON CONFLICT DO NOTHING
        """,
        (
            [a.notice_id for a in attempts],
            [a.number for a in attempts],
            [a.started_at for a in attempts],
            [a.milliseconds for a in attempts],
            [a.outcome for a in attempts],
            [a.http_status for a in attempts],
            [a.error for a in attempts],
        ),
    )


@dataclass(frozen=True)
class NoticeResult:
    """What becomes of a pending notice that had so many ``attempts``.

    ``next_attempt_at`` is set while it stays pending, ``due_at`` with it where its schedule moves it, ``is_held``
    where its endpoint takes no call; ``error`` is why it is given up.
    """

    notice_id: str
    attempts: int
    status: str
    next_attempt_at: datetime | None = None
    due_at: datetime | None = None
    is_held: bool = False
    error: str | None = None


def settle(conn: Connection[Any], settlements: Sequence[NoticeResult], *, now: datetime) -> set[str]:
    """Free notices with their results; the ids of those that were still as they had been read.

    That it has arrived is true whatever others do meanwhile; anything else is recorded only of one's own attempt.
    """
    rows = conn.execute(
        """
        UPDATE notices n
           SET status = s.status, next_attempt_at = s.next_attempt_at, due_at = coalesce(s.due_at, n.due_at),
               held_since = CASE WHEN s.is_held THEN coalesce(n.held_since, %(now)s) ELSE n.held_since END,
               error = left(s.error, 200), claimed_at = NULL, claimed_until = NULL,
               settled_at = CASE WHEN s.status <> 'pending' THEN %(now)s END, updated_at = %(now)s
          FROM unnest(%(ids)s::uuid[], %(attempts)s::int[], %(statuses)s::text[], %(next)s::timestamptz[],
                      %(due)s::timestamptz[], %(held)s::bool[], %(errors)s::text[])
               AS s(id, attempts, status, next_attempt_at, due_at, is_held, error)
         WHERE n.id = s.id AND n.status = 'pending' AND (s.status = 'succeeded' OR n.attempts = s.attempts)
        RETURNING n.id::text
        """,
        {
            "ids": [s.notice_id for s in settlements],
            "attempts": [s.attempts for s in settlements],
            "statuses": [s.status for s in settlements],
            "next": [s.next_attempt_at for s in settlements],
            "due": [s.due_at for s in settlements],
            "held": [s.is_held for s in settlements],
            "errors": [s.error for s in settlements],
            "now": now,
        },
    )
    return {row[0] for row in rows}


@dataclass(frozen=True)
class WaitingNotice:
    """A pending notice that nobody works on, and when it is due."""

    notice_id: str
    next_attempt_at: datetime


def overdue(
    conn: Connection[Any], *, now: datetime, since: datetime, ahead: datetime, limit: int
) -> list[WaitingNotice]:
    """Notices due before ``since`` without a live claim; and of replay batches those that come due before ``ahead``:
    no wake-up was sent for them when they were made, because they are many.
    """
    with conn.cursor(row_factory=class_row(WaitingNotice)) as cursor:
        cursor.execute(
            """
            SELECT id::text AS notice_id, next_attempt_at FROM notices
             WHERE status = 'pending'
               AND next_attempt_at < CASE WHEN replay_batch_id IS NULL THEN %(since)s ELSE %(ahead)s END
               AND next_attempt_at < %(ahead)s AND (claimed_until IS NULL OR claimed_until < %(now)s)
             ORDER BY next_attempt_at, id LIMIT %(limit)s
            """,
            {"now": now, "since": since, "ahead": ahead, "limit": limit},
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class NoticeSummary:
    """What has become of a notice so far, and what its last attempt came to."""

    notice_id: str
    url: str | None
    status: str
    attempts: int
    last_outcome: str | None
    error: str | None
    next_attempt_at: datetime | None


def summaries(conn: Connection[Any], notice_ids: Collection[str]) -> list[NoticeSummary]:
    """What has become of notices so far."""
    with conn.cursor(row_factory=class_row(NoticeSummary)) as cursor:
        cursor.execute(
            """
            SELECT n.id::text AS notice_id, s.url, n.status, n.attempts, a.outcome AS last_outcome,
                   coalesce(n.error, a.error) AS error, n.next_attempt_at
              FROM notices n
              LEFT JOIN subscriptions s ON s.id = n.subscription_id
              LEFT JOIN LATERAL (SELECT outcome, error FROM notice_attempts WHERE notice_id = n.id
                                  ORDER BY id DESC LIMIT 1) AS a ON true
             WHERE n.id = ANY(%s::uuid[]) ORDER BY n.subscription_id, n.id
            """,
            (list(notice_ids),),
        )
        return cursor.fetchall()


def purge(conn: Connection[Any], *, before: datetime, limit: int) -> int:
    """Remove up to ``limit`` notices that were settled before, with their attempts; how many."""
    return conn.execute(
        """
        WITH old AS (
          SELECT id FROM notices WHERE status <> 'pending' AND settled_at < %(before)s
           ORDER BY settled_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        ), forgotten AS (
          DELETE FROM notice_attempts a USING old WHERE a.notice_id = old.id
        )
        DELETE FROM notices n USING old WHERE n.id = old.id
        """,
        {"before": before, "limit": limit},
    ).rowcount
