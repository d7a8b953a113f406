"""Buyers under lock."""

from collections.abc import Iterable
from typing import Any

from psycopg import Connection


def lock(conn: Connection[Any], buyer_ids: Iterable[int]) -> None:
    """Lock buyers in id order: a buyer's lock is the lock of its money and of all its capacity counters.

    What was read of them before may have changed meanwhile; read it again.
    """
    conn.execute("SELECT id FROM buyers WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", (sorted(set(buyer_ids)),))
