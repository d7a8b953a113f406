"""Debts of chargebacks are paid as soon as the wallet has money again."""

from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.ledger.domain import transactions
from leadgen.ledger.domain.transactions import Transaction
from leadgen.ledger.store import postings as books
from leadgen.receivables.domain import debts
from leadgen.receivables.store import debts as receivables_debts


def from_wallet(conn: Connection[Any], buyer_id: int, *, actor: str, now: datetime) -> None:
    """Pay a buyer's open debts out of its wallet, as far as that goes, oldest first. The buyer is locked."""
    open_ = [debt for debt in receivables_debts.debts(conn, buyer_id) if debt.open > 0]
    if not open_:
        return
    money = books.money(conn, [buyer_id])[buyer_id]
    parts = debts.repay(money.wallet, open_)
    times = receivables_debts.times_settled(conn, [part.chargeback_id for part in parts])
    receivables_debts.repay(conn, parts, now=now)
    books.post(
        conn,
        [
            Transaction(
                key=f"debt_settled:{part.chargeback_id}:{times.get(part.chargeback_id, 0) + 1}",
                kind="debt_settled",
                currency=money.currency,
                occurred_at=now,
                actor=actor,
                entries=transactions.entries(("wallet", "receivable", part.amount)),
                buyer_id=buyer_id,
            )
            for part in parts
        ],
    )
