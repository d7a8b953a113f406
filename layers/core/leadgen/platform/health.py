"""Whether the database answers."""

from typing import Any

from psycopg import Connection


def ping(conn: Connection[Any]) -> None:
    """One round trip."""
    conn.execute("SELECT 1")
