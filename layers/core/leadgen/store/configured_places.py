"""Configuration as data: the places buyers serve, and the places that one buyer has first."""

from collections.abc import Collection, Sequence
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.store.configuration import Deactivated, Written, only

Place = tuple[str, str]
"""A scope type, ``postal_code`` or ``city``, and its value."""


def active_areas(conn: Connection[Any], *, buyer_id: int, market_id: int) -> set[Place]:
    """Where in the market the buyer takes leads now."""
    rows = conn.execute(
        """
        SELECT scope_type, scope_value FROM buyer_service_areas
         WHERE buyer_id = %s AND market_id = %s AND is_active
        """,
        (buyer_id, market_id),
    )
    return {(scope_type, scope_value) for scope_type, scope_value in rows}


def add_areas(conn: Connection[Any], *, buyer_id: int, market_id: int, places: Collection[Place]) -> None:
    """Let the buyer serve these places too."""
    conn.execute(
        """
        INSERT INTO buyer_service_areas AS a (buyer_id, market_id, scope_type, scope_value)
        SELECT %s, %s, p.scope_type, p.scope_value FROM unnest(%s::text[], %s::text[]) AS p(scope_type, scope_value)
        ON CONFLICT (buyer_id, market_id, scope_type, scope_value)
        DO UPDATE SET is_active = true, updated_at = CURRENT_TIMESTAMP WHERE NOT a.is_active
        """,
        (buyer_id, market_id, [scope for scope, _ in places], [value for _, value in places]),
    )


def deactivate_areas(conn: Connection[Any], *, buyer_id: int, market_id: int, places: Collection[Place]) -> None:
    """End the buyer's service of these places."""
    conn.execute(
        """
        UPDATE buyer_service_areas a SET is_active = false, updated_at = CURRENT_TIMESTAMP
          FROM unnest(%s::text[], %s::text[]) AS p(scope_type, scope_value)
         WHERE a.buyer_id = %s AND a.market_id = %s AND a.is_active
           AND a.scope_type = p.scope_type AND a.scope_value = p.scope_value
        """,
        ([scope for scope, _ in places], [value for _, value in places], buyer_id, market_id),
    )


def upsert_exclusivity(conn: Connection[Any], *, offer_id: int, place: Place, buyer_id: int) -> Written:
    """The offer's exclusivity of this place, active."""
    scope_type, scope_value = place
    with conn.cursor(row_factory=class_row(Written)) as cursor:
        cursor.execute(
            """
            WITH before AS (
              SELECT id, to_jsonb(e) - ARRAY['id', 'created_at', 'updated_at'] AS state FROM offer_exclusivities e
               WHERE offer_id = %(offer_id)s AND scope_type = %(scope_type)s AND scope_value = %(scope_value)s
            ), written AS (
              INSERT INTO offer_exclusivities AS e (offer_id, scope_type, scope_value, buyer_id)
              VALUES (%(offer_id)s, %(scope_type)s, %(scope_value)s, %(buyer_id)s)
              ON CONFLICT (offer_id, scope_type, scope_value) DO UPDATE
                 SET buyer_id = excluded.buyer_id, is_active = true, updated_at = CURRENT_TIMESTAMP
               WHERE (e.buyer_id, e.is_active) IS DISTINCT FROM (excluded.buyer_id, true)
              RETURNING id, to_jsonb(e) - ARRAY['id', 'created_at', 'updated_at'] AS state
            )
            SELECT coalesce(before.id, written.id) AS id, before.state::text AS before, written.state::text AS after
              FROM before FULL JOIN written ON true
            """,
            {"offer_id": offer_id, "scope_type": scope_type, "scope_value": scope_value, "buyer_id": buyer_id},
        )
        return only(cursor)


def deactivate_exclusivities(conn: Connection[Any], *, offer_id: int, keep: Sequence[Place]) -> list[Deactivated]:
    """End the offer's exclusivities of places that are not among these."""
    with conn.cursor(row_factory=class_row(Deactivated)) as cursor:
        cursor.execute(
            """
            UPDATE offer_exclusivities e SET is_active = false, updated_at = CURRENT_TIMESTAMP
             WHERE e.offer_id = %s AND e.is_active
               AND NOT EXISTS (SELECT FROM unnest(%s::text[], %s::text[]) AS kept(scope_type, scope_value)
                                WHERE kept.scope_type = e.scope_type AND kept.scope_value = e.scope_value)
            RETURNING e.id, e.scope_value AS name
            """,
            (offer_id, [scope for scope, _ in keep], [value for _, value in keep]),
        )
        return cursor.fetchall()
