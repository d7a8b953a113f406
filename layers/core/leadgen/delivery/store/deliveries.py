"""Claims, records and settles deliveries. Attempts are made outside any transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row, dict_row

from leadgen.delivery.domain.formats.payload import LeadFacts, Rendered
from leadgen.delivery.domain.steps import Channel
from leadgen.outbound.domain.outcomes import Name


def lock_delivery(conn: Connection[Any], delivery_id: str) -> None:
    """Lock a delivery, after its lead and its buyer."""
    conn.execute("SELECT id FROM deliveries WHERE id = %s::uuid FOR NO KEY UPDATE", (delivery_id,))


def mark_outcome_unknown(conn: Connection[Any], delivery_id: str) -> None:
    """The buyer of a locked delivery may have the lead from now on."""
    conn.execute("UPDATE deliveries SET outcome_unknown = true WHERE id = %s::uuid", (delivery_id,))


@dataclass(frozen=True)
class DueDelivery:
    """A pending delivery whose time has come and that nobody works on.

    ``url`` and ``email_to`` are where it goes, ``terms`` the enrollment's stored delivery terms; ``claimed_until`` is
    when the claim of a worker ended that died over it. ``broke_down`` is that the buyer's side answered an attempt with
    a failure of its own, which leaves open what it did before: any 5xx but 503, by which it does nothing.
    """

    delivery_id: str
    lead_id: int
    buyer_id: int
    trace_id: str | None
    channel: Channel
    held_since: datetime | None
    attempts: int
    uncounted: int
    lost_attempts: int
    outcome_unknown: bool
    jitter_seed: int
    url: str | None
    email_to: str = field(repr=False)
    mailable: bool
    is_erased: bool
    terms: object
    offer: str
    claimed_until: datetime | None
    broke_down: bool

    @property
    def is_abandoned(self) -> bool:
        """Whether a worker died over it."""
        return self.claimed_until is not None

    @property
    def version(self) -> "Version":
        """What of the row everything that is decided of it rests on."""
        return Version(self.attempts, self.uncounted, self.channel, self.claimed_until)


@dataclass(frozen=True)
class Version:
    """What changes of a pending delivery when anything happens to it."""

    attempts: int
    uncounted: int
    channel: Channel
    claimed_until: datetime | None


def due(conn: Connection[Any], lead_ids: Collection[int], *, now: datetime) -> list[DueDelivery]:
    """The leads' due deliveries, longest due first; not locked.

    A wake-up may come a moment early by this clock, hence the second of grace.
    """
    with conn.cursor(row_factory=class_row(DueDelivery)) as cursor:
        cursor.execute(
            """
            SELECT d.id::text AS delivery_id, d.lead_id, d.buyer_id, l.trace_id, d.channel, d.held_since, d.attempts,
                   d.uncounted, d.lost_attempts, d.outcome_unknown, d.jitter_seed,
                   coalesce(bo.webhook_url_override, b.webhook_url) AS url,
                   coalesce(bo.email_override, b.email) AS email_to, b.email_notifications AS mailable,
                   l.erased_at IS NOT NULL AS is_erased, bo.delivery AS terms, o.name AS offer, d.claimed_until,
                   EXISTS (SELECT 1 FROM delivery_attempts a
                            WHERE a.delivery_id = d.id AND a.http_status >= 500 AND a.http_status <> 503) AS broke_down
              FROM deliveries d
              JOIN leads l ON l.id = d.lead_id
              JOIN offers o ON o.id = l.offer_id
              JOIN buyers b ON b.id = d.buyer_id
              JOIN buyer_offers bo ON bo.buyer_id = d.buyer_id AND bo.offer_id = l.offer_id
             WHERE d.lead_id = ANY(%(ids)s) AND d.status = 'pending'
               AND d.next_attempt_at <= %(now)s + INTERVAL '1 second'
               AND (d.claimed_until IS NULL OR d.claimed_until < %(now)s)
             ORDER BY d.next_attempt_at, d.lead_id
            """,
            {"ids": list(lead_ids), "now": now},
        )
        return cursor.fetchall()


def lock(conn: Connection[Any], delivery_ids: Collection[str]) -> dict[str, Version]:
    """Lock deliveries in their leads' order, after whatever endpoints the transaction locks; the pending ones by id."""
    rows = conn.execute(
        """
        SELECT id::text, status, attempts, uncounted, channel, claimed_until FROM deliveries
         WHERE id = ANY(%s::uuid[]) ORDER BY lead_id, id FOR NO KEY UPDATE
        """,
        (list(delivery_ids),),
    )
    return {delivery_id: Version(*version) for delivery_id, status, *version in rows if status == "pending"}


