"""The audit trail."""

from datetime import datetime
from typing import Any

from psycopg import Connection


def purge(conn: Connection[Any], *, before: datetime) -> int:
    """Remove audit rows older than the retention policy keeps them; how many."""
    return conn.execute('DELETE FROM audit_logs WHERE "timestamp" < %s', (before,)).rowcount
