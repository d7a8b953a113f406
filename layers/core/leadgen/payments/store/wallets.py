"""Reads the movements of prepaid money."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True)
class Move:
    """A movement of a buyer's prepaid money, above zero into the wallet; ``balance`` is what was in it then."""

    transaction_id: int
    occurred_at: datetime
    kind: str
    amount: Decimal
    balance: Decimal
    lead_id: int | None
    invoice_number: str | None
    payment_id: int | None
    credit_note: str | None


def history(conn: Connection[Any], buyer_id: int, *, limit: int) -> list[Move]:
    """What moved a buyer's prepaid money, the latest first."""
    with conn.cursor(row_factory=class_row(Move)) as cursor:
        cursor.execute(
            """
            WITH moved AS (
              SELECT t.id, t.occurred_at, t.kind, t.lead_id, t.invoice_id, t.payment_id, t.credit_note_id,
                     sum(CASE 'wallet' WHEN e.credit THEN e.amount ELSE -e.amount END) AS amount
                FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
               WHERE t.buyer_id = %s AND 'wallet' IN (e.debit, e.credit) GROUP BY t.id
            )
            SELECT m.id AS transaction_id, m.occurred_at, m.kind, m.amount,
                   sum(m.amount) OVER (ORDER BY m.id) AS balance, m.lead_id, i.invoice_number, m.payment_id,
                   c.number AS credit_note
              FROM moved m
              LEFT JOIN invoices i ON i.id = m.invoice_id
              LEFT JOIN credit_notes c ON c.id = m.credit_note_id
             ORDER BY m.id DESC LIMIT %s
            """,
            (buyer_id, limit),
        )
        return cursor.fetchall()
