"""Assigns leads, reserves credit and caps, and opens deliveries: each statement for a whole batch, under locks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from leadgen.routing.domain.decision import Routed
from leadgen.routing.domain.reservations import CapacityUse, Exposure


def claim(conn: Connection[Any], claims: Mapping[int, Routed], *, now: datetime) -> list[int]:
    """The guarded delivery transition: give each validated lead to its buyer at its frozen price; the ids moved."""
    rows = conn.execute(
        """
        UPDATE leads l
           SET status = 'delivered', buyer_id = c.buyer_id, delivered_at = %(now)s, delivered_price = c.price,
               price_components = c.components, unrouted_at = NULL, unrouted_reason = NULL, route_again_at = NULL,
               route_attempts = l.route_attempts + 1, assigned_buyer_id = NULL, updated_at = %(now)s
          FROM unnest(%(lead_ids)s::int[], %(buyer_ids)s::int[], %(prices)s::numeric[], %(components)s::jsonb[])
               AS c(lead_id, buyer_id, price, components)
         WHERE l.id = c.lead_id AND l.status = 'validated'
        RETURNING l.id
        """,
        {
            "lead_ids": list(claims),
            "buyer_ids": [routed.buyer_id for routed in claims.values()],
            "prices": [routed.price.amount for routed in claims.values()],
            "components": [
                Jsonb([{"component": part.component, "amount": str(part.amount)} for part in routed.price.components])
                for routed in claims.values()
            ],
            "now": now,
        },
    )
    return [row[0] for row in rows]


def reserve_credit(conn: Connection[Any], amounts: Mapping[int, Decimal]) -> list[Exposure]:
    """Add what was claimed to each locked buyer's pending amount; what is at risk with each then."""
    with conn.cursor(row_factory=class_row(Exposure)) as cursor:
        cursor.execute(
            """
            UPDATE buyers b SET pending_amount = b.pending_amount + r.amount
              FROM unnest(%s::int[], %s::numeric[]) AS r(buyer_id, amount)
             WHERE b.id = r.buyer_id
            RETURNING b.id AS buyer_id, b.credit_limit,
                      b.balance + b.pending_amount
                      - coalesce((SELECT w.balance FROM wallets w WHERE w.buyer_id = b.id), 0) AS exposure
            """,
            (list(amounts), list(amounts.values())),
        )
        return cursor.fetchall()


def use_capacity(conn: Connection[Any], uses: Sequence[CapacityUse]) -> None:
    """Count claimed leads against each period, under the buyers' locks."""
    conn.execute(
        """
        INSERT INTO capacity_counters (buyer_offer_id, period, starts_at, claimed, amount)
        SELECT * FROM unnest(%s::int[], %s::text[], %s::timestamptz[], %s::int[], %s::numeric[])
        ON CONFLICT (buyer_offer_id, period, starts_at)
        DO UPDATE SET claimed = capacity_counters.claimed + excluded.claimed,
                      amount = capacity_counters.amount + excluded.amount
        """,
        (
            [use.buyer_offer_id for use in uses],
            [use.period for use in uses],
            [use.starts_at for use in uses],
            [use.claimed for use in uses],
            [use.amount for use in uses],
        ),
    )


def give_back_capacity(conn: Connection[Any], uses: Sequence[CapacityUse]) -> None:
    """Take leads that their buyers do not get off each period's count, under the buyers' locks.

    A count ends at nothing, also for a claim of before its period was counted: an answer must never fail to be kept.
    """
    conn.execute(
        """
        UPDATE capacity_counters c
           SET claimed = greatest(c.claimed - u.claimed, 0), amount = greatest(c.amount - u.amount, 0)
          FROM unnest(%s::int[], %s::text[], %s::timestamptz[], %s::int[], %s::numeric[])
               AS u(buyer_offer_id, period, starts_at, claimed, amount)
         WHERE (c.buyer_offer_id, c.period, c.starts_at) = (u.buyer_offer_id, u.period, u.starts_at)
        """,
        (
            [use.buyer_offer_id for use in uses],
            [use.period for use in uses],
            [use.starts_at for use in uses],
            [use.claimed for use in uses],
            [use.amount for use in uses],
        ),
    )


def open_deliveries(conn: Connection[Any], timezones: Mapping[int, str], *, now: datetime) -> None:
    """Begin the delivery of claimed leads, due at once: by webhook where the buyer has one, else by e-mail.

    ``timezones`` has the leads, each with the time zone in whose periods it was counted.
    """
    conn.execute(
        """
        INSERT INTO deliveries (created_at, lead_id, buyer_id, channel, next_attempt_at, timezone)
        SELECT %(now)s, l.id, l.buyer_id,
               CASE WHEN coalesce(bo.webhook_url_override, b.webhook_url) IS NULL THEN 'email' ELSE 'webhook' END,
               %(now)s, c.timezone
          FROM unnest(%(ids)s::int[], %(timezones)s::text[]) AS c(lead_id, timezone)
          JOIN leads l ON l.id = c.lead_id
          JOIN buyers b ON b.id = l.buyer_id
          JOIN buyer_offers bo ON bo.buyer_id = l.buyer_id AND bo.offer_id = l.offer_id
         ORDER BY l.id
        """,
        {"ids": list(timezones), "timezones": list(timezones.values()), "now": now},
    )


@dataclass(frozen=True)
class UnroutedLead:
    """An unrouted lead: held until ``route_again_at``, or rejected when that is None."""

    lead_id: int
    reason: str
    route_again_at: datetime | None


def mark_unrouted(conn: Connection[Any], waiting: Sequence[UnroutedLead], *, now: datetime) -> list[int]:
    """Hold or reject validated leads that found no buyer; the ids changed."""
    rows = conn.execute(
        """
        UPDATE leads l
           SET status = CASE WHEN u.again IS NULL THEN 'rejected'::lead_status ELSE l.status END,
               rejected_at = CASE WHEN u.again IS NULL THEN %(now)s END,
               rejection_reason = CASE WHEN u.again IS NULL THEN u.reason END,
               unrouted_at = coalesce(l.unrouted_at, %(now)s), unrouted_reason = u.reason, route_again_at = u.again,
               route_attempts = l.route_attempts + 1, updated_at = %(now)s
          FROM unnest(%(ids)s::int[], %(reasons)s::text[], %(again)s::timestamptz[]) AS u(lead_id, reason, again)
         WHERE l.id = u.lead_id AND l.status = 'validated'
        RETURNING l.id
        """,
        {
            "ids": [w.lead_id for w in waiting],
            "reasons": [w.reason for w in waiting],
            "again": [w.route_again_at for w in waiting],
            "now": now,
        },
    )
    return [row[0] for row in rows]
