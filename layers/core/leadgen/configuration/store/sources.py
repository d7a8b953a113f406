"""Writes the configured sources of an offer's leads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.configuration.store.offers import Deactivated, Written, only


def upsert_source(
    conn: Connection[Any],
    *,
    source_key: str,
    offer_id: int,
    kind: str,
    name: str,
    hostname: str | None,
    path_prefix: str | None,
    api_key_hash: str | None,
    is_active: bool,
    publisher_id: int | None,
    earning: str | None,
) -> Written:
    """The source of this key; ``earning`` is a JSON text. Of an API key the states hold only whether there is one, and
    whether it was replaced.
    """
    with conn.cursor(row_factory=class_row(Written)) as cursor:
        cursor.execute(
            """
            WITH before AS (
              SELECT id, api_key_hash,
                     to_jsonb(s) - ARRAY['id', 'created_at', 'updated_at', 'api_key_hash']
                       || jsonb_build_object('api_key', CASE WHEN api_key_hash IS NOT NULL THEN 'set' END) AS state
                FROM sources s WHERE source_key = %(source_key)s
            ), written AS (
              INSERT INTO sources AS s (source_key, offer_id, kind, name, hostname, path_prefix, api_key_hash,
                                        is_active, publisher_id, earning)
              VALUES (%(source_key)s, %(offer_id)s, %(kind)s, %(name)s, %(hostname)s, %(path_prefix)s, %(api_key_hash)s,
                      %(is_active)s, %(publisher_id)s, %(earning)s::jsonb)
              ON CONFLICT (source_key) DO UPDATE
                 SET offer_id = excluded.offer_id, kind = excluded.kind, name = excluded.name,
                     hostname = excluded.hostname, path_prefix = excluded.path_prefix,
                     api_key_hash = excluded.api_key_hash, is_active = excluded.is_active,
                     publisher_id = excluded.publisher_id, earning = excluded.earning, updated_at = CURRENT_TIMESTAMP
               WHERE (s.offer_id, s.kind, s.name, s.hostname, s.path_prefix, s.api_key_hash, s.is_active,
                      s.publisher_id, s.earning)
                     IS DISTINCT FROM (excluded.offer_id, excluded.kind, excluded.name, excluded.hostname,
                                       excluded.path_prefix, excluded.api_key_hash, excluded.is_active,
                                       excluded.publisher_id, excluded.earning)
              RETURNING id, api_key_hash, to_jsonb(s) - ARRAY['id', 'created_at', 'updated_at', 'api_key_hash'] AS state
            )
            SELECT coalesce(before.id, written.id) AS id, before.state::text AS before,
                   (written.state || jsonb_build_object('api_key',
                      CASE WHEN written.api_key_hash IS NULL THEN NULL
                           WHEN before.api_key_hash <> written.api_key_hash THEN 'replaced' ELSE 'set' END))::text
                     AS after
              FROM before FULL JOIN written ON true
            """,
            {
                "source_key": source_key,
                "offer_id": offer_id,
                "kind": kind,
                "name": name,
                "hostname": hostname,
                "path_prefix": path_prefix,
                "api_key_hash": api_key_hash,
                "is_active": is_active,
                "publisher_id": publisher_id,
                "earning": earning,
            },
        )
        return only(cursor)


def deactivate_sources(conn: Connection[Any], *, offer_id: int, keep: Sequence[str]) -> list[Deactivated]:
    """Close the offer's sources that are not among these keys."""
    with conn.cursor(row_factory=class_row(Deactivated)) as cursor:
        cursor.execute(
            """
            UPDATE sources SET is_active = false, updated_at = CURRENT_TIMESTAMP
             WHERE offer_id = %s AND is_active AND source_key <> ALL(%s::text[])
            RETURNING id, source_key AS name
            """,
            (offer_id, list(keep)),
        )
        return cursor.fetchall()


def deactivate_sources_elsewhere(conn: Connection[Any], *, keep_offers: Sequence[int]) -> list[Deactivated]:
    """Close every source of an offer that is not among these."""
    with conn.cursor(row_factory=class_row(Deactivated)) as cursor:
        cursor.execute(
            """
            UPDATE sources SET is_active = false, updated_at = CURRENT_TIMESTAMP
             WHERE is_active AND offer_id <> ALL(%s::int[])
            RETURNING id, source_key AS name
            """,
            (list(keep_offers),),
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class SourceElsewhere:
    """An active source and the offer it belongs to."""

    source_key: str
    offer: str
    market: str


def sources_of_other_offers(
    conn: Connection[Any], *, source_keys: Sequence[str], offer_ids: Sequence[int]
) -> list[SourceElsewhere]:
    """The active sources of these keys that belong to none of these offers."""
    with conn.cursor(row_factory=class_row(SourceElsewhere)) as cursor:
        cursor.execute(
            """
            SELECT s.source_key, o.name AS offer, m.name AS market
              FROM sources s JOIN offers o ON o.id = s.offer_id JOIN markets m ON m.id = o.market_id
             WHERE s.is_active AND s.source_key = ANY(%s::text[]) AND s.offer_id <> ALL(%s::int[])
            """,
            (list(source_keys), list(offer_ids)),
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class SharedMapping:
    """Two active sources that the same posts would match equally well."""

    source_key: str
    other_key: str
    hostname: str
    path_prefix: str | None


def shared_mappings(conn: Connection[Any], *, source_keys: Sequence[str]) -> list[SharedMapping]:
    """Where an active source of these keys has the hostname and path prefix of another active source."""
    with conn.cursor(row_factory=class_row(SharedMapping)) as cursor:
        cursor.execute(
            """
            SELECT s.source_key, other.source_key AS other_key, s.hostname, s.path_prefix
              FROM sources s
              JOIN sources other
                ON other.is_active AND other.id <> s.id AND other.hostname = s.hostname
               AND other.path_prefix IS NOT DISTINCT FROM s.path_prefix
             WHERE s.is_active AND s.source_key = ANY(%s::text[])
             ORDER BY s.source_key, other.source_key
            """,
            (list(source_keys),),
        )
        return cursor.fetchall()
