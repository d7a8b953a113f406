"""Writes configured service areas and exclusive places."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.configuration.store.offers import Deactivated, Written, only

Area = tuple[str, str]
"""A scope type, such as ``postal_code`` or ``city``, and its value."""

Coordinates = Mapping[str, tuple[Decimal, Decimal]]
"""Latitude and longitude in degrees, by postal code."""


def places(conn: Connection[Any], market_id: int) -> dict[str, tuple[Decimal, Decimal]]:
    """Where the market's postal codes lie."""
    rows = conn.execute(
        "SELECT postal_code, latitude, longitude FROM places WHERE market_id = %s ORDER BY postal_code", (market_id,)
    )
    return {postal_code: (latitude, longitude) for postal_code, latitude, longitude in rows}


def remove_places(conn: Connection[Any], market_id: int, postal_codes: Collection[str]) -> None:
    """Forget where these postal codes of the market lie."""
    conn.execute(
        "DELETE FROM places WHERE market_id = %s AND postal_code = ANY(%s::text[])", (market_id, list(postal_codes))
    )


def put_places(conn: Connection[Any], market_id: int, coordinates: Coordinates) -> None:
    """Know where these postal codes of the market lie."""
    conn.execute(
        """
        INSERT INTO places (market_id, postal_code, latitude, longitude)
        SELECT %s, * FROM unnest(%s::text[], %s::numeric[], %s::numeric[])
        ON CONFLICT (market_id, postal_code)
        DO UPDATE SET latitude = excluded.latitude, longitude = excluded.longitude
        """,
        (
            market_id,
            list(coordinates),
            [latitude for latitude, _ in coordinates.values()],
            [longitude for _, longitude in coordinates.values()],
        ),
    )


def derive_radius_postal_codes(conn: Connection[Any], market_ids: Sequence[int]) -> None:
    """Find the postal codes within each radius of these markets anew.

    Distances are great circles (haversine) on a sphere of 6371.0088 km. A degree of latitude is 111.195 km there:
    places further north or south than the radius are passed over without a sine.
    """
    conn.execute(
        """
        WITH area AS (
          SELECT a.id, a.market_id, c.latitude::float8 AS latitude, c.longitude::float8 AS longitude, radius.km
            FROM buyer_service_areas a
           CROSS JOIN LATERAL (SELECT regexp_replace(a.scope_value, ' [0-9.]+km$', '') AS center,
                                      substring(a.scope_value FROM ' ([0-9.]+)km$')::float8 AS km) AS radius
            JOIN places c ON c.market_id = a.market_id AND c.postal_code = radius.center
           WHERE a.market_id = ANY(%(market_ids)s::int[]) AND a.is_active AND a.scope_type = 'radius'
        ), wanted AS (
          SELECT area.id AS area_id, area.market_id, p.postal_code
            FROM area
            JOIN places p ON p.market_id = area.market_id
                         AND abs(p.latitude::float8 - area.latitude) * 111.194 <= area.km
           WHERE 2 * 6371.0088 * asin(least(1, sqrt(
                   sin(radians(p.latitude::float8 - area.latitude) / 2) ^ 2
                   + cos(radians(area.latitude)) * cos(radians(p.latitude::float8))
                     * sin(radians(p.longitude::float8 - area.longitude) / 2) ^ 2))) <= area.km
        ), gone AS (
          DELETE FROM radius_postal_codes r
           WHERE r.market_id = ANY(%(market_ids)s::int[])
             AND NOT EXISTS (SELECT FROM wanted w WHERE w.area_id = r.area_id AND w.postal_code = r.postal_code)
        )
        INSERT INTO radius_postal_codes (area_id, market_id, postal_code)
        SELECT area_id, market_id, postal_code FROM wanted
        ON CONFLICT (area_id, postal_code) DO NOTHING
        """,
        {"market_ids": list(market_ids)},
    )


@dataclass(frozen=True)
class EmptyRadius:
    """A radius around a postal code that has no place."""

    market: str
    buyer: str
    scope_value: str


def empty_radiuses(conn: Connection[Any], market_ids: Sequence[int]) -> list[EmptyRadius]:
    """The radiuses of these markets that cover no postal code."""
    with conn.cursor(row_factory=class_row(EmptyRadius)) as cursor:
        cursor.execute(
            """
            SELECT m.name AS market, b.email AS buyer, a.scope_value
              FROM buyer_service_areas a
              JOIN markets m ON m.id = a.market_id
              JOIN buyers b ON b.id = a.buyer_id
             WHERE a.market_id = ANY(%s::int[]) AND a.is_active AND a.scope_type = 'radius'
               AND NOT EXISTS (SELECT FROM radius_postal_codes r WHERE r.area_id = a.id)
             ORDER BY b.email, a.scope_value
            """,
            (list(market_ids),),
        )
        return cursor.fetchall()


def active_areas(conn: Connection[Any], *, buyer_id: int, market_id: int) -> set[Area]:
    """Where in the market the buyer takes leads now."""
    rows = conn.execute(
        """
        SELECT scope_type, scope_value FROM buyer_service_areas
         WHERE buyer_id = %s AND market_id = %s AND is_active
        """,
        (buyer_id, market_id),
    )
    return {(scope_type, scope_value) for scope_type, scope_value in rows}


def add_areas(conn: Connection[Any], *, buyer_id: int, market_id: int, areas: Collection[Area]) -> None:
    """Add service areas of the buyer."""
    conn.execute(
        """
        INSERT INTO buyer_service_areas AS a (buyer_id, market_id, scope_type, scope_value)
        SELECT %s, %s, p.scope_type, p.scope_value FROM unnest(%s::text[], %s::text[]) AS p(scope_type, scope_value)
        ON CONFLICT (buyer_id, market_id, scope_type, scope_value)
        DO UPDATE SET is_active = true, updated_at = CURRENT_TIMESTAMP WHERE NOT a.is_active
        """,
        (buyer_id, market_id, [scope for scope, _ in areas], [value for _, value in areas]),
    )


def deactivate_areas(conn: Connection[Any], *, buyer_id: int, market_id: int, areas: Collection[Area]) -> None:
    """End these service areas of the buyer."""
    conn.execute(
        """
        UPDATE buyer_service_areas a SET is_active = false, updated_at = CURRENT_TIMESTAMP
          FROM unnest(%s::text[], %s::text[]) AS p(scope_type, scope_value)
         WHERE a.buyer_id = %s AND a.market_id = %s AND a.is_active
           AND a.scope_type = p.scope_type AND a.scope_value = p.scope_value
        """,
        ([scope for scope, _ in areas], [value for _, value in areas], buyer_id, market_id),
    )


def upsert_exclusivity(conn: Connection[Any], *, offer_id: int, area: Area, buyer_id: int) -> Written:
    """The offer's exclusivity of this area, active."""
    scope_type, scope_value = area
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


def deactivate_exclusivities(conn: Connection[Any], *, offer_id: int, keep: Sequence[Area]) -> list[Deactivated]:
    """End the offer's exclusivities of areas that are not among these."""
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


def deactivate_exclusivities_elsewhere(conn: Connection[Any], *, keep_offers: Sequence[int]) -> list[Deactivated]:
    """End every exclusivity of an offer that is not among these."""
    with conn.cursor(row_factory=class_row(Deactivated)) as cursor:
        cursor.execute(
            """
            UPDATE offer_exclusivities SET is_active = false, updated_at = CURRENT_TIMESTAMP
             WHERE is_active AND offer_id <> ALL(%s::int[])
            RETURNING id, scope_value AS name
            """,
            (list(keep_offers),),
        )
        return cursor.fetchall()
