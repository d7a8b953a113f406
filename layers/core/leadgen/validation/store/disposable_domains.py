"""Reads and writes operators' corrections of the list of disposable mail domains."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


def said(conn: Connection[Any], domains: Collection[str]) -> dict[str, bool]:
    """What was said of these very domains."""
    rows = conn.execute(
        "SELECT domain, is_disposable FROM disposable_domains WHERE domain = ANY(%s)", (sorted(domains),)
    )
    return dict(rows.fetchall())


def say(conn: Connection[Any], domains: Sequence[str], *, is_disposable: bool) -> int:
    """Say of domains that they are disposable or not; of how many it was not said before."""
    return conn.execute(
        """
        INSERT INTO disposable_domains AS d (domain, is_disposable)
        SELECT DISTINCT unnest(%(domains)s::text[]), %(said)s ORDER BY 1
        ON CONFLICT (domain) DO UPDATE SET is_disposable = excluded.is_disposable, created_at = CURRENT_TIMESTAMP
         WHERE d.is_disposable <> excluded.is_disposable
        """,
        {"domains": list(domains), "said": is_disposable},
    ).rowcount


def forget(conn: Connection[Any], domains: Sequence[str]) -> int:
    """Leave domains to the list that is kept; of how many something was said."""
    return conn.execute("DELETE FROM disposable_domains WHERE domain = ANY(%s)", (list(domains),)).rowcount


@dataclass(frozen=True)
class Override:
    """What was said of a domain."""

    domain: str
    is_disposable: bool


def overrides(conn: Connection[Any]) -> list[Override]:
    """Everything that was said, by domain."""
    with conn.cursor(row_factory=class_row(Override)) as cursor:
        cursor.execute("SELECT domain, is_disposable FROM disposable_domains ORDER BY domain")
        return cursor.fetchall()
