"""The database that tests share is after each of them what it was before the first."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import Connection, sql

from leadgen.platform.messaging import queues
from leadgen_local.postgres.server import Postgres
from tests.support.factories import a_buyer, an_offer
from tests.support.kept import TEMPLATE, KeptDatabase, snapshot
from tests.support.money.random_marketplace import OPERATIONS, World, hours

BEGIN = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
LOOSE = "template_loose"


@pytest.fixture(scope="module")
def database(server: Postgres) -> Iterator[KeptDatabase]:
    """One that only these tests use."""
    kept = KeptDatabase(server, "kept_of_its_tests")
    yield kept
    kept.close()


@pytest.fixture(scope="module")
def fresh(server: Postgres, database: KeptDatabase) -> dict[str, Any]:
    """What a clone of the migrated database holds."""
    with psycopg.connect(database.url, autocommit=True) as conn:
        return snapshot(conn)


def held(database: KeptDatabase) -> dict[str, Any]:
    with psycopg.connect(database.url, autocommit=True) as conn:
        return snapshot(conn)


@pytest.fixture(scope="module")
def loose(server: Postgres) -> Iterator[KeptDatabase]:
    """The migrated database without a single constraint, so that any row may be put into any table."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {LOOSE} TEMPLATE {TEMPLATE}".encode())
    with psycopg.connect(server.url(LOOSE), autocommit=True) as conn:
        # NOT NULL goes last, after the keys that imply it; a column that numbers itself keeps it.
        found = conn.execute(
            """
            SELECT conrelid::regclass::text, conname FROM pg_constraint
             WHERE conrelid >= 16384 AND NOT EXISTS (
                     SELECT 1 FROM pg_attribute WHERE attrelid = conrelid AND attidentity <> '' AND contype = 'n'
                        AND attnum = ANY (conkey))
             ORDER BY contype = 'n', conrelid, conname
            """
        ).fetchall()
        for table, name in found:
            drop = sql.SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {} CASCADE")
            conn.execute(drop.format(sql.SQL(table), sql.Identifier(name)))
    kept = KeptDatabase(server, "kept_loosely", template=LOOSE)
    yield kept
    kept.close()
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {LOOSE}".encode())


