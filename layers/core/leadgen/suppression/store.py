"""Reads and writes suppression lists, which hold hashes only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.suppression.domain import Hashed


@dataclass(frozen=True)
class Lookup:
    """A lead, its offer, and everything it may stand on a list by."""

    lead_id: int
    offer_id: int
    hashes: tuple[Hashed, ...]


def suppressed(conn: Connection[Any], asked: Sequence[Lookup]) -> dict[int, tuple[str, ...]]:
    """The lists that leads stand on, by lead: ``email`` and ``phone`` for every offer, ``email of the offer`` …"""
    pairs = [(one, hashed) for one in asked for hashed in one.hashes]
    rows = conn.execute(
        """
        SELECT found.lead_id, array_agg(found.list ORDER BY found.list)
          FROM (SELECT DISTINCT a.lead_id,
                       s.kind || CASE WHEN s.offer_id IS NULL THEN '' ELSE ' of the offer' END AS list
                  FROM unnest(%s::int[], %s::int[], %s::text[], %s::text[]) AS a(lead_id, offer_id, kind, hash)
                  JOIN suppressions s ON s.hash = a.hash AND s.kind = a.kind
                                     AND (s.offer_id IS NULL OR s.offer_id = a.offer_id)) AS found
         GROUP BY found.lead_id
        """,
        (
            [one.lead_id for one, _ in pairs],
            [one.offer_id for one, _ in pairs],
            [hashed.kind for _, hashed in pairs],
            [hashed.hash for _, hashed in pairs],
        ),
    )
    return {lead_id: tuple(lists) for lead_id, lists in rows}


def add(conn: Connection[Any], hashes: Sequence[Hashed], *, offer_id: int | None, reason: str | None) -> int:
    """Put people on a list; how many were not there."""
    return conn.execute(
        """
        INSERT INTO suppressions (kind, hash, offer_id, reason)
        SELECT DISTINCT h.kind, h.hash, %(offer)s::int, %(reason)s::text
          FROM unnest(%(kinds)s::text[], %(hashes)s::text[]) AS h(kind, hash)
         ORDER BY 1, 2
        ON CONFLICT DO NOTHING
        """,
        {
            "kinds": [hashed.kind for hashed in hashes],
            "hashes": [hashed.hash for hashed in hashes],
            "offer": offer_id,
            "reason": reason,
        },
    ).rowcount


def remove(conn: Connection[Any], hashes: Sequence[Hashed], *, offer_id: int | None) -> int:
    """Take people off one list, the offer's or that of all offers; how many entries there were."""
    return conn.execute(
        """
        DELETE FROM suppressions s
         USING unnest(%(kinds)s::text[], %(hashes)s::text[]) AS h(kind, hash)
         WHERE s.kind = h.kind AND s.hash = h.hash AND s.offer_id IS NOT DISTINCT FROM %(offer)s::int
        """,
        {
            "kinds": [hashed.kind for hashed in hashes],
            "hashes": [hashed.hash for hashed in hashes],
            "offer": offer_id,
        },
    ).rowcount


@dataclass(frozen=True)
class ListLength:
    """How many entries a list has; ``offer`` is None for the list of all offers."""

    market: str | None
    offer: str | None
    kind: str
    entries: int


def lengths(conn: Connection[Any]) -> list[ListLength]:
    """Every list with entries, that of all offers first."""
    with conn.cursor(row_factory=class_row(ListLength)) as cursor:
        cursor.execute(
            """
            SELECT m.name AS market, o.name AS offer, s.kind, count(*) AS entries
              FROM suppressions s
              LEFT JOIN offers o ON o.id = s.offer_id
              LEFT JOIN markets m ON m.id = o.market_id
             GROUP BY s.offer_id, m.name, o.name, s.kind
             ORDER BY m.name NULLS FIRST, o.name, s.offer_id, s.kind
            """
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class NamedOffer:
    """An offer with the name of its market."""

    offer_id: int
    market: str


def offers_named(conn: Connection[Any], name: str, *, market: str | None) -> list[NamedOffer]:
    """The offers of a name, in one market or in all."""
    with conn.cursor(row_factory=class_row(NamedOffer)) as cursor:
        cursor.execute(
            """
            SELECT o.id AS offer_id, m.name AS market FROM offers o JOIN markets m ON m.id = o.market_id
             WHERE o.name = %(name)s AND (%(market)s::text IS NULL OR m.name = %(market)s)
             ORDER BY m.name, o.id
            """,
            {"name": name, "market": market},
        )
        return cursor.fetchall()
