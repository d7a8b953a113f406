"""Connections: reused, never more than allowed, and replaced when the server has closed them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen.platform.db import Database, DatabaseAway


def backend(conn: Connection[Any]) -> int:
    row = conn.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def database(database_url: str) -> Any:
    found = Database(database_url, most=2)
    yield found
    found.close()


def test_a_connection_is_used_again(database: Database) -> None:
    with database.connection() as conn:
        first = backend(conn)
    with database.connection() as conn:
        assert backend(conn) == first


def test_a_connection_the_server_closed_while_idle_is_replaced(database: Database, database_url: str) -> None:
    with database.connection() as conn:
        gone = backend(conn)
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", (gone,))
    with database.connection() as conn:
        assert backend(conn) != gone


def test_a_server_that_goes_away_in_the_middle_is_told_as_away(database: Database, database_url: str) -> None:
    def lose() -> None:
        with database.connection() as conn:
            with psycopg.connect(database_url, autocommit=True) as admin:
                admin.execute("SELECT pg_terminate_backend(%s, 5000)", (backend(conn),))
            conn.execute("SELECT 1")

    with pytest.raises(DatabaseAway):
        lose()
    with database.connection() as conn:
        assert backend(conn) > 0


def test_a_server_that_is_not_there_is_away(closed_port: int) -> None:
    with pytest.raises(DatabaseAway), Database(f"postgresql://127.0.0.1:{closed_port}/x").connection():
        pass


def test_an_exception_rolls_the_transaction_back_and_keeps_the_connection(database: Database) -> None:
    def fail() -> None:
        with database.transaction() as conn:
            conn.execute("CREATE TABLE half (id int)")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    with database.connection() as conn:
        assert conn.execute("SELECT to_regclass('half')").fetchone() == (None,)


def test_no_more_connections_than_allowed_are_open_at_once(database: Database, database_url: str) -> None:
    barrier = threading.Barrier(6)

    def work() -> int:
        barrier.wait()
        with database.connection() as conn:
            return backend(conn)

    with ThreadPoolExecutor(6) as pool:
        backends = {future.result() for future in [pool.submit(work) for _ in range(6)]}
    assert 1 <= len(backends) <= 2


def test_an_error_of_the_server_does_not_quote_the_row(database: Database) -> None:
    def violate() -> None:
        with database.transaction() as conn:
            conn.execute("CREATE TEMPORARY TABLE people (name text CHECK (name <> 'Sentinel'))")
            conn.execute("INSERT INTO people VALUES ('Sentinel')")

    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        violate()
    assert "Sentinel" not in str(refused.value)
    assert refused.value.diag.constraint_name == "people_name_check"
