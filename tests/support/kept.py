"""A database that tests share: after each it is made what the migrations have left, in milliseconds.

A clone of the migrated database is 13 MB in 800 files. A test writes a handful of rows into a dozen tables, and
PostgreSQL counts what is written: only those tables are emptied.
"""

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection, sql

from leadgen.platform.db import Database
from leadgen_local.postgres.server import Postgres

TEMPLATE = "template_leadgen"

_END_SECONDS = 30.0
_POLL_SECONDS = 0.001

# What all sessions have written into each table, rolled back or not. A session adds its counts before it goes.
_COUNTS = """
SELECT relid, pg_stat_get_tuples_inserted(relid) + pg_stat_get_tuples_updated(relid)
            + pg_stat_get_tuples_deleted(relid) + pg_stat_get_vacuum_count(relid) + pg_stat_get_analyze_count(relid)
  FROM unnest(%s::oid[]) AS relid
"""
_COUNT_NOW = "SELECT pg_stat_force_next_flush()"  # what the session has written, when this statement is over
_END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
   AND pid <> ALL (%s)
"""
_TABLES = """
SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
 ORDER BY n.nspname, c.relname
"""
_SEQUENCES = "SELECT seqrelid, seqstart, pg_sequence_last_value(seqrelid) FROM pg_sequence"
_CATALOGS = """
SELECT relname, relisshared FROM pg_class
 WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r'
   AND relname NOT IN ('pg_class', 'pg_database', 'pg_shdepend')
 ORDER BY relname
