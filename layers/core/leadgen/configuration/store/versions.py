"""Reads and writes the history of configuration: one version for each application that changed something."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row, scalar_row
from psycopg.types.json import Json, Jsonb

from leadgen.configuration.store.offers import only


def record(
    conn: Connection[Any],
    *,
    applied_by: str,
    summary: str,
    changes: object,
    snapshot: object,
    rolled_back_to: int | None,
) -> int:
    """Keep a version; its number. ``changes`` and ``snapshot`` are plain JSON without secrets.

    The caller has its turn to apply configuration (``configuration.take_turns``), so that numbers have no gaps.
    """
    with conn.cursor(row_factory=scalar_row) as cursor:
        cursor.execute(
            """
            INSERT INTO configuration_versions (number, applied_by, summary, changes, snapshot, rolled_back_to)
            SELECT coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s FROM configuration_versions
            RETURNING number
            """,
            (applied_by, summary, Jsonb(changes), Json(snapshot), rolled_back_to),
        )
        number: int = only(cursor)
        return number


def latest(conn: Connection[Any]) -> int | None:
    """The number of the latest version."""
    row = conn.execute("SELECT max(number) FROM configuration_versions").fetchone()
    return row[0] if row else None


def snapshot(conn: Connection[Any], number: int) -> list[dict[str, Any]] | None:
    """What was configured after this version, file by file; None where there is no such version."""
    row = conn.execute("SELECT snapshot FROM configuration_versions WHERE number = %s", (number,)).fetchone()
    return row[0] if row else None


@dataclass(frozen=True)
class Version:
    """An application of configuration; ``changes`` as it was recorded."""

    number: int
    applied_at: datetime
    applied_by: str
    summary: str
    changes: list[dict[str, Any]]


def version(conn: Connection[Any], number: int) -> Version | None:
    """The version of this number."""
    with conn.cursor(row_factory=class_row(Version)) as cursor:
        cursor.execute(
            "SELECT number, applied_at, applied_by, summary, changes FROM configuration_versions WHERE number = %s",
            (number,),
        )
        return cursor.fetchone()


def newest(conn: Connection[Any], limit: int) -> list[Version]:
    """The latest versions, the newest first."""
    with conn.cursor(row_factory=class_row(Version)) as cursor:
        cursor.execute(
            """
            SELECT number, applied_at, applied_by, summary, changes FROM configuration_versions
             ORDER BY number DESC LIMIT %s
            """,
            (limit,),
        )
        return cursor.fetchall()
