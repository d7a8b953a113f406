"""Applies numbered SQL migrations: each once, in order, in its own transaction, by one process at a time."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgmq.install import get_embedded_install_sql, get_embedded_sql_version
from psycopg import Connection
from psycopg.rows import class_row

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_LOCK = 5_105_023_417_620_113_001  # any number, the same for everybody who migrates
_OLDEST_SERVER, _NEWEST_SERVER = 150_000, 190_000


class MigrationFailed(Exception):
    """The database cannot be brought up to date; the message says which file and why."""


@dataclass(frozen=True)
class Migration:
    """One step: a file of ours, or the SQL of PGMQ that its package ships."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 in hex of the text: an applied file never changes."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrate(conn: Connection[Any], directory: Path) -> list[str]:
    """Bring a database up to date; the names applied now. ``conn`` is in autocommit.

    Raises MigrationFailed on a changed or missing file that was applied, on a gap in the numbers, on a server that is
    too old, and on an SQL error (whose migration is rolled back whole).
    """
    if not _OLDEST_SERVER <= conn.info.server_version < _NEWEST_SERVER:
        raise MigrationFailed(f"PostgreSQL 15 to 18 is needed; this is {conn.info.server_version // 10_000}")
    wanted = [_pgmq(), *read(directory)]
    with conn.transaction():
        # Held to the end of the transaction, so it needs no session of its own: a proxy stays unpinned.
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        conn.execute(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
              name       text PRIMARY KEY,
              checksum   char(64) NOT NULL,
              applied_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP
            )
            """
        )
        applied = _applied(conn)
        _refuse_drift(wanted, applied)
        pending = [migration for migration in wanted if migration.name not in applied]
        for migration in pending:
            _apply(conn, migration)
    return [migration.name for migration in pending]


def read(directory: Path) -> list[Migration]:
    """The migrations of a folder, in order. Raises MigrationFailed on a name or number out of line."""
    files = sorted(directory.glob("*.sql"))
    for position, file in enumerate(files, start=1):
        match = _NAME.fullmatch(file.name)
        if match is None or int(match[1]) != position:
            raise MigrationFailed(f"{file.name}: expected {position:04d}_<what_it_does>.sql")
    if not files:
        raise MigrationFailed(f"{directory} holds no migrations")
    return [Migration(file.name, file.read_text(encoding="utf-8")) for file in files]


def _pgmq() -> Migration:
    return Migration(f"pgmq {get_embedded_sql_version()}", get_embedded_install_sql())


def _applied(conn: Connection[Any]) -> dict[str, str]:
    with conn.cursor(row_factory=class_row(_Applied)) as cursor:
        return {row.name: row.checksum for row in cursor.execute("SELECT name, checksum FROM schema_migrations")}


@dataclass(frozen=True)
class _Applied:
    name: str
    checksum: str


def _refuse_drift(wanted: list[Migration], applied: dict[str, str]) -> None:
    known = {migration.name: migration.checksum for migration in wanted}
    for name, checksum in applied.items():
        if name not in known:
            raise MigrationFailed(
                f"{name} was applied to this database, but is not among the files: newer code ran here"
            )
        if known[name] != checksum:
            raise MigrationFailed(
                f"{name} was changed after it was applied to this database; "
                "restore it and put the change into a new file"
            )


def _apply(conn: Connection[Any], migration: Migration) -> None:
    try:
        with conn.transaction():
            conn.execute(migration.sql.encode())
            conn.execute(
                "INSERT INTO schema_migrations (name, checksum) VALUES (%s, %s)", (migration.name, migration.checksum)
            )
    except Exception as error:
        raise MigrationFailed(f"{migration.name}: {error}") from error
