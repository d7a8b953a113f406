"""Reads the seller, and takes the next numbers of a document series."""

from typing import Any

from psycopg import Connection


def seller(conn: Connection[Any]) -> object:
    """The seller, as stored; None where none is configured."""
    row = conn.execute("SELECT details FROM seller").fetchone()
    return None if row is None else row[0]


def next_numbers(conn: Connection[Any], series: str, count: int) -> int:
    """Take ``count`` numbers of a series; the last of them. The row stays locked until the commit: no gaps."""
    row = conn.execute(
        """
        INSERT INTO number_series (series, last) VALUES (%s, %s)
        ON CONFLICT (series) DO UPDATE SET last = number_series.last + excluded.last
        RETURNING last
        """,
        (series, count),
    ).fetchone()
    assert row is not None
    return int(row[0])
