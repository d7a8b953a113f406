"""Deliveries: claimed for one worker, attempted outside any transaction, recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.domain.delivery import Attempt, Parcel


def claim_due(conn: Connection[Any], lead_ids: Sequence[int], *, now: datetime, until: datetime) -> list[Parcel]:
    """Take the leads' due deliveries until ``until``; a claim whose worker died is free again after its time.

    A wake-up may come a moment early by this clock, hence the second of grace.
    """
    with conn.cursor(row_factory=class_row(Parcel)) as cursor:
        cursor.execute(
            """
            UPDATE deliveries d
               SET claimed_until = %(until)s, attempts = d.attempts + 1, updated_at = %(now)s
              FROM leads l
              JOIN buyers b ON b.id = l.buyer_id
              JOIN buyer_offers bo ON bo.buyer_id = l.buyer_id AND bo.offer_id = l.offer_id
             WHERE d.lead_id = l.id AND d.lead_id = ANY(%(ids)s) AND d.status = 'pending'
               AND d.next_attempt_at <= %(now)s + INTERVAL '1 second'
               AND (d.claimed_until IS NULL OR d.claimed_until < %(now)s)
            RETURNING d.id::text AS delivery_id, l.id AS lead_id, d.buyer_id, l.trace_id, d.channel,
                      d.attempts AS attempt, l.created_at AS received_at, l.delivered_at, l.name, l.phone, l.email,
                      l.postal_code, l.message, l.source, l.delivered_price AS price,
                      coalesce(bo.webhook_url_override, b.webhook_url) AS webhook_url, b.webhook_secret,
                      CASE WHEN b.email_notifications THEN coalesce(bo.email_override, b.email) END AS email_to
            """,
            {"ids": list(lead_ids), "now": now, "until": until},
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class AttemptRecord:
    """One attempt as it is kept."""

    parcel: Parcel
    started_at: datetime
    attempt: Attempt


def record_attempts(conn: Connection[Any], records: Sequence[AttemptRecord]) -> None:
    """Keep every attempt, taken or not."""
    conn.execute(
        """
        INSERT INTO delivery_attempts (delivery_id, channel, attempt, started_at, milliseconds, outcome, http_status,
                                       error)
        SELECT * FROM unnest(%s::uuid[], %s::text[], %s::int[], %s::timestamptz[], %s::int[], %s::text[], %s::int[],
                             %s::text[])
        """,
        (
            [r.parcel.delivery_id for r in records],
            [r.parcel.channel for r in records],
            [r.parcel.attempt for r in records],
            [r.started_at for r in records],
            [r.attempt.milliseconds for r in records],
            ["taken" if r.attempt.taken else "failed" for r in records],
            [r.attempt.http_status for r in records],
            [r.attempt.error for r in records],
        ),
    )


@dataclass(frozen=True)
class Settlement:
    """What an attempt leads to: ``next_attempt_at`` is set while the delivery stays pending."""

    delivery_id: str
    status: str
    channel: str
    restarts_count: bool
    next_attempt_at: datetime | None
    review_reason: str | None


def settle(conn: Connection[Any], settlements: Sequence[Settlement], *, now: datetime) -> list[str]:
    """Release the claims with their results; the ids of the deliveries that were still pending."""
    rows = conn.execute(
        """
        UPDATE deliveries d
           SET status = s.status, channel = s.channel, attempts = CASE WHEN s.restarts THEN 0 ELSE d.attempts END,
               next_attempt_at = s.next_attempt_at, claimed_until = NULL, review_reason = s.reason,
               settled_at = CASE WHEN s.status <> 'pending' THEN %(now)s END, updated_at = %(now)s
          FROM unnest(%(ids)s::uuid[], %(statuses)s::text[], %(channels)s::text[], %(restarts)s::bool[],
                      %(next)s::timestamptz[], %(reasons)s::text[])
               AS s(id, status, channel, restarts, next_attempt_at, reason)
         WHERE d.id = s.id AND d.status = 'pending'
        RETURNING d.id::text
        """,
        {
            "ids": [s.delivery_id for s in settlements],
            "statuses": [s.status for s in settlements],
            "channels": [s.channel for s in settlements],
            "restarts": [s.restarts_count for s in settlements],
            "next": [s.next_attempt_at for s in settlements],
            "reasons": [s.review_reason for s in settlements],
            "now": now,
        },
    )
    return [row[0] for row in rows]


@dataclass(frozen=True)
class Due:
    """A pending delivery that nobody works on and whose time has come."""

    lead_id: int
    trace_id: str | None


def overdue(conn: Connection[Any], *, now: datetime, since: datetime, limit: int) -> list[Due]:
    """Pending deliveries due before ``since`` without a live claim."""
    with conn.cursor(row_factory=class_row(Due)) as cursor:
        cursor.execute(
            """
            SELECT d.lead_id, l.trace_id FROM deliveries d JOIN leads l ON l.id = d.lead_id
             WHERE d.status = 'pending' AND d.next_attempt_at < %(since)s
               AND (d.claimed_until IS NULL OR d.claimed_until < %(now)s)
             ORDER BY d.next_attempt_at, d.lead_id LIMIT %(limit)s
            """,
            {"now": now, "since": since, "limit": limit},
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class Unfinished:
    """A delivery whose message came again: taken but not yet billed, or claimed by a worker until ``claimed_until``."""

    lead_id: int
    trace_id: str | None
    claimed_until: datetime | None


def unfinished(conn: Connection[Any], lead_ids: Sequence[int], *, now: datetime) -> list[Unfinished]:
    """Of these leads, those that the buyer has taken but billing has not seen, and those another worker has now."""
    with conn.cursor(row_factory=class_row(Unfinished)) as cursor:
        cursor.execute(
            """
            SELECT l.id AS lead_id, l.trace_id, d.claimed_until
              FROM leads l JOIN deliveries d ON d.lead_id = l.id
             WHERE l.id = ANY(%(ids)s)
               AND (d.status = 'taken' AND l.billing_status = 'pending'
                    OR d.status = 'pending' AND d.claimed_until >= %(now)s)
             ORDER BY l.id
            """,
            {"ids": list(lead_ids), "now": now},
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class InReview:
    """A delivery that waits for an operator."""

    delivery_id: str
    lead_id: int
    buyer_id: int
    buyer: str
    since: datetime
    reason: str
    attempts: int


def in_review(conn: Connection[Any], *, limit: int) -> list[InReview]:
    """The review queue, longest waiting first."""
    with conn.cursor(row_factory=class_row(InReview)) as cursor:
        cursor.execute(
            """
            SELECT d.id::text AS delivery_id, d.lead_id, d.buyer_id, b.name AS buyer, d.settled_at AS since,
                   d.review_reason AS reason,
                   (SELECT count(*) FROM delivery_attempts a WHERE a.delivery_id = d.id)::int AS attempts
              FROM deliveries d JOIN buyers b ON b.id = d.buyer_id
             WHERE d.status = 'in_review' ORDER BY d.settled_at, d.id LIMIT %s
            """,
            (limit,),
        )
        return cursor.fetchall()
