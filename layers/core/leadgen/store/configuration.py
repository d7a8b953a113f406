"""Configuration as data: what is sold where, by which policies, and where its leads come from.

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


@dataclass(frozen=True)
class WrittenPolicy(Written):
    """A policy's latest version after an upsert."""

    version: int


def store_validation_policy(conn: Connection[Any], *, name: str, rules: str) -> WrittenPolicy:
    """The latest version of the policy of this name: a new one if the rules (JSON text) differ from the latest."""
    with conn.cursor(row_factory=class_row(WrittenPolicy)) as cursor:
        cursor.execute(
            """
            WITH latest AS (
              SELECT id, version, rules FROM validation_policies WHERE name = %(name)s ORDER BY version DESC LIMIT 1
            ), next AS (
              INSERT INTO validation_policies (name, version, rules)
              SELECT %(name)s, coalesce((SELECT version FROM latest), 0) + 1, %(rules)s::jsonb
               WHERE NOT EXISTS (SELECT FROM latest WHERE rules = %(rules)s::jsonb)
              RETURNING id, version, rules
            )
            SELECT coalesce(next.id, latest.id) AS id, coalesce(next.version, latest.version) AS version,
                   latest.rules::text AS before, next.rules::text AS after
              FROM latest FULL JOIN next ON true
            """,
            {"name": name, "rules": rules},
        )
        return only(cursor)


def store_routing_policy(conn: Connection[Any], *, name: str, config: str) -> WrittenPolicy:
    """The latest version of the policy of this name: a new one if the config (JSON text) differs from the latest."""
    with conn.cursor(row_factory=class_row(WrittenPolicy)) as cursor:
        cursor.execute(
            """
            WITH latest AS (
              SELECT id, version, config FROM routing_policies WHERE name = %(name)s ORDER BY version DESC LIMIT 1
            ), next AS (
              INSERT INTO routing_policies (name, version, config)
              SELECT %(name)s, coalesce((SELECT version FROM latest), 0) + 1, %(config)s::jsonb
               WHERE NOT EXISTS (SELECT FROM latest WHERE config = %(config)s::jsonb)
              RETURNING id, version, config
            )
            SELECT coalesce(next.id, latest.id) AS id, coalesce(next.version, latest.version) AS version,
                   latest.config::text AS before, next.config::text AS after
              FROM latest FULL JOIN next ON true
            """,
            {"name": name, "config": config},
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
) -> Written:
    """The offer of this name of the vertical in the market."""
    with conn.cursor(row_factory=class_row(Written)) as cursor:
        cursor.execute(
            """
            WITH before AS (
              SELECT id, to_jsonb(o) - ARRAY['id', 'created_at', 'updated_at'] AS state FROM offers o
               WHERE market_id = %(market_id)s AND vertical_id = %(vertical_id)s AND name = %(name)s
            ), written AS (
              INSERT INTO offers AS o (market_id, vertical_id, name, is_active, default_price_per_lead,
                                       invoice_threshold, validation_policy_id, routing_policy_id)
              VALUES (%(market_id)s, %(vertical_id)s, %(name)s, %(is_active)s, %(price)s, %(threshold)s,
                      %(validation_policy_id)s, %(routing_policy_id)s)
              ON CONFLICT (market_id, vertical_id, name) DO UPDATE
                 SET is_active = excluded.is_active, default_price_per_lead = excluded.default_price_per_lead,
                     invoice_threshold = excluded.invoice_threshold,
                     validation_policy_id = excluded.validation_policy_id,
                     routing_policy_id = excluded.routing_policy_id, updated_at = CURRENT_TIMESTAMP
               WHERE (o.is_active, o.default_price_per_lead, o.invoice_threshold, o.validation_policy_id,
                      o.routing_policy_id)
                     IS DISTINCT FROM (excluded.is_active, excluded.default_price_per_lead, excluded.invoice_threshold,
                                       excluded.validation_policy_id, excluded.routing_policy_id)
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
            },
        )
        return only(cursor)


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
