"""Reads deliveries and their attempts for people."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.delivery.domain.verdicts import Delivery
from leadgen.outbound.domain.outcomes import Name


def in_review(conn: Connection[Any], *, limit: int) -> list[str]:
    """The ids of those that wait for a person, longest waiting first."""
    rows = conn.execute(
        "SELECT id::text FROM deliveries WHERE status = 'in_review' ORDER BY settled_at, id LIMIT %s", (limit,)
    )
    return [row[0] for row in rows]


def of_lead(conn: Connection[Any], lead_id: int) -> list[str]:
    """The ids of a lead's deliveries, one for each buyer it was claimed for, oldest first."""
    rows = conn.execute("SELECT id::text FROM deliveries WHERE lead_id = %s ORDER BY created_at, id", (lead_id,))
    return [row[0] for row in rows]


def beginning_with(conn: Connection[Any], first: str, last: str, *, limit: int) -> list[str]:
    """The ids between two, both included."""
    rows = conn.execute(
        "SELECT id::text FROM deliveries WHERE id BETWEEN %s::uuid AND %s::uuid ORDER BY id LIMIT %s",
        (first, last, limit),
    )
    return [row[0] for row in rows]


def shown(conn: Connection[Any], delivery_ids: Collection[str]) -> list[Delivery]:
    """These deliveries, in the order given."""
    with conn.cursor(row_factory=class_row(Delivery)) as cursor:
        cursor.execute(
            """
            SELECT d.id::text AS delivery_id, d.lead_id, d.buyer_id, b.name AS buyer, d.created_at, d.status, d.channel,
                   d.attempts, d.next_attempt_at, d.settled_at, d.outcome_unknown, d.review_reason, d.release_reason,
                   d.rejection, d.reference, d.content_type, octet_length(d.body) AS body_bytes, l.trace_id,
                   l.status::text AS lead_status, l.offer_id, o.name AS offer,
                   l.status = 'delivered' AND l.billing_status = 'pending' AND l.buyer_id = d.buyer_id AS is_open,
                   l.erased_at IS NOT NULL AS is_erased,
                   coalesce(bo.webhook_url_override, b.webhook_url) IS NOT NULL OR b.email_notifications
                     AS is_reachable,
                   d.verdict, d.verdict_buyer_id, d.verdict_at, d.verdict_by,
                   d.verdict_at IS NOT NULL AND d.verdict_at = d.updated_at AS verdict_is_last,
                   e.id AS endpoint_id, e.url AS endpoint_url, e.state AS endpoint_state, e.reason AS endpoint_reason
              FROM unnest(%s::uuid[]) WITH ORDINALITY AS asked(id, place)
              JOIN deliveries d ON d.id = asked.id
              JOIN leads l ON l.id = d.lead_id
              JOIN offers o ON o.id = l.offer_id
              JOIN buyers b ON b.id = d.buyer_id
              LEFT JOIN buyer_offers bo ON bo.buyer_id = d.buyer_id AND bo.offer_id = l.offer_id
              LEFT JOIN endpoints e ON e.id = d.endpoint_id
             ORDER BY asked.place
            """,
            (list(delivery_ids),),
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class RecordedAttempt:
    """One attempt, as it is on record; without a duration where its worker died."""

    delivery_id: str
    channel: str
    attempt: int
    started_at: datetime
    milliseconds: int | None
    outcome: Name
    http_status: int | None
    error: str | None


def attempts(conn: Connection[Any], delivery_ids: Collection[str]) -> list[RecordedAttempt]:
    """Every attempt of these deliveries, oldest first."""
    with conn.cursor(row_factory=class_row(RecordedAttempt)) as cursor:
        cursor.execute(
            """
            SELECT delivery_id::text, channel, attempt, started_at, milliseconds, outcome, http_status, error
              FROM delivery_attempts WHERE delivery_id = ANY(%s::uuid[]) ORDER BY started_at, id
            """,
            (list(delivery_ids),),
        )
        return cursor.fetchall()
