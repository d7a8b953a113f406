"""Configuration as data: what is sold where.

An upsert answers what it found and what it wrote, as JSON texts of the configured columns for the audit trail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from psycopg import Connection, Cursor
from psycopg.rows import class_row

Row = TypeVar("Row")

_APPLYING = 6_301_187_254_409_330_002  # any number, the same for everybody who applies configuration


def take_turns(conn: Connection[Any]) -> None:
    """Wait until no other transaction applies configuration."""
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (_APPLYING,))


@dataclass(frozen=True)
class Written:
    """A row after an upsert: ``before`` is None for a new row, ``after`` is None where nothing had to change."""

    id: int
    before: str | None
    after: str | None


def only(cursor: Cursor[Row]) -> Row:
    """The one row that a statement answers with."""
    row = cursor.fetchone()
    assert row is not None
    return row


def upsert_market(
    conn: Connection[Any],
    *,
    name: str,
    country_code: str,
    region_code: str | None,
    timezone: str,
    currency: str,
    is_active: bool,
) -> Written:
    """The market of this name."""
    with conn.cursor(row_factory=class_row(Written)) as cursor:
        cursor.execute(
            """
            WITH before AS (
              SELECT id, to_jsonb(m) - ARRAY['id', 'created_at', 'updated_at'] AS state FROM markets m
               WHERE name = %(name)s
            ), written AS (
              INSERT INTO markets AS m (name, country_code, region_code, timezone, currency, is_active)
              VALUES (%(name)s, %(country_code)s, %(region_code)s, %(timezone)s, %(currency)s, %(is_active)s)
              ON CONFLICT (name) DO UPDATE
                 SET country_code = excluded.country_code, region_code = excluded.region_code,
                     timezone = excluded.timezone, currency = excluded.currency, is_active = excluded.is_active,
                     updated_at = CURRENT_TIMESTAMP
               WHERE (m.country_code, m.region_code, m.timezone, m.currency, m.is_active)
                     IS DISTINCT FROM (excluded.country_code, excluded.region_code, excluded.timezone,
                                       excluded.currency, excluded.is_active)
              RETURNING id, to_jsonb(m) - ARRAY['id', 'created_at', 'updated_at'] AS state
            )
            SELECT coalesce(before.id, written.id) AS id, before.state::text AS before, written.state::text AS after
              FROM before FULL JOIN written ON true
            """,
            {
                "name": name,
                "country_code": country_code,
                "region_code": region_code,
                "timezone": timezone,
                "currency": currency,
                "is_active": is_active,
            },
        )
        return only(cursor)


def upsert_vertical(conn: Connection[Any], *, slug: str, name: str, is_active: bool) -> Written:
    """The vertical of this slug."""
    with conn.cursor(row_factory=class_row(Written)) as cursor:
        cursor.execute(
            """
            WITH before AS (
              SELECT id, to_jsonb(v) - ARRAY['id', 'created_at', 'updated_at'] AS state FROM verticals v
               WHERE slug = %(slug)s
            ), written AS (
              INSERT INTO verticals AS v (slug, name, is_active) VALUES (%(slug)s, %(name)s, %(is_active)s)
              ON CONFLICT (slug) DO UPDATE
                 SET name = excluded.name, is_active = excluded.is_active, updated_at = CURRENT_TIMESTAMP
               WHERE (v.name, v.is_active) IS DISTINCT FROM (excluded.name, excluded.is_active)
              RETURNING id, to_jsonb(v) - ARRAY['id', 'created_at', 'updated_at'] AS state
            )
            SELECT coalesce(before.id, written.id) AS id, before.state::text AS before, written.state::text AS after
              FROM before FULL JOIN written ON true
            """,
            {"slug": slug, "name": name, "is_active": is_active},
        )
        return only(cursor)


def upsert_offer(
    conn: Connection[Any],
    *,
    market_id: int,
    vertical_id: int,
    name: str,
    is_active: bool,
    price: Decimal,
    invoice_threshold: Decimal,
    validation_policy_id: int,
    routing_policy_id: int,
    returns: str | None,
) -> Written:
    """The offer of this name of the vertical in the market; ``returns`` is a JSON text."""
    with conn.cursor(row_factory=class_row(Written)) as cursor:
        cursor.execute(
            """
            WITH before AS (
              SELECT id, to_jsonb(o) - ARRAY['id', 'created_at', 'updated_at'] AS state FROM offers o
               WHERE market_id = %(market_id)s AND vertical_id = %(vertical_id)s AND name = %(name)s
            ), written AS (
              INSERT INTO offers AS o (market_id, vertical_id, name, is_active, default_price_per_lead,
                                       invoice_threshold, validation_policy_id, routing_policy_id, returns)
              VALUES (%(market_id)s, %(vertical_id)s, %(name)s, %(is_active)s, %(price)s, %(threshold)s,
                      %(validation_policy_id)s, %(routing_policy_id)s, %(returns)s::jsonb)
              ON CONFLICT (market_id, vertical_id, name) DO UPDATE
                 SET is_active = excluded.is_active, default_price_per_lead = excluded.default_price_per_lead,
                     invoice_threshold = excluded.invoice_threshold,
                     validation_policy_id = excluded.validation_policy_id,
                     routing_policy_id = excluded.routing_policy_id, returns = excluded.returns,
                     updated_at = CURRENT_TIMESTAMP
               WHERE (o.is_active, o.default_price_per_lead, o.invoice_threshold, o.validation_policy_id,
                      o.routing_policy_id, o.returns)
                     IS DISTINCT FROM (excluded.is_active, excluded.default_price_per_lead, excluded.invoice_threshold,
                                       excluded.validation_policy_id, excluded.routing_policy_id, excluded.returns)
              RETURNING id, to_jsonb(o) - ARRAY['id', 'created_at', 'updated_at'] AS state
            )
            SELECT coalesce(before.id, written.id) AS id, before.state::text AS before, written.state::text AS after
              FROM before FULL JOIN written ON true
            """,
            {
                "market_id": market_id,
                "vertical_id": vertical_id,
                "name": name,
                "is_active": is_active,
                "price": price,
                "threshold": invoice_threshold,
                "validation_policy_id": validation_policy_id,
                "routing_policy_id": routing_policy_id,
                "returns": returns,
            },
        )
        return only(cursor)


def offers_beside(conn: Connection[Any], offer_ids: Sequence[int]) -> list[str]:
    """The active offers of the same markets and verticals that are not among these."""
    rows = conn.execute(
        """
        SELECT DISTINCT o.name || ', ' || m.name
          FROM offers named
          JOIN offers o ON o.market_id = named.market_id AND o.vertical_id = named.vertical_id
           AND o.is_active AND o.id <> ALL(%(ids)s)
          JOIN markets m ON m.id = o.market_id
         WHERE named.id = ANY(%(ids)s)
         ORDER BY 1
        """,
        {"ids": list(offer_ids)},
    )
    return [name for (name,) in rows]


@dataclass(frozen=True)
class Deactivated:
    """A row that the files no longer name."""

    id: int
    name: str


@dataclass(frozen=True)
class AuditEntry:
    """A change of one object; the states are JSON texts without secrets, None where there is none."""

    action: str
    resource_type: str
    resource_id: int
    before: str | None
    after: str | None


def audit(conn: Connection[Any], entries: Sequence[AuditEntry]) -> None:
    """Add the changes to the audit trail, in the order given."""
    conn.execute(
        """
        INSERT INTO audit_logs (action, resource_type, resource_id, before_state, after_state)
        SELECT e.action, e.resource_type, e.resource_id, e.before::jsonb, e.after::jsonb
          FROM unnest(%s::text[], %s::text[], %s::int[], %s::text[], %s::text[]) WITH ORDINALITY
               AS e(action, resource_type, resource_id, before, after, position)
         ORDER BY e.position
        """,
        (
            [entry.action for entry in entries],
            [entry.resource_type for entry in entries],
            [entry.resource_id for entry in entries],
            [entry.before for entry in entries],
            [entry.after for entry in entries],
        ),
    )


def names_of_offers(conn: Connection[Any], ids: Sequence[int]) -> dict[int, str]:
    """The offers' names, with their markets."""
    return dict(
        conn.execute(
            """
            SELECT o.id, o.name || ', ' || m.name FROM offers o JOIN markets m ON m.id = o.market_id
             WHERE o.id = ANY(%s::int[])
            """,
            (list(ids),),
        ).fetchall()
    )