def reap(conn: Connection[Any], delivery_ids: Collection[str], *, now: datetime) -> None:
    """Free locked deliveries whose worker died: the attempt is on record as unknown and does not count."""
    conn.execute(
        """
        WITH abandoned AS (
          UPDATE deliveries
             SET lost_attempts = lost_attempts + 1, uncounted = uncounted + 1, outcome_unknown = true,
                 claimed_until = NULL, updated_at = %(now)s
           WHERE id = ANY(%(ids)s::uuid[]) AND status = 'pending' AND claimed_until < %(now)s
          RETURNING id, channel, attempts, coalesce(claimed_at, next_attempt_at) AS started_at
        )
        INSERT INTO delivery_attempts (delivery_id, channel, attempt, started_at, outcome, error)
        SELECT id, channel, attempts, started_at, 'unknown', 'interrupted' FROM abandoned
        ON CONFLICT DO NOTHING
        """,
        {"ids": list(delivery_ids), "now": now},
    )


@dataclass(frozen=True)
class ClaimedDelivery:
    """A delivery that is this worker's for a while: the contact data its buyer pays for.

    ``attempt`` is the number of the attempt that begins now; ``secrets`` has the present one first.
    """

    delivery_id: str
    attempt: int
    endpoint_id: int
    secrets: tuple[str, ...] = field(repr=False)
    rendered: Rendered | None = field(repr=False)
    facts: LeadFacts = field(repr=False)


def claim(
    conn: Connection[Any], endpoints: Mapping[str, int], *, now: datetime, until: datetime
) -> dict[str, ClaimedDelivery]:
    """Take locked deliveries (``endpoints`` has each one's) until ``until``; by id, all but those of erased leads."""
    with conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            """
            UPDATE deliveries d
               SET claimed_at = %(now)s, claimed_until = %(until)s, attempts = d.attempts + 1, updated_at = %(now)s,
                   endpoint_id = c.endpoint_id
              FROM unnest(%(ids)s::uuid[], %(endpoints)s::bigint[]) AS c(delivery_id, endpoint_id)
             CROSS JOIN LATERAL (SELECT lead_id, buyer_id FROM deliveries WHERE id = c.delivery_id) AS own
              JOIN leads l ON l.id = own.lead_id
              JOIN offers o ON o.id = l.offer_id
              JOIN markets m ON m.id = l.market_id
              JOIN verticals v ON v.id = l.vertical_id
              JOIN buyers b ON b.id = own.buyer_id
             WHERE d.id = c.delivery_id AND d.status = 'pending' AND d.claimed_until IS NULL AND l.erased_at IS NULL
            RETURNING d.id::text AS delivery_id, d.attempts AS attempt, d.endpoint_id, d.content_type, d.body,
                      b.webhook_secret,
                      CASE WHEN b.previous_secret_until > %(now)s THEN b.previous_webhook_secret END AS previous_secret,
                      l.id AS lead_id, d.buyer_id, l.created_at AS received_at, l.delivered_at, l.name, l.email,
                      l.phone, l.country_code, l.postal_code, l.city, l.region_code, l.message, l.source, l.utm_source,
                      l.utm_medium, l.utm_campaign, l.attributes, l.delivered_price AS price, m.currency,
                      o.name AS offer, m.name AS market, v.slug AS vertical, m.timezone
            """,
            {"ids": list(endpoints), "endpoints": list(endpoints.values()), "now": now, "until": until},
        )
        return {row["delivery_id"]: _claimed(row) for row in cursor}


