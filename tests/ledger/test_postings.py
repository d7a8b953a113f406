"""The ledger: posted once, never changed, and every balance moves with it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, get_args

import psycopg
import pytest
from psycopg import Connection

from leadgen.ledger import domain as ledger_domain
from leadgen.ledger import store as ledger_store
from leadgen.ledger.domain import Account, Entry, Kind, Transaction
from leadgen.ledger.store import PostedOtherwise
from tests.support.factories import a_buyer, an_offer
from tests.support.money.sold_leads import an_invoice, prepay


def a_transaction(buyer: int, now: datetime, *parts: tuple[Account, Account, str], **values: Any) -> Transaction:
    entries = ledger_domain.entries(*((debit, credit, Decimal(amount)) for debit, credit, amount in parts))
    defaults: dict[str, Any] = {
        "key": "payment:1", "kind": "payment", "currency": "USD", "occurred_at": now, "actor": "test",
    }  # fmt: skip
    return Transaction(**(defaults | values), entries=entries, buyer_id=buyer)


def balances(conn: Connection[Any], buyer: int) -> tuple[str, str]:
    money = ledger_store.money(conn, [buyer])[buyer]
    return str(money.owed), str(money.wallet)


def test_what_is_posted_moves_what_is_owed_and_what_is_prepaid(conn: Connection[Any], now: datetime) -> None:
    buyer = a_buyer(conn, balance="60.00")
    posted = ledger_store.post(
        conn, [a_transaction(buyer, now, ("cash", "receivable", "60"), ("cash", "wallet", "40"), ("cash", "tax", "0"))]
    )
    assert list(posted) == ["payment:1"]
    assert balances(conn, buyer) == ("0.00", "40.00")
    ledger_store.post(conn, [a_transaction(buyer, now, ("wallet", "receivable", "0")), replace(
        a_transaction(buyer, now, ("wallet", "refunds_due", "15.50")), key="refund_requested:1",
        kind="refund_requested")][1:])  # fmt: skip
    assert balances(conn, buyer) == ("0.00", "24.50")


def test_a_key_moves_nothing_again_and_something_else_under_it_is_refused(conn: Connection[Any], now: datetime) -> None:
    buyer = a_buyer(conn)
    paid = a_transaction(buyer, now, ("cash", "wallet", "40.00"))
    assert len(ledger_store.post(conn, [paid])) == 1
    assert ledger_store.post(conn, [paid]) == {}
    assert ledger_store.post(conn, [replace(paid, entries=(Entry("cash", "wallet", Decimal(40)),))]) == {}
    with pytest.raises(PostedOtherwise, match="payment:1"), conn.transaction():
        ledger_store.post(conn, [a_transaction(buyer, now, ("cash", "wallet", "41.00"))])
    assert balances(conn, buyer) == ("0.00", "40.00")


def test_one_key_posted_by_many_at_once_moves_once(conn: Connection[Any], database_url: str, now: datetime) -> None:
    buyer = a_buyer(conn)
    barrier = threading.Barrier(8)

    def post() -> int:
        barrier.wait()
        with psycopg.connect(database_url) as own:
            return len(ledger_store.post(own, [a_transaction(buyer, now, ("cash", "wallet", "40.00"))]))

    with ThreadPoolExecutor(8) as pool:
        assert sum(future.result() for future in [pool.submit(post) for _ in range(8)]) == 1
    assert balances(conn, buyer) == ("0.00", "40.00")


@pytest.mark.parametrize(
    ("kind", "debit", "credit"),
    [("payment", "receivable", "cash"), ("payment", "wallet", "cash"), ("lead_billed", "receivable", "cash"),
     ("write_off", "receivable", "bad_debt"), ("wallet_drawn", "receivable", "wallet"), ("payment", "cash", "tax")],
)  # fmt: skip
def test_accounts_that_may_not_face_each_other_are_refused_by_the_database(
    conn: Connection[Any], now: datetime, kind: Kind, debit: Account, credit: Account
) -> None:
    buyer = a_buyer(conn, balance="9")
    prepay(conn, buyer, "9", now)
    with pytest.raises(psycopg.errors.ForeignKeyViolation) as refused, conn.transaction():
        ledger_store.post(conn, [a_transaction(buyer, now, (debit, credit, "1.00"), kind=kind)])
    assert refused.value.diag.constraint_name == "ledger_entries_allowed"


def test_a_wallet_and_what_is_owed_never_fall_below_zero(conn: Connection[Any], now: datetime) -> None:
    buyer = a_buyer(conn)
    with pytest.raises(psycopg.errors.CheckViolation):
        ledger_store.post(conn, [a_transaction(buyer, now, ("wallet", "refunds_due", "0.01"), kind="refund_requested")])
    with pytest.raises(psycopg.errors.CheckViolation):
        ledger_store.post(conn, [a_transaction(buyer, now, ("cash", "receivable", "0.01"))])


def test_the_code_and_the_database_know_the_same_kinds_and_accounts(conn: Connection[Any]) -> None:
    kinds = {row[0] for row in conn.execute("SELECT kind FROM ledger_pairs")}
    accounts = {row[0] for row in conn.execute("SELECT debit FROM ledger_pairs UNION SELECT credit FROM ledger_pairs")}
    assert kinds == set(get_args(Kind))
    assert accounts == set(get_args(Account))


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("ledger_transactions", "occurred_at = now()"), ("ledger_entries", "amount = amount + 1"),
        ("ledger_pairs", "kind = kind"), ("invoices", "total_amount = 1, subtotal = 1, tax_amount = 0"),
        ("invoices", "due_date = now()"), ("invoices", "invoice_number = 'INV-9'"), ("invoices", "seller = '{}'"),
        ("invoices", "status = 'draft'"), ("invoice_lines", "amount = 1"), ("invoice_lines", "released_at = now()"),
        ("invoice_settlements", "amount = 1"), ("leads", "delivered_price = 1"), ("leads", "price = 1"),
        ("leads", "billing_status = 'pending'"), ("leads", "buyer_id = NULL"), ("buyers", "currency = 'EUR'"),
    ],
)  # fmt: skip
def test_edge_37_what_is_charged_stays_as_it_was_for_the_applications_role_too(
    conn: Connection[Any], now: datetime, table: str, change: str
) -> None:
    an_invoice(conn, an_offer(conn), a_buyer(conn, billing={"tax": {"rate": 10}}), now, "45.00")
    conn.execute(
        """
        INSERT INTO invoice_settlements (settled_at, invoice_id, kind, amount)
        SELECT now(), id, 'wallet', 1 FROM invoices
        """
    )
    conn.execute("CREATE ROLE app")
    try:
        conn.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO app")
        conn.execute("SET ROLE app")
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            conn.execute(f"UPDATE {table} SET {change}".encode())
        if table not in ("leads", "buyers"):
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
                conn.execute(f"DELETE FROM {table}".encode())
    finally:
        conn.execute("RESET ROLE")
        conn.execute("DROP OWNED BY app")
        conn.execute("DROP ROLE app")


@pytest.mark.parametrize("table", ["ledger_transactions", "ledger_entries"])
def test_the_ledger_is_never_emptied(conn: Connection[Any], table: str) -> None:
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        conn.execute(f"TRUNCATE {table} CASCADE".encode())
