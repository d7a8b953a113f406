"""Writes configured policies; every version stays as it was stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.configuration.store.offers import Written, only


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


def store_routing_policy(conn: Connection[Any], *, name: str, config: str, config_of_before: str) -> WrittenPolicy:
    """The latest version of the policy of this name: a new one if the config (JSON text) differs from the latest, which
    may hold the same in the words of before.
    """
    with conn.cursor(row_factory=class_row(WrittenPolicy)) as cursor:
        cursor.execute(
            """
            WITH latest AS (
              SELECT id, version, config FROM routing_policies WHERE name = %(name)s ORDER BY version DESC LIMIT 1
            ), next AS (
              INSERT INTO routing_policies (name, version, config)
              SELECT %(name)s, coalesce((SELECT version FROM latest), 0) + 1, %(config)s::jsonb
               WHERE NOT EXISTS (SELECT FROM latest WHERE config IN (%(config)s::jsonb, %(before)s::jsonb))
              RETURNING id, version, config
            )
            SELECT coalesce(next.id, latest.id) AS id, coalesce(next.version, latest.version) AS version,
                   latest.config::text AS before, next.config::text AS after
              FROM latest FULL JOIN next ON true
            """,
            {"name": name, "config": config, "before": config_of_before},
        )
        return only(cursor)


@dataclass(frozen=True)
class PolicyVersion:
    """A certain version of a policy: whether it equals the wanted one, and whether it was stored just now."""

    id: int
    is_same: bool
    is_new: bool


def keep_validation_policy(conn: Connection[Any], *, name: str, version: int, rules: str) -> PolicyVersion | None:
    """This version of the policy; stored if it is later than every version there is. None if there is no such one."""
    with conn.cursor(row_factory=class_row(PolicyVersion)) as cursor:
        cursor.execute(
            """
            WITH next AS (
              INSERT INTO validation_policies (name, version, rules)
              SELECT %(name)s::text, %(version)s::int, %(rules)s::jsonb
               WHERE NOT EXISTS (SELECT FROM validation_policies
                                  WHERE name = %(name)s::text AND version >= %(version)s::int)
              RETURNING id
            )
            SELECT id, true AS is_same, true AS is_new FROM next
            UNION ALL
            SELECT id, rules = %(rules)s::jsonb, false FROM validation_policies
             WHERE name = %(name)s::text AND version = %(version)s::int
            """,
            {"name": name, "version": version, "rules": rules},
        )
        return cursor.fetchone()


def keep_routing_policy(
    conn: Connection[Any], *, name: str, version: int, config: str, config_of_before: str
) -> PolicyVersion | None:
    """This version of the policy; stored if it is later than every version there is. None if there is no such one."""
    with conn.cursor(row_factory=class_row(PolicyVersion)) as cursor:
        cursor.execute(
            """
            WITH next AS (
              INSERT INTO routing_policies (name, version, config)
              SELECT %(name)s::text, %(version)s::int, %(config)s::jsonb
               WHERE NOT EXISTS (SELECT FROM routing_policies
                                  WHERE name = %(name)s::text AND version >= %(version)s::int)
              RETURNING id
            )
            SELECT id, true AS is_same, true AS is_new FROM next
            UNION ALL
            SELECT id, config IN (%(config)s::jsonb, %(before)s::jsonb), false FROM routing_policies
             WHERE name = %(name)s::text AND version = %(version)s::int
            """,
            {"name": name, "version": version, "config": config, "before": config_of_before},
        )
        return cursor.fetchone()


def names_of_validation_policies(conn: Connection[Any], ids: Sequence[int]) -> dict[int, str]:
    """The policies' names and versions."""
    return dict(
        conn.execute(
            "SELECT id, name || ' version ' || version FROM validation_policies WHERE id = ANY(%s::int[])", (list(ids),)
        ).fetchall()
    )


def names_of_routing_policies(conn: Connection[Any], ids: Sequence[int]) -> dict[int, str]:
    """The policies' names and versions."""
    return dict(
        conn.execute(
            "SELECT id, name || ' version ' || version FROM routing_policies WHERE id = ANY(%s::int[])", (list(ids),)
        ).fetchall()
    )
