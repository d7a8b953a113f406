"""Locks buyers in id order; finds buyers by id, e-mail and name."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True)
class NamedBuyer:
    """A buyer by its name."""

    buyer_id: int
    name: str


def buyers_named(conn: Connection[Any], buyer_ids: Collection[int]) -> dict[int, str]:
    """The buyers' names, by id."""
    rows = conn.execute("SELECT id, name FROM buyers WHERE id = ANY(%s)", (sorted(buyer_ids),))
    return dict(rows.fetchall())


def find_buyer(conn: Connection[Any], id_or_email: str) -> NamedBuyer | None:
    """The buyer with this id or e-mail address, or None."""
    with conn.cursor(row_factory=class_row(NamedBuyer)) as cursor:
        cursor.execute(
            "SELECT id AS buyer_id, name FROM buyers WHERE id::text = %(who)s OR lower(email) = lower(%(who)s)",
            {"who": id_or_email.strip()},
        )
        return cursor.fetchone()


def is_enrolled(conn: Connection[Any], offer_id: int, buyer_id: int) -> bool:
    """Whether a buyer is enrolled in an offer, actively or not."""
    found = conn.execute(
        "SELECT 1 FROM buyer_offers WHERE offer_id = %s AND buyer_id = %s", (offer_id, buyer_id)
    ).fetchone()
    return found is not None


def lock(conn: Connection[Any], buyer_ids: Iterable[int]) -> None:
    """Lock buyers in id order: a buyer's lock is the lock of its money and of all its capacity counters.

    What was read of them before may have changed meanwhile; read it again.
    """
    conn.execute("SELECT id FROM buyers WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", (sorted(set(buyer_ids)),))
