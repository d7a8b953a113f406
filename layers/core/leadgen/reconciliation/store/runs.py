"""Records the auditor's runs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb


def record(
    conn: Connection[Any], *, ran_at: datetime, milliseconds: int, violations: int, findings: Mapping[str, object]
) -> int:
    """Keep a run; its id."""
    row = conn.execute(
        "INSERT INTO audits (ran_at, milliseconds, violations, findings) VALUES (%s, %s, %s, %s) RETURNING id",
        (ran_at, milliseconds, violations, Jsonb(findings)),
    ).fetchone()
    assert row is not None
    return int(row[0])