def test_every_table_and_every_sequence_is_restored_without_a_clone(loose: KeptDatabase) -> None:
    before = held(loose)
    empty = [name.removeprefix("rows of ") for name, rows in before.items() if name.startswith("rows of ") and not rows]
    assert len(empty) >= 84
    with psycopg.connect(loose.url, autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        for table in empty:
            for _ in range(3):
                conn.execute(f"INSERT INTO {table} DEFAULT VALUES".encode())
        conn.execute("SELECT nextval(seqrelid) FROM pg_sequence")
        during = snapshot(conn)
    assert all(len(during[f"rows of {table}"]) == 3 for table in empty)
    assert all(state[1] for name, state in during.items() if name.startswith("sequence"))
    clones = loose.clones
    loose.restore()
    assert held(loose) == before
    assert loose.clones == clones


@pytest.mark.usefixtures("environment")
def test_what_the_money_world_writes_is_emptied_without_a_clone(database: KeptDatabase, fresh: dict[str, Any]) -> None:
    with psycopg.connect(database.url, autocommit=True) as conn:
        world = World(conn, BEGIN)
        for step, operation in enumerate([*["deliver", "bill"] * 10, *OPERATIONS, *OPERATIONS]):
            world.run(operation, step, at=BEGIN + hours(step))
        during = snapshot(conn)
    assert sum(during[name] != fresh[name] for name in fresh if name.startswith("rows of")) > 20
    clones = database.clones
    database.restore()
    assert held(database) == fresh
    assert database.clones == clones


def test_a_test_that_only_read_costs_nothing(database: KeptDatabase, fresh: dict[str, Any]) -> None:
    with psycopg.connect(database.url) as conn:
        conn.execute("SELECT count(*) FROM leads")
    clones = database.clones
    database.restore()
    assert (held(database), database.clones) == (fresh, clones)


def a_session_with_locks(conn: Connection[Any], url: str) -> Connection[Any]:
    holder = psycopg.connect(url)
    a_buyer(holder)
    holder.execute("LOCK TABLE leads IN ACCESS EXCLUSIVE MODE")
    holder.execute("SELECT pg_advisory_lock(1)")
    holder.execute("LISTEN leadgen_queues")
    holder.execute("CREATE TEMPORARY TABLE mine (id int)")
    return holder


KILLED = """
import os, signal, sys, psycopg
conn = psycopg.connect(sys.argv[1])
conn.execute("INSERT INTO markets (name, timezone) VALUES ('Left', 'UTC')")
conn.execute("LOCK TABLE leads")
os.kill(os.getpid(), signal.SIGKILL)
"""


def a_killed_process(conn: Connection[Any], url: str) -> None:
    subprocess.run([sys.executable, "-c", KILLED, url], check=False)


def every_session_is_ended(conn: Connection[Any], url: str) -> None:
    an_offer(conn)
    conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


def an_insert_is_rolled_back(conn: Connection[Any], url: str) -> None:
    with conn.transaction(force_rollback=True):
        a_buyer(conn)


def a_queue_is_emptied(conn: Connection[Any], url: str) -> None:
    conn.execute("SELECT pgmq.send('route', '{}')")
    conn.execute("TRUNCATE pgmq.q_route RESTART IDENTITY")


@pytest.mark.parametrize(
    "leave",
    [a_session_with_locks, a_killed_process, every_session_is_ended, an_insert_is_rolled_back, a_queue_is_emptied],
)
def test_whatever_is_left_is_ended_without_a_clone(
    database: KeptDatabase, fresh: dict[str, Any], leave: Callable[[Connection[Any], str], Connection[Any] | None]
) -> None:
    with psycopg.connect(database.url, autocommit=True) as conn:
        left = leave(conn, database.url)
    clones = database.clones
    database.restore()
    assert held(database) == fresh
    assert database.clones == clones
    if left is not None:
        left.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pgmq.create('mine')",
        "SELECT pgmq.drop_queue('route')",
        "SELECT pgmq.bind_topic('lead.#', 'route')",
        "SELECT pgmq.unbind_topic('lead.received', 'validate')",
        "UPDATE schema_migrations SET applied_at = '2020-01-01'",
        "DELETE FROM schema_migrations WHERE name LIKE '0025%'",
        "SET session_replication_role = replica; TRUNCATE ledger_pairs CASCADE",
        "ALTER TABLE leads DISABLE TRIGGER leads_refuse_rewrite",
        "ALTER TABLE leads ADD CONSTRAINT poison CHECK (city <> 'Poison')",
        "ALTER TABLE invoices RENAME COLUMN due_date TO due_day",
        "ALTER TABLE invoices ADD COLUMN gone int; ALTER TABLE invoices DROP COLUMN gone",
        "ALTER SEQUENCE leads_id_seq INCREMENT 2",
        "CREATE TABLE mine (id serial PRIMARY KEY, name text)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER FUNCTION announce(jsonb[], float8[]) STABLE",
        "CREATE INDEX mine ON leads (city)",
        "DROP INDEX invoice_lines_lead_once",
        "CREATE SCHEMA mine",
        "CREATE TYPE mine AS ENUM ('one')",
        "ALTER TYPE lead_status ADD VALUE 'mine'",
        "DROP TABLE places CASCADE",
        "COMMENT ON TABLE leads IS 'mine'",
        "INSERT INTO markets (name, timezone) VALUES ('One', 'UTC'); ANALYZE markets",
        "ALTER DATABASE kept_of_its_tests SET work_mem = '1MB'",
        "ALTER DATABASE kept_of_its_tests CONNECTION LIMIT 9",
    ],
)  # fmt: skip
def test_whatever_else_is_changed_is_undone_by_a_clone(
    database: KeptDatabase, fresh: dict[str, Any], statement: str
) -> None:
    with psycopg.connect(database.url, autocommit=True) as conn:
        conn.execute(statement.encode())
        assert snapshot(conn) != fresh
    clones = database.clones
    database.restore()
    assert held(database) == fresh
    assert database.clones == clones + 1


def test_a_database_that_takes_no_connections_is_cloned_anew(
    server: Postgres, database: KeptDatabase, fresh: dict[str, Any]
) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute("ALTER DATABASE kept_of_its_tests ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'kept_of_its_tests'")
    database.restore()
    assert held(database) == fresh


def test_what_was_made_and_removed_again_needs_no_clone(database: KeptDatabase, fresh: dict[str, Any]) -> None:
    with psycopg.connect(database.url, autocommit=True) as conn:
        queues.create(conn, "mine")
        conn.execute("SELECT pgmq.drop_queue('mine')")
        conn.execute("ALTER TABLE leads DISABLE TRIGGER leads_refuse_rewrite")
        conn.execute("ALTER TABLE leads ENABLE TRIGGER leads_refuse_rewrite")
        conn.execute("CREATE ROLE mine")
        conn.execute("DROP ROLE mine")
    clones = database.clones
    database.restore()
    assert held(database) == fresh
    assert database.clones == clones


@pytest.mark.parametrize(
    ("leave", "undo"),
    [
        ("CREATE ROLE left_behind", "DROP ROLE left_behind"),
        ("ALTER ROLE CURRENT_USER SET work_mem = '1MB'", "ALTER ROLE CURRENT_USER RESET work_mem"),
    ],
)
def test_a_role_or_a_setting_of_the_server_that_is_left_is_told(
    database: KeptDatabase, fresh: dict[str, Any], leave: str, undo: str
) -> None:
    with psycopg.connect(database.url, autocommit=True) as conn:
        conn.execute(leave.encode())
    with pytest.raises(AssertionError, match="a role or a setting of the server is left"):
        database.restore()
    with psycopg.connect(database.url, autocommit=True) as conn:
        conn.execute(undo.encode())
    database.restore()
    assert held(database) == fresh
