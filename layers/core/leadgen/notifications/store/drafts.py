"""Adds notices in the transaction of the event that they are about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection


@dataclass(frozen=True)
class NoticeDraft:
    """A notice for a subscription. ``event_key`` names the event it is the only one of; a trial has none."""

    subscription_id: int
    event: str
    event_key: str | None
    body: bytes


def add(conn: Connection[Any], drafts: Sequence[NoticeDraft], *, now: datetime) -> list[str]:
    """Keep notices, due now; the ids of those that are new: of an event and a subscription there is one."""
    rows = conn.execute(
        """
        INSERT INTO notices (created_at, updated_at, kind, event, event_key, subscription_id, body, due_at,
                             next_attempt_at)
        SELECT %(now)s, %(now)s, CASE WHEN event_key IS NULL THEN 'trial' ELSE 'event' END, event, event_key,
               subscription_id, body, %(now)s, %(now)s
          FROM unnest(%(subscriptions)s::bigint[], %(events)s::text[], %(keys)s::text[], %(bodies)s::bytea[])
               AS d(subscription_id, event, event_key, body)
         ORDER BY subscription_id, event_key
        ON CONFLICT DO NOTHING
        RETURNING id::text
        """,
        {
            "subscriptions": [draft.subscription_id for draft in drafts],
            "events": [draft.event for draft in drafts],
            "keys": [draft.event_key for draft in drafts],
            "bodies": [draft.body for draft in drafts],
            "now": now,
        },
    )
    return [row[0] for row in rows]


def add_sms(conn: Connection[Any], events: Sequence[tuple[str, int]], *, now: datetime) -> list[str]:
    """Keep an SMS notice for each event of a lead whose buyer wants one: the lead came by e-mail, or is not known
    to have come at all. Of what the buyer rejected, or is ours to mend, no SMS is sent.

    Whose number that is, is read when it is sent; the notice does not hold it.
    """
    rows = conn.execute(
        """
        INSERT INTO notices (created_at, updated_at, kind, event, delivery_id, due_at, next_attempt_at)
        SELECT %(now)s, %(now)s, 'sms', e.event, d.id, %(now)s, %(now)s
          FROM unnest(%(events)s::text[], %(leads)s::int[]) AS e(event, lead_id)
          JOIN leads l ON l.id = e.lead_id
          JOIN deliveries d ON d.lead_id = l.id
          JOIN buyers b ON b.id = d.buyer_id
          LEFT JOIN buyer_offers bo ON bo.buyer_id = d.buyer_id AND bo.offer_id = l.offer_id
         WHERE b.sms_notifications AND coalesce(bo.sms_override, b.phone) IS NOT NULL
           AND (e.event = 'lead.delivered' AND d.status = 'succeeded' AND d.channel = 'email'
                OR e.event = 'delivery.failed' AND d.status = 'in_review'
                   AND d.review_reason IN ('webhook_failed', 'email_failed', 'outcome_unknown'))
         ORDER BY d.id
        ON CONFLICT DO NOTHING
        RETURNING id::text
        """,
        {"events": [event for event, _ in events], "leads": [lead_id for _, lead_id in events], "now": now},
    )
    return [row[0] for row in rows]
