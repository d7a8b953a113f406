"""The recorded schema: what migrating an empty database gives. ``make schema`` writes it anew."""

import re
import subprocess
import tempfile
from pathlib import Path

import psycopg

from leadgen.platform.migrations import migrate
from leadgen_local.postgres import binaries
from leadgen_local.postgres.server import Postgres

ROOT = Path(__file__).parents[3]
RECORD = ROOT / "sql" / "schema.sql"
_HEAD = "-- What the migrations make of an empty database. Written by `make schema`; do not edit.\n\n"

# What pg_dump writes of itself and of its session, and what is not ours to record.
_NOISE = re.compile(r"--|SET |SELECT pg_catalog\.set_config|\\(?:un)?restrict|(?:CREATE|COMMENT ON) SCHEMA public\b")


def dump(database_url: str) -> str:
    """The schema ``public`` of a database as SQL, the same text for the same schema."""
    program = binaries.locate().directory / "pg_dump"
    dumped = subprocess.run(
        [program, "--schema-only", "--no-owner", "--no-privileges", "--schema=public", f"--dbname={database_url}"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in dumped.stdout.splitlines() if not _NOISE.match(line)]
    return _HEAD + re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def main() -> None:
    """Migrate an empty database and record its schema."""
    with tempfile.TemporaryDirectory() as folder, Postgres(Path(folder) / "data", durable=False) as postgres:
        with psycopg.connect(postgres.url(), autocommit=True) as conn:
            migrate(conn, ROOT / "sql" / "migrations")
        RECORD.write_text(dump(postgres.url()), encoding="utf-8")


if __name__ == "__main__":
    main()
