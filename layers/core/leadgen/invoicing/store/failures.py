"""Records the buyers whose invoices could not be written, until they can be."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

_LONGEST_ERROR = 500


def failing(conn: Connection[Any]) -> set[int]:
    """The buyers whose last run failed."""
    return {row[0] for row in conn.execute("SELECT buyer_id FROM invoicing_failures")}


def record(conn: Connection[Any], buyer_id: int, error: str, *, now: datetime) -> None:
    """A run failed for a buyer, once more."""
    conn.execute(
        """
        INSERT INTO invoicing_failures AS f (buyer_id, failed_at, error) VALUES (%s, %s, %s)
        ON CONFLICT (buyer_id)
        DO UPDATE SET failed_at = excluded.failed_at, error = excluded.error, failures = f.failures + 1
        """,
        (buyer_id, now, error[:_LONGEST_ERROR]),
    )


def delete(conn: Connection[Any], buyer_ids: Collection[int]) -> None:
    """They work again."""
    conn.execute("DELETE FROM invoicing_failures WHERE buyer_id = ANY(%s)", (sorted(buyer_ids),))


@dataclass(frozen=True)
class Failure:
    """Why a buyer has no invoices: ``failures`` runs in a row."""

    buyer_id: int
    buyer: str
    failed_at: datetime
    failures: int
    error: str


def listed(conn: Connection[Any]) -> list[Failure]:
    """The buyers whose last run failed, longest first."""
    with conn.cursor(row_factory=class_row(Failure)) as cursor:
        cursor.execute(
            """
            SELECT f.buyer_id, b.name AS buyer, f.failed_at, f.failures, f.error
              FROM invoicing_failures f JOIN buyers b ON b.id = f.buyer_id ORDER BY f.failures DESC, f.buyer_id
            """
        )
        return cursor.fetchall()
