"""Writes the configured seller and publishers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.configuration.store.offers import Written, only


def upsert_seller(conn: Connection[Any], details: str) -> Written:
    """The one seller there is; ``details`` is a JSON text."""
    with conn.cursor(row_factory=class_row(Written)) as cursor:
        cursor.execute(
            """
            WITH before AS (
              SELECT details FROM seller
            ), written AS (
              INSERT INTO seller AS s (details) VALUES (%s::jsonb)
              ON CONFLICT (id) DO UPDATE SET details = excluded.details, updated_at = CURRENT_TIMESTAMP
               WHERE s.details IS DISTINCT FROM excluded.details
              RETURNING details
            )
            SELECT 1 AS id, before.details::text AS before, written.details::text AS after
              FROM before FULL JOIN written ON true
            """,
            (details,),
        )
        return only(cursor)


def lock_publishers(conn: Connection[Any], names: Sequence[str]) -> None:
    """Lock publishers in id order, after the buyers, as those do who take back what leads have earned."""
    conn.execute("SELECT id FROM publishers WHERE name = ANY(%s::text[]) ORDER BY id FOR NO KEY UPDATE", (list(names),))


def upsert_publisher(conn: Connection[Any], *, name: str, email: str, timezone: str, currency: str) -> Written:
    """The publisher of this name."""
    with conn.cursor(row_factory=class_row(Written)) as cursor:
        cursor.execute(
            """
            WITH before AS (
              SELECT id, to_jsonb(p) - ARRAY['id', 'created_at', 'updated_at'] AS state FROM publishers p
               WHERE name = %(name)s
            ), written AS (
              INSERT INTO publishers AS p (name, email, timezone, currency)
              VALUES (%(name)s, %(email)s, %(timezone)s, %(currency)s)
              ON CONFLICT (name) DO UPDATE
                 SET email = excluded.email, timezone = excluded.timezone, currency = excluded.currency,
                     updated_at = CURRENT_TIMESTAMP
               WHERE (p.email, p.timezone, p.currency)
                     IS DISTINCT FROM (excluded.email, excluded.timezone, excluded.currency)
              RETURNING id, to_jsonb(p) - ARRAY['id', 'created_at', 'updated_at'] AS state
            )
            SELECT coalesce(before.id, written.id) AS id, before.state::text AS before, written.state::text AS after
              FROM before FULL JOIN written ON true
            """,
            {"name": name, "email": email, "timezone": timezone, "currency": currency},
        )
        return only(cursor)


@dataclass(frozen=True)
class BoundPublisher:
    """A publisher who cannot be paid in another currency."""

    name: str
    currency: str


def publishers_bound_to_currency(
    conn: Connection[Any], *, names: Sequence[str], currencies: Sequence[str]
) -> list[BoundPublisher]:
    """The publishers whose currency is not the one given beside their name, and who have earned in theirs or own an
    active source in a market of another one.
    """
    with conn.cursor(row_factory=class_row(BoundPublisher)) as cursor:
        cursor.execute(
            """
            SELECT p.name, p.currency
              FROM unnest(%s::text[], %s::text[]) AS wanted(name, currency)
              JOIN publishers p ON p.name = wanted.name AND p.currency <> wanted.currency
             WHERE EXISTS (SELECT FROM ledger_transactions t WHERE t.publisher_id = p.id)
                OR EXISTS (SELECT FROM sources s
                             JOIN offers o ON o.id = s.offer_id
                             JOIN markets m ON m.id = o.market_id
                            WHERE s.publisher_id = p.id AND s.is_active AND m.currency <> wanted.currency)
             ORDER BY p.name
            """,
            (list(names), list(currencies)),
        )
        return cursor.fetchall()


def names_of_publishers(conn: Connection[Any], ids: Sequence[int]) -> dict[int, str]:
    """The publishers' names."""
    return dict(conn.execute("SELECT id, name FROM publishers WHERE id = ANY(%s::int[])", (list(ids),)).fetchall())


@dataclass(frozen=True)
class StoredPublisher:
    """Who owns sources."""

    id: int
    name: str
    email: str
    timezone: str
    currency: str


def publishers(conn: Connection[Any]) -> list[StoredPublisher]:
    """Every publisher, the oldest first."""
    with conn.cursor(row_factory=class_row(StoredPublisher)) as cursor:
        cursor.execute("SELECT id, name, email, timezone, currency FROM publishers ORDER BY id")
        return cursor.fetchall()


def seller(conn: Connection[Any]) -> dict[str, Any] | None:
    """The seller, as stored; None where none is configured."""
    row = conn.execute("SELECT details FROM seller").fetchone()
    return row[0] if row else None
