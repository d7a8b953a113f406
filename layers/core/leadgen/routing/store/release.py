"""Frees the cap and credit of refused leads, and returns the leads to routing or rejects them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True)
class ClaimedLead:
    """A lead claimed for a buyer and not billed, under lock: what the claim took, and its offer's routing policy.

    ``timezone`` is the market's as it was at the claim, whatever it is now: the claim was counted in its periods.
    ``released`` is how many buyers it was taken back from before.
    """

    lead_id: int
    buyer_id: int
    buyer_offer_id: int
    delivered_at: datetime
    price: Decimal
    timezone: str
    config: object
    policy: str
    trace_id: str | None
    released: int


def lock(conn: Connection[Any], lead_ids: Collection[int]) -> dict[int, ClaimedLead]:
    """Lock, in id order, those of the leads that a buyer was claimed for and that nobody has billed; by lead id."""
    with conn.cursor(row_factory=class_row(ClaimedLead)) as cursor:
        cursor.execute(
            """
            SELECT l.id AS lead_id, l.buyer_id, bo.id AS buyer_offer_id, l.delivered_at, l.delivered_price AS price,
                   coalesce((SELECT d.timezone FROM deliveries d WHERE d.lead_id = l.id AND d.status <> 'released'),
                            m.timezone) AS timezone,
                   p.config, quote_literal(p.name) || ' version ' || p.version AS policy, l.trace_id,
                   (SELECT count(*) FROM deliveries d WHERE d.lead_id = l.id AND d.status = 'released')::int AS released
              FROM leads l
              JOIN offers o ON o.id = l.offer_id
              JOIN markets m ON m.id = l.market_id
              JOIN routing_policies p ON p.id = o.routing_policy_id
              JOIN buyer_offers bo ON bo.buyer_id = l.buyer_id AND bo.offer_id = l.offer_id
             WHERE l.id = ANY(%s) AND l.status = 'delivered' AND l.billing_status = 'pending'
             ORDER BY l.id
               FOR NO KEY UPDATE OF l
            """,
            (sorted(set(lead_ids)),),
        )
        return {held.lead_id: held for held in cursor}


def to_routing(conn: Connection[Any], assigned: Mapping[int, int | None], *, now: datetime) -> list[int]:
    """The guarded way back: locked leads whose delivery is released wait for a buyer again; the ids moved.

    ``assigned`` has the leads, each with the one buyer it is offered to, or None for all.
    """
    rows = conn.execute(
        """
        UPDATE leads l
           SET status = 'validated', buyer_id = NULL, delivered_at = NULL, delivered_price = NULL,
               price_components = NULL, route_again_at = NULL, unrouted_at = NULL, unrouted_reason = NULL,
               assigned_buyer_id = a.buyer_id, updated_at = %(now)s
          FROM unnest(%(leads)s::int[], %(buyers)s::int[]) AS a(lead_id, buyer_id)
         WHERE l.id = a.lead_id AND l.status = 'delivered' AND l.billing_status = 'pending'
        RETURNING l.id
        """,
        {"leads": list(assigned), "buyers": list(assigned.values()), "now": now},
    )
    return [row[0] for row in rows]


def reject(conn: Connection[Any], lead_ids: Collection[int], reason: str, *, now: datetime) -> list[int]:
    """Locked leads whose delivery is released are sold to nobody; the ids moved."""
    rows = conn.execute(
        """
        UPDATE leads SET status = 'rejected', rejected_at = %(now)s, rejection_reason = %(reason)s, updated_at = %(now)s
         WHERE id = ANY(%(leads)s) AND status = 'delivered' AND billing_status = 'pending'
        RETURNING id
        """,
        {"leads": list(lead_ids), "reason": reason, "now": now},
    )
    return [row[0] for row in rows]
