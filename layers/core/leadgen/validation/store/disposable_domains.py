"""Reads and writes operators' corrections of the list of disposable mail domains."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


def overrides_of(conn: Connection[Any], domains: Collection[str]) -> dict[str, bool]:
    """The overrides of exactly these domains: whether each is disposable."""
    rows = conn.execute(
        "SELECT domain, is_disposable FROM disposable_domains WHERE domain = ANY(%s)", (sorted(domains),)
    )
    return dict(rows.fetchall())


def override(conn: Connection[Any], domains: Sequence[str], *, is_disposable: bool) -> int:
    """Mark domains as disposable or not; returns how many were not marked so before."""
    return conn.execute(
        """
        INSERT INTO disposable_domains AS d (domain, is_disposable)
        SELECT DISTINCT unnest(%(domains)s::text[]), %(is_disposable)s ORDER BY 1
        ON CONFLICT (domain) DO UPDATE SET is_disposable = excluded.is_disposable, created_at = CURRENT_TIMESTAMP
         WHERE d.is_disposable <> excluded.is_disposable
        """,
        {"domains": list(domains), "is_disposable": is_disposable},
    ).rowcount


def remove_overrides(conn: Connection[Any], domains: Sequence[str]) -> int:
    """Remove the overrides of domains, so that the blocklist decides; returns how many there were."""
    return conn.execute("DELETE FROM disposable_domains WHERE domain = ANY(%s)", (list(domains),)).rowcount


@dataclass(frozen=True)
class Override:
    """An operator's mark of a domain."""

    domain: str
    is_disposable: bool


def overrides(conn: Connection[Any]) -> list[Override]:
    """Every override, ordered by domain."""
    with conn.cursor(row_factory=class_row(Override)) as cursor:
        cursor.execute("SELECT domain, is_disposable FROM disposable_domains ORDER BY domain")
        return cursor.fetchall()
