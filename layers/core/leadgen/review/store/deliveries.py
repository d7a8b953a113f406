"""Writes an operator's verdict on a delivery, under the lead's and the buyer's locks."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True)
class DeliverySale:
    """The lead and the buyer that a delivery is of; they never change."""

    lead_id: int
    buyer_id: int


def find(conn: Connection[Any], delivery_id: str) -> DeliverySale | None:
    """What a delivery is of, or None where there is none; not locked."""
    with conn.cursor(row_factory=class_row(DeliverySale)) as cursor:
        cursor.execute("SELECT lead_id, buyer_id FROM deliveries WHERE id = %s::uuid", (delivery_id,))
        return cursor.fetchone()


def lock_lead(conn: Connection[Any], lead_id: int) -> None:
    """Lock a lead of which no delivery succeeded, before its buyer. Another is billed, under the buyer's lock."""
    conn.execute(
        """
        SELECT id FROM leads
         WHERE id = %s AND billing_status = 'pending'
           AND NOT EXISTS (SELECT FROM deliveries d WHERE d.lead_id = leads.id AND d.status = 'succeeded')
           FOR NO KEY UPDATE
        """,
        (lead_id,),
    )


def redeliver(conn: Connection[Any], delivery_id: str, *, by: str, now: datetime) -> None:
    """A locked delivery in review begins anew at its buyer, due at once, by webhook where the buyer has one now. What
    is unknown stays so.
    """
    conn.execute(
        """
        UPDATE deliveries d
           SET status = 'pending',
               channel = CASE WHEN coalesce(bo.webhook_url_override, b.webhook_url) IS NULL
                              THEN 'email' ELSE 'webhook' END,
               held_since = NULL, uncounted = d.attempts, lost_attempts = 0, next_attempt_at = %(now)s,
               settled_at = NULL, review_reason = NULL, verdict = 'redeliver', verdict_buyer_id = NULL,
               verdict_at = %(now)s, verdict_by = left(%(by)s, 200), updated_at = %(now)s
          FROM leads l, buyers b, buyer_offers bo
         WHERE d.id = %(id)s::uuid AND d.status = 'in_review' AND l.id = d.lead_id AND b.id = d.buyer_id
           AND bo.buyer_id = d.buyer_id AND bo.offer_id = l.offer_id
        """,
        {"id": delivery_id, "by": by, "now": now},
    )


@dataclass(frozen=True)
class Ended:
    """What a verdict makes of a delivery; ``assigned_to`` is the buyer that gets the lead instead."""

    status: Literal["succeeded", "released"]
    verdict: str
    assigned_to: int | None = None


def end(conn: Connection[Any], delivery_id: str, ended: Ended, *, by: str, now: datetime) -> None:
    """A locked delivery in review is over."""
    conn.execute(
        """
        UPDATE deliveries
           SET status = %(status)s::text, release_reason = CASE WHEN %(status)s::text = 'released' THEN 'operator' END,
               review_reason = NULL, settled_at = %(now)s, verdict = %(verdict)s, verdict_buyer_id = %(buyer)s::int,
               verdict_at = %(now)s, verdict_by = left(%(by)s, 200), updated_at = %(now)s
         WHERE id = %(id)s::uuid AND status = 'in_review'
        """,
        {
            "id": delivery_id,
            "status": ended.status,
            "verdict": ended.verdict,
            "buyer": ended.assigned_to,
            "by": by,
            "now": now,
        },
    )


@dataclass(frozen=True)
class AssignableBuyer:
    """A buyer that a lead may be assigned to, and whether it takes leads of the offer at all."""

    name: str
    is_active: bool
    is_enrolled: bool


def candidate(conn: Connection[Any], buyer_id: int, offer_id: int) -> AssignableBuyer | None:
    """The buyer, or None where there is none."""
    with conn.cursor(row_factory=class_row(AssignableBuyer)) as cursor:
        cursor.execute(
            """
            SELECT b.name, b.is_active AND coalesce(bo.is_active, true) AS is_active, bo.id IS NOT NULL AS is_enrolled
              FROM buyers b LEFT JOIN buyer_offers bo ON bo.buyer_id = b.id AND bo.offer_id = %s
             WHERE b.id = %s
            """,
            (offer_id, buyer_id),
        )
        return cursor.fetchone()
