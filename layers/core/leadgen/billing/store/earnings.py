"""Reads the earnings of leads that are to be reversed."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True)
class Earned:
    """What a lead earned; its transaction was not taken back."""

    transaction_id: int
    lead_id: int
    publisher_id: int
    currency: str
    amount: Decimal


def of_leads(conn: Connection[Any], lead_ids: Sequence[int]) -> list[Earned]:
    """What these leads earned, in their order; the publishers are locked, in theirs. Their buyers are locked."""
    with conn.cursor(row_factory=class_row(Earned)) as cursor:
        cursor.execute(
            """
            WITH earned AS (
              SELECT t.id AS transaction_id, t.lead_id, t.publisher_id, t.currency, sum(e.amount) AS amount
                FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
               WHERE t.lead_id = ANY(%(leads)s) AND t.kind = 'lead_earned'
                 AND NOT EXISTS (SELECT FROM ledger_transactions r WHERE r.reverses_id = t.id)
               GROUP BY t.id
            ), locked AS (
              SELECT p.id FROM publishers p WHERE p.id IN (SELECT publisher_id FROM earned)
               ORDER BY p.id FOR NO KEY UPDATE
            )
            SELECT earned.* FROM earned JOIN locked ON locked.id = earned.publisher_id ORDER BY earned.lead_id
            """,
            {"leads": list(lead_ids)},
        )
        return cursor.fetchall()
