"""Adds entries to the audit log and purges old ones."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from leadgen.kernel.trace import Json


@dataclass(frozen=True)
class RecordedAction:
    """What somebody did to something; the states are as much of it as the action changed."""

    action: str
    resource_type: str
    resource_id: int
    before: Json
    after: Json


def record(
    conn: Connection[Any], entry: RecordedAction, *, at: datetime, ip_address: str | None, user_agent: str | None
) -> None:
    """Keep an entry."""
    conn.execute(
        """
        INSERT INTO audit_logs ("timestamp", action, resource_type, resource_id, before_state, after_state, ip_address,
                                user_agent)
        VALUES (%s, %s, %s, %s, %s, %s, %s::inet, %s)
        """,
        (
            at,
            entry.action,
            entry.resource_type,
            entry.resource_id,
            Jsonb(entry.before),
            Jsonb(entry.after),
            ip_address,
            user_agent,
        ),
    )


def purge(conn: Connection[Any], *, before: datetime) -> int:
    """Remove audit rows older than the retention policy keeps them; how many."""
    return conn.execute('DELETE FROM audit_logs WHERE "timestamp" < %s', (before,)).rowcount