def deactivate_other_offers(conn: Connection[Any], *, keep: Sequence[int]) -> list[Deactivated]:
    """End the offers that are not among these."""
    with conn.cursor(row_factory=class_row(Deactivated)) as cursor:
        cursor.execute(
            """
            UPDATE offers o SET is_active = false, updated_at = CURRENT_TIMESTAMP
              FROM markets m
             WHERE m.id = o.market_id AND o.is_active AND o.id <> ALL(%s::int[])
            RETURNING o.id, o.name || ', ' || m.name AS name
            """,
            (list(keep),),
        )
        return cursor.fetchall()


def try_waiting_leads_again(conn: Connection[Any], offer_ids: Sequence[int]) -> int:
    """Make the leads of these offers that wait for a buyer due now; how many there were.

    A lead that a stage holds at this instant is passed over, not waited for: the caller holds buyers' rows, which that
    stage may want next.
    """
    return conn.execute(
        """
        UPDATE leads SET route_again_at = clock_timestamp()
         WHERE id IN (SELECT id FROM leads
                       WHERE offer_id = ANY(%s::int[]) AND status = 'validated' AND route_again_at > clock_timestamp()
                         AND unrouted_at IS NOT NULL AND in_review_since IS NULL
                       ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
        """,
        (list(offer_ids),),
    ).rowcount