def _claimed(row: dict[str, Any]) -> ClaimedDelivery:
    secrets = row.pop("webhook_secret"), row.pop("previous_secret")
    content_type, body = row.pop("content_type"), row.pop("body")
    return ClaimedDelivery(
        delivery_id=row["delivery_id"],
        attempt=row.pop("attempt"),
        endpoint_id=row.pop("endpoint_id"),
        secrets=tuple(secret for secret in secrets if secret),
        rendered=None if body is None else Rendered(content_type, bytes(body)),
        facts=LeadFacts(**row),
    )


def keep_bodies(conn: Connection[Any], bodies: Mapping[str, Rendered]) -> None:
    """Keep what is going to be signed and sent, by delivery id: the same bytes at every attempt."""
    conn.execute(
        """
        UPDATE deliveries d SET content_type = b.content_type, body = b.body
          FROM unnest(%s::uuid[], %s::text[], %s::bytea[]) AS b(id, content_type, body)
         WHERE d.id = b.id AND d.body IS NULL
        """,
        (
            list(bodies),
            [rendered.content_type for rendered in bodies.values()],
            [rendered.body for rendered in bodies.values()],
        ),
    )


@dataclass(frozen=True)
class DeliveryAttempt:
    """One attempt as it is kept. ``error`` is a short cause of ours; never a body, a header or personal data."""

    delivery_id: str
    channel: Channel
    number: int
    started_at: datetime
    milliseconds: int
    outcome: Name
    http_status: int | None
    error: str | None


def record_attempts(conn: Connection[Any], attempts: Sequence[DeliveryAttempt]) -> None:
    """Keep every attempt, whatever came of it."""
    conn.execute(
        """
        INSERT INTO delivery_attempts (delivery_id, channel, attempt, started_at, milliseconds, outcome, http_status,
                                       error)
        SELECT id, channel, attempt, started_at, milliseconds, outcome, http_status, left(error, 200)
          FROM unnest(%s::uuid[], %s::text[], %s::int[], %s::timestamptz[], %s::int[], %s::text[], %s::int[],
                      %s::text[])
               AS a(id, channel, attempt, started_at, milliseconds, outcome, http_status, error)
        ON CONFLICT DO NOTHING
        """,
        (
            [a.delivery_id for a in attempts],
            [a.channel for a in attempts],
            [a.number for a in attempts],
            [a.started_at for a in attempts],
            [a.milliseconds for a in attempts],
            [a.outcome for a in attempts],
            [a.http_status for a in attempts],
            [a.error for a in attempts],
        ),
    )


@dataclass(frozen=True)
class DeliveryResult:
    """What becomes of a pending delivery that had so many ``attempts``.

    ``next_attempt_at`` is set while it stays pending; ``is_held`` is that it waits for its endpoint to bear a call, and
    ``begins`` that it begins anew on its channel: the attempts so far do not count there.
    """

    delivery_id: str
    attempts: int
    status: str
    channel: Channel
    begins: bool = False
    is_held: bool = False
    next_attempt_at: datetime | None = None
    outcome_unknown: bool = False
    review_reason: str | None = None
    release_reason: str | None = None
    reference: str | None = None
    rejection: str | None = None


