"""A real PostgreSQL for every test that asks: one server a worker, one database a test, cloned from a template."""

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
from psycopg import Connection

from leadgen.platform import db, settings
from leadgen.platform.migrations import migrate
from leadgen_local.postgres.server import Postgres
from leadgen_local.queues import topology
from leadgen_local.template import reader
from tests.support.functions import Functions

ROOT = Path(__file__).parents[1]
SECRET_KEY = "a-secret-key-for-tests-of-sufficient-length"

pytest_plugins = ["tests.support.fixtures"]

# Whatever runs the tests, commands write lines as long as without a terminal.
os.environ["COLUMNS"] = "100"

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """The worker's database server, with a migrated database to clone."""
    with Postgres(tmp_path_factory.mktemp("postgres") / "data", durable=False) as postgres:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as conn:
            conn.execute("CREATE DATABASE template_leadgen")
        with psycopg.connect(postgres.url("template_leadgen"), autocommit=True) as conn:
            migrate(conn, ROOT / "sql" / "migrations")
            topology.prepare(conn, reader.load(ROOT / "template.yaml"))
        yield postgres


@pytest.fixture
def empty_database_url(server: Postgres) -> Iterator[str]:
    """A database with nothing in it."""
    yield from _database(server, "template1")


@pytest.fixture
def database_url(server: Postgres) -> Iterator[str]:
    """A migrated database of the test's own, with the queues of the template."""
    yield from _database(server, "template_leadgen")


def _database(server: Postgres, clone_of: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {clone_of}")
    yield server.url(name)
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def environment(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The process's settings: the test's database. Change a variable before the first use of the settings."""
    for name in settings.Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DATABASE_CONNECTIONS", "32")
    monkeypatch.setenv("SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("ENVIRONMENT", "test")
    settings.current.cache_clear()
    yield monkeypatch
    db.current().close()
    settings.current.cache_clear()


@pytest.fixture
def conn(database_url: str, environment: pytest.MonkeyPatch) -> Iterator[Connection[Any]]:
    """A connection of the test's own, in autocommit."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


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


def pytest_report_header() -> str:
    return f"python {sys.version.split()[0]}, process {os.getpid()}"
