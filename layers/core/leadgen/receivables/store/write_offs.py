"""Marks invoices as written off, under the buyers' locks."""

from datetime import datetime
from typing import Any

from psycopg import Connection


def times(conn: Connection[Any], invoice_id: int) -> int:
    """How often an invoice was written off."""
    row = conn.execute(
        "SELECT count(*) FROM invoice_settlements WHERE invoice_id = %s AND kind = 'write_off'", (invoice_id,)
    ).fetchone()
    assert row is not None
    return int(row[0])


def transaction(conn: Connection[Any], invoice_id: int, times: int) -> int | None:
    """The ledger's transaction of an invoice's write-off, by which one it is; None where the ledger has none."""
    row = conn.execute(
        "SELECT id FROM ledger_transactions WHERE idempotency_key = 'write_off:' || %s::int || ':' || %s::int",
        (invoice_id, times),
    ).fetchone()
    return None if row is None else int(row[0])


def note(conn: Connection[Any], invoice_id: int, why: str, *, now: datetime) -> None:
    """Say on an invoice why it is owed no more, or again."""
    conn.execute("UPDATE invoices SET resolution_notes = %s, resolved_at = %s WHERE id = %s", (why, now, invoice_id))