def settle(conn: Connection[Any], settlements: Sequence[DeliveryResult], *, now: datetime) -> set[str]:
    """Free locked deliveries with their results; the ids of those that were still as they had been read.

    That the buyer has it is true whatever others do meanwhile, also where it waits for a person by then; anything
    else is recorded only of one's own attempt.
    """
    rows = conn.execute(
        """
        UPDATE deliveries d
           SET status = s.status, channel = s.channel,
               uncounted = CASE WHEN s.begins THEN d.attempts ELSE d.uncounted END,
               held_since = CASE WHEN s.is_held THEN coalesce(d.held_since, %(now)s) END,
               next_attempt_at = s.next_attempt_at, claimed_at = NULL, claimed_until = NULL,
               outcome_unknown = d.outcome_unknown OR s.outcome_unknown, review_reason = s.review_reason,
               release_reason = s.release_reason,
               reference = s.reference, rejection = s.rejection,
               settled_at = CASE WHEN s.status <> 'pending' THEN %(now)s END, updated_at = %(now)s
          FROM unnest(%(ids)s::uuid[], %(attempts)s::int[], %(statuses)s::text[], %(channels)s::text[],
                      %(begins)s::bool[], %(held)s::bool[], %(next)s::timestamptz[], %(unknowns)s::bool[],
                      %(reviews)s::text[], %(releases)s::text[], %(references)s::text[], %(rejections)s::text[])
               AS s(id, attempts, status, channel, begins, is_held, next_attempt_at, outcome_unknown, review_reason,
                    release_reason, reference, rejection)
         WHERE d.id = s.id AND (d.status = 'pending' AND d.attempts = s.attempts
                                OR s.status = 'succeeded' AND d.status IN ('pending', 'in_review'))
        RETURNING d.id::text
        """,
        {
            "ids": [s.delivery_id for s in settlements],
            "attempts": [s.attempts for s in settlements],
            "statuses": [s.status for s in settlements],
            "channels": [s.channel for s in settlements],
            "begins": [s.begins for s in settlements],
            "held": [s.is_held for s in settlements],
            "next": [s.next_attempt_at for s in settlements],
            "unknowns": [s.outcome_unknown for s in settlements],
            "reviews": [s.review_reason for s in settlements],
            "releases": [s.release_reason for s in settlements],
            "references": [s.reference for s in settlements],
            "rejections": [s.rejection for s in settlements],
            "now": now,
        },
    )
    return {row[0] for row in rows}


@dataclass(frozen=True)
class Overdue:
    """A pending delivery that nobody works on and whose time has come."""

    lead_id: int
    trace_id: str | None


def take_overdue(conn: Connection[Any], *, now: datetime, since: datetime, limit: int) -> list[Overdue]:
    """Pending deliveries due before ``since`` without a live claim, longest due first; they are due from now on.

    So those that announcing does not help are behind the others the next time.
    """
    with conn.cursor(row_factory=class_row(Overdue)) as cursor:
        cursor.execute(
            """
            WITH overdue AS (
              SELECT id FROM deliveries
               WHERE status = 'pending' AND next_attempt_at < %(since)s
                 AND (claimed_until IS NULL OR claimed_until < %(now)s)
               ORDER BY next_attempt_at, lead_id LIMIT %(limit)s
                 FOR NO KEY UPDATE SKIP LOCKED
            )
            UPDATE deliveries d SET next_attempt_at = %(now)s FROM overdue, leads l
             WHERE d.id = overdue.id AND l.id = d.lead_id
            RETURNING d.lead_id, l.trace_id
            """,
            {"now": now, "since": since, "limit": limit},
        )
        return sorted(cursor.fetchall(), key=lambda overdue: overdue.lead_id)


@dataclass(frozen=True)
class Unfinished:
    """A delivery whose message came again: taken but not yet billed, or claimed by a worker until ``claimed_until``."""

    lead_id: int
    buyer_id: int
    trace_id: str | None
    claimed_until: datetime | None


def unfinished(conn: Connection[Any], lead_ids: Collection[int], *, now: datetime) -> list[Unfinished]:
    """Of these leads, those that the buyer has taken but billing has not seen, and those another worker has now."""
    with conn.cursor(row_factory=class_row(Unfinished)) as cursor:
        cursor.execute(
            """
            SELECT l.id AS lead_id, d.buyer_id, l.trace_id, d.claimed_until
              FROM leads l JOIN deliveries d ON d.lead_id = l.id
             WHERE l.id = ANY(%(ids)s)
               AND (d.status = 'succeeded' AND l.billing_status = 'pending'
                    OR d.status = 'pending' AND d.claimed_until >= %(now)s)
             ORDER BY l.id
            """,
            {"ids": list(lead_ids), "now": now},
        )
        return cursor.fetchall()


def forget_contents(conn: Connection[Any], lead_ids: Collection[int]) -> None:
    """Take what was sent, and the buyers' answers, out of the deliveries of erased leads."""
    conn.execute(
        """
        UPDATE deliveries SET content_type = NULL, body = NULL, reference = NULL, rejection = NULL
         WHERE id IN (SELECT id FROM deliveries WHERE lead_id = ANY(%s) ORDER BY lead_id, id FOR NO KEY UPDATE)
        """,
        (list(lead_ids),),
    )
