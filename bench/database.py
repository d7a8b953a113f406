"""A migrated database of a bench's own, in a folder that goes away with it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from leadgen.operations.migrate import migrate
from leadgen_local import template, topology
from leadgen_local.postgres import Postgres

ROOT = Path(__file__).parents[1]


@contextmanager
def fresh() -> Iterator[str]:
    """Its URL."""
    with tempfile.TemporaryDirectory(prefix="leadgen-bench-") as folder, Postgres(Path(folder) / "data") as postgres:
        with psycopg.connect(postgres.url(), autocommit=True) as conn:
            migrate(conn, ROOT / "sql" / "migrations")
            topology.prepare(conn, template.load(ROOT / "template.yaml"))
        yield postgres.url()
