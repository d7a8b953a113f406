"""Reads and repays debts from chargebacks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.receivables.domain.debts import Debt, Repaid


def debts(conn: Connection[Any], buyer_id: int) -> list[Debt]:
    """What chargebacks left that is open or was paid since, oldest first; none of those that were won."""
    with conn.cursor(row_factory=class_row(Debt)) as cursor:
        cursor.execute(
            """
            SELECT id AS chargeback_id, debt AS open, from_nothing - debt AS paid FROM chargebacks
             WHERE buyer_id = %s AND status <> 'won' AND from_nothing > 0 ORDER BY id
            """,
            (buyer_id,),
        )
        return cursor.fetchall()


def repay(conn: Connection[Any], parts: Sequence[Repaid], *, now: datetime) -> None:
    """Debts become less, or more where a part is below zero."""
    if parts:
        conn.execute(
            """
            UPDATE chargebacks c SET debt = c.debt - r.amount, updated_at = %(now)s
              FROM unnest(%(ids)s::bigint[], %(amounts)s::numeric[]) AS r(id, amount)
             WHERE c.id = r.id
            """,
            {"ids": [part.chargeback_id for part in parts], "amounts": [part.amount for part in parts], "now": now},
        )


def times_settled(conn: Connection[Any], chargeback_ids: Sequence[int]) -> dict[int, int]:
    """How often the wallet has paid of each one's debt; none of those of which it never has."""
    rows = conn.execute(
        """
        SELECT c.id, count(*) FROM unnest(%s::bigint[]) AS c(id)
          JOIN ledger_transactions t
            ON t.kind = 'debt_settled' AND starts_with(t.idempotency_key, 'debt_settled:' || c.id || ':')
          JOIN chargebacks b ON b.id = c.id AND b.buyer_id = t.buyer_id
         GROUP BY c.id
        """,
        (list(chargeback_ids),),
    )
    return dict(rows.fetchall())
