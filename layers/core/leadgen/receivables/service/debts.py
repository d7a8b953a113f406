"""Repays open chargeback debts from the wallet, oldest first."""

from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.ledger import domain as ledger_domain
from leadgen.ledger import store as ledger_store
from leadgen.ledger.domain import Transaction
from leadgen.receivables.domain import debts as domain
from leadgen.receivables.store import debts as store


def from_wallet(conn: Connection[Any], buyer_id: int, *, actor: str, now: datetime) -> None:
    """Pay a buyer's open debts out of its wallet, as far as that goes, oldest first. The buyer is locked."""
    open_ = [debt for debt in store.debts(conn, buyer_id) if debt.open > 0]
    if not open_:
        return
    money = ledger_store.money(conn, [buyer_id])[buyer_id]
    parts = domain.repay(money.wallet, open_)
    times = store.times_settled(conn, [part.chargeback_id for part in parts])
    store.repay(conn, parts, now=now)
    ledger_store.post(
        conn,
        [
            Transaction(
                key=f"debt_settled:{part.chargeback_id}:{times.get(part.chargeback_id, 0) + 1}",
                kind="debt_settled",
                currency=money.currency,
                occurred_at=now,
                actor=actor,
                entries=ledger_domain.entries(("wallet", "receivable", part.amount)),
                buyer_id=buyer_id,
            )
            for part in parts
        ],
    )