"""
# Without where and how large the files are, which emptying and TRUNCATE change, and without mere hints.
_CLASSES = """
SELECT sum(hashtextextended((to_jsonb(c) - '{
         relfilenode, relpages, reltuples, relallvisible, relallfrozen, relfrozenxid, relminmxid,
         relhasindex, relhasrules, relhastriggers}'::text[])::text, 0))
  FROM pg_class c
"""
_CATALOG_IDS = "SELECT oid FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r'"
_DATABASE = """
SELECT datallowconn, datconnlimit, datistemplate, datacl FROM pg_database WHERE datname = current_database()
"""


@dataclass(frozen=True)
class _Table:
    schema: str
    name: str
    has_rows: bool
    """Whether the migrations have put rows in."""

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


@dataclass(frozen=True)
class _Objects:
    """Every object of a database and of its server, as sums over the catalogs."""

    own: dict[str, Any]
    shared: dict[str, Any]


class KeptDatabase:
    """A clone of the migrated database that is used again and again; call ``restore`` after each use.

    ``restore`` ends whoever is still connected, empties the tables that were written and sets the sequences back.
    Where somebody changed more than that – an object was made, altered or dropped, rows of the migrations were
    changed – the database is thrown away and cloned anew, so that whatever a test does, the next one begins alike.

    A session costs more than most tests: each reads of the catalogs what it uses. ``session`` and ``spare`` keep a few
    for the next test, as good as new.
    """

    def __init__(self, server: Postgres, name: str, *, template: str = TEMPLATE) -> None:
        self.name = name
        self.clones = 0
        """How often the database had to be cloned."""
        self._session: Connection[Any] | None = None
        self._pool: Database | None = None
        self._spared: set[int] = set()
        self._server = server
        self._template = template
        self._conn = self._clone()
        self._tables = {
            relid: _Table(schema, table, _sum(self._conn, sql.Identifier(schema, table)) is not None)
            for relid, schema, table in self._conn.execute(_TABLES).fetchall()
        }
        self._catalogs = {relid for (relid,) in self._conn.execute(_CATALOG_IDS)}
        self._objects = _objects(self._conn)
        self._rows = self._reference_rows()
        self._sequences = self._sequence_values()
        self._counts = self._counted()

    @property
    def url(self) -> str:
        return self._server.url(self.name)

    @contextmanager
    def session(self) -> Iterator[Connection[Any]]:
        """A connection in autocommit, with nothing of who had it before."""
        conn, self._session = self._session, None
        if conn is None or not _is_as_new(conn):
            conn = psycopg.connect(self.url, autocommit=True)
        try:
            yield conn
        finally:
            if self._session is None and _is_as_new(conn):
                self._session = conn
                self._spared.add(conn.info.backend_pid)
            else:
                conn.close()

    def spare(self, pool: Database) -> None:
        """Keep two of the idle connections of a pool of this database open in it."""
        if self._pool is not None and self._pool is not pool:
            self._pool.close()
        self._pool = pool
        idle = []
        while not pool._idle.empty():
            idle.append(pool._idle.get_nowait())
        for conn in idle[:-2]:
            conn.close()
        for conn in idle[-2:]:
            if _is_as_new(conn):
                self._spared.add(conn.info.backend_pid)
                pool._idle.put(conn)

    def restore(self) -> None:
        """Make the database what it was. Raises AssertionError where a role or a setting of the server was left."""
        try:
            self._end_others()
        except psycopg.OperationalError:  # it does not even take connections
            self._clone_anew()
            return
        written = {relid for relid, count in self._counted().items() if count != self._counts[relid]}
        altered = not written.isdisjoint(self._catalogs)
        if altered and _objects(self._conn) != self._objects:
            self._clone_anew()
            assert _objects(self._conn).shared == self._objects.shared, "a role or a setting of the server is left"
            return
        tables = [table for relid, table in self._tables.items() if relid in written]
        # A TRUNCATE is seen in the catalogs only.
        if (altered or any(table.has_rows for table in tables)) and self._reference_rows() != self._rows:
            self._clone_anew()
            return
        self._empty([table for table in tables if not table.has_rows])
        if written:
            self._conn.execute(_COUNT_NOW)
            self._counts = self._counted()

    def close(self) -> None:
        """Drop the database."""
        self._conn.close()
        if self._session is not None:
            self._session.close()
            self._session = None
        if self._pool is not None:
            self._pool.close()
        _administer(self._server, f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")

    def _clone(self) -> Connection[Any]:
        _administer(self._server, f"CREATE DATABASE {self.name} TEMPLATE {self._template}")
        self.clones += 1
        return self._connect()

    def _connect(self) -> Connection[Any]:
        conn = psycopg.connect(self.url, autocommit=True)
        # No trigger and no foreign key stands in the way of emptying.
        conn.execute("SET session_replication_role = replica")
        return conn

    def _clone_anew(self) -> None:
        self.close()
        self._conn = self._clone()
        self._counts = self._counted()

    def _end_others(self) -> None:
        """End every other session: only then are its writes counted, and its locks gone."""
        try:
            self._conn.execute("SELECT 1")
        except psycopg.OperationalError:  # a test has ended every session of the database
            self._conn = self._connect()
        deadline = time.monotonic() + _END_SECONDS
        while self._conn.execute(_END_OTHERS, (list(self._spared),)).fetchone() is not None:
            assert time.monotonic() < deadline, "a session does not end"
            time.sleep(_POLL_SECONDS)
        self._spared.clear()

    def _counted(self) -> dict[int, int]:
        """How much was written into each table and catalog."""
        return dict(self._conn.execute(_COUNTS, ([*self._tables, *self._catalogs],)).fetchall())

    def _reference_rows(self) -> dict[str, Any]:
        return {
            f"{table.schema}.{table.name}": _sum(self._conn, table.identifier)
            for table in self._tables.values()
            if table.has_rows
        }

    def _sequence_values(self) -> dict[int, tuple[int, bool]]:
        """Each sequence's value, and whether it was used: not, where its first one comes next."""
        return {
            relid: (start, False) if value is None else (value, True)
            for relid, start, value in self._conn.execute(_SEQUENCES)
        }

    def _empty(self, tables: list[_Table]) -> None:
        statements = [sql.SQL("DELETE FROM {}").format(table.identifier) for table in tables]
        statements += [
            sql.SQL("SELECT setval({}::oid::regclass, {}, {})").format(relid, *self._sequences[relid])
            for relid, value in self._sequence_values().items()
            if value != self._sequences[relid]
        ]
        if statements:
            self._conn.execute(sql.SQL("; ").join(statements))  # one transaction
        if tables:
            # The files become empty as well: the next test's rows come back in the order of their insertion, and the
            # planner knows of them what it knows of a new table's.
            names = sql.SQL(", ").join(table.identifier for table in tables)
            options = sql.SQL("INDEX_CLEANUP ON, TRUNCATE ON, SKIP_DATABASE_STATS")
            self._conn.execute(sql.SQL("VACUUM ({}) {}").format(options, names))
            self._conn.execute(
                "SELECT pg_clear_relation_stats(schema, name) FROM unnest(%s::text[], %s::text[]) AS t(schema, name)",
                ([table.schema for table in tables], [table.name for table in tables]),
            )


def _is_as_new(conn: Connection[Any]) -> bool:
    """Take from a session whatever was set in it, and add its counts of what it has written; whether that went well."""
    try:
        conn.rollback()
        conn.autocommit = True
        conn.execute("DISCARD ALL", prepare=False)
        conn._prepared.clear()
        conn.execute(_COUNT_NOW, prepare=False)
    except psycopg.Error:
        conn.close()
        return False
    return True


def snapshot(conn: Connection[Any]) -> dict[str, Any]:
    """All that a database holds: each table's rows and size, each sequence's state, and every object."""
    found: dict[str, Any] = {}
    for _, schema, name in conn.execute(_TABLES).fetchall():
        rows = conn.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(schema, name))).fetchall()
        found[f"rows of {schema}.{name}"] = sorted(row for (row,) in rows)
    sizes = conn.execute(
        "SELECT oid::regclass::text, relpages, reltuples, pg_relation_size(oid) FROM pg_class"
        " WHERE relkind = 'r' AND oid >= 16384 AND relnamespace <> 'pg_toast'::regnamespace"
    )
    found |= {f"size of {name}": rest for name, *rest in sizes}
    for relid, name in conn.execute("SELECT seqrelid, seqrelid::regclass::text FROM pg_sequence").fetchall():
        state = conn.execute(f"SELECT last_value, is_called FROM {name}".encode()).fetchone()
        found[f"sequence {name} ({relid})"] = state
    objects = _objects(conn)
    return found | {f"objects in {name}": value for name, value in (objects.own | objects.shared).items()}


def _objects(conn: Connection[Any]) -> _Objects:
    own: dict[str, Any] = {}
    shared: dict[str, Any] = {}
    for name, is_shared in conn.execute(_CATALOGS).fetchall():
        (shared if is_shared else own)[name] = _sum(conn, sql.Identifier("pg_catalog", name))
    own["pg_class"] = conn.execute(_CLASSES).fetchone()
    own["pg_database"] = conn.execute(_DATABASE).fetchone()
    return _Objects(own, shared)


def _sum(conn: Connection[Any], table: sql.Identifier) -> Any:
    """A sum of a table's rows, whatever their order; None where it has none."""
    row = conn.execute(sql.SQL("SELECT sum(hashtextextended(t::text, 0)) FROM {} t").format(table)).fetchone()
    assert row is not None
    return row[0]


def _administer(server: Postgres, statement: str) -> None:
    with contextlib.closing(psycopg.connect(server.url("postgres"), autocommit=True)) as admin:
        admin.execute(statement.encode())
