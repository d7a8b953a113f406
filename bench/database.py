"""A migrated database of a bench's own, in a folder that goes away with it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from leadgen.platform.migrations import migrate
from leadgen_local.postgres.server import Postgres
from leadgen_local.queues import topology
from leadgen_local.template import reader

ROOT = Path(__file__).parents[1]


@contextmanager
def fresh(*, shared_buffers: str | None = None) -> Iterator[str]:
    """Its URL. ``shared_buffers`` is the server's cache, where a bench needs another than PostgreSQL's 128 MB."""
    with tempfile.TemporaryDirectory(prefix="leadgen-bench-") as folder:
        data = Path(folder) / "data"
        if shared_buffers is not None:
            with Postgres(data) as postgres, psycopg.connect(postgres.url(), autocommit=True) as conn:
                conn.execute(sql.SQL("ALTER SYSTEM SET shared_buffers = {}").format(shared_buffers))
        with Postgres(data) as postgres:
            with psycopg.connect(postgres.url(), autocommit=True) as conn:
                migrate(conn, ROOT / "sql" / "migrations")
                topology.prepare(conn, reader.load(ROOT / "template.yaml"))
            yield postgres.url()
