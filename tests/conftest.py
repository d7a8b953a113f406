"""A real PostgreSQL for every test that asks: one server and one database a worker, made empty after each test."""

import itertools
import os
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict

from leadgen.platform import db, settings
from leadgen.platform.migrations import migrate
from leadgen_local.postgres.server import Postgres
from leadgen_local.queues import topology
from leadgen_local.template import reader
from tests.support.examples import register_profiles
from tests.support.kept import TEMPLATE, KeptDatabase
from tests.support.stages.functions import Functions

ROOT = Path(__file__).parents[1]
SECRET_KEY = "a-secret-key-for-tests-of-sufficient-length"

pytest_plugins = ["tests.support.fixtures"]

# Whatever runs the tests, commands write lines as long as without a terminal.
os.environ["COLUMNS"] = "100"

# The data lives for minutes: nothing is written for later, and nothing but the tests is at work.
SERVER_SETTINGS = {
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "max_wal_size": "2GB",
    "max_wal_senders": "0",
    "synchronous_commit": "off",
    "wal_level": "minimal",
}

register_profiles()

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """The worker's database server, with a migrated database to clone."""
    with Postgres(tmp_path_factory.mktemp("postgres") / "data", durable=False, more=SERVER_SETTINGS) as postgres:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as conn:
            # Half of the time of opening a connection goes into making the password hard to guess.
            conn.execute("SET scram_iterations = 1")
            password = conninfo_to_dict(postgres.url())["password"]
            conn.execute(sql.SQL("ALTER ROLE CURRENT_USER PASSWORD {}").format(sql.Literal(password)))
            conn.execute(f"CREATE DATABASE {TEMPLATE}".encode())
        with psycopg.connect(postgres.url(TEMPLATE), autocommit=True) as conn:
            migrate(conn, ROOT / "sql" / "migrations")
            topology.prepare(conn, reader.load(ROOT / "template.yaml"))
        yield postgres


@pytest.fixture(scope="session")
def kept(server: Postgres) -> Iterator[KeptDatabase]:
    """The worker's database, used by one test after the other; ask for ``database_url`` instead."""
    database = KeptDatabase(server, "kept")
    yield database
    database.close()


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database with the queues of the template and nothing else in it: what nearly every test wants.

    It is the worker's one, and is made empty after the test, whatever the test has done to it. A test that asks for
    ``own_database_url`` as well (or is marked ``usefixtures("own_database_url")``) gets that one here too.
    """
    kept = _kept(request)
    if kept is None:
        yield request.getfixturevalue("own_database_url")
        return
    yield kept.url
    kept.restore()


@pytest.fixture
def own_database_url(server: Postgres) -> Iterator[str]:
    """A migrated database of the test's own, thrown away afterwards: a tenth of a second more than ``database_url``.

    It is for tests that refuse connections, alter the schema or leave something that only ends with the database.
    """
    yield from _database(server, TEMPLATE)


@pytest.fixture
def empty_database_url(server: Postgres) -> Iterator[str]:
    """A database of the test's own with nothing in it, not even the schema: for tests of migrations."""
    yield from _database(server, "template1")


def _database(server: Postgres, clone_of: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {clone_of}")
    yield server.url(name)
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def environment(
    request: pytest.FixtureRequest, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.MonkeyPatch]:
    """The process's settings: the test's database. Change a variable before the first use of the settings."""
    for name in settings.Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DATABASE_CONNECTIONS", "32")
    monkeypatch.setenv("SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("ENVIRONMENT", "test")
    settings.current.cache_clear()
    yield monkeypatch
    pool = db.current()
    kept = _kept(request)
    if kept and pool is db._database(kept.url, 32, False):
        kept.spare(pool)
    else:
        pool.close()
    settings.current.cache_clear()


@pytest.fixture
def conn(
    request: pytest.FixtureRequest, database_url: str, environment: pytest.MonkeyPatch
) -> Iterator[Connection[Any]]:
    """A connection of the test's own, in autocommit."""
    kept = _kept(request)
    with kept.session() if kept else psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def _kept(request: pytest.FixtureRequest) -> KeptDatabase | None:
    """The kept database where the test works on it."""
    if "own_database_url" in request.fixturenames:
        return None
    kept: KeptDatabase = request.getfixturevalue("kept")
    return kept


@pytest.fixture
def functions(environment: pytest.MonkeyPatch) -> Functions:
    """The stages' handlers, and the queues between them worked off in this thread."""
    return Functions(ROOT)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of 127.0.0.1 on which nobody answers; taken until the test ends, so that nobody else gets it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def now() -> datetime:
    """An ordinary instant: a Wednesday at noon, UTC."""
    return datetime(2026, 6, 17, 12, 0, tzinfo=UTC)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that were given a time of their own: they take longest, and no worker waits for the last."""
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)


def pytest_report_header() -> str:
    return f"python {sys.version.split()[0]}, process {os.getpid()}"
