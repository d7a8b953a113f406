"""A database of before the ledger: what it says of money stays, and all of it is where the auditor looks."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen.invoicing.service import run as invoicing_run
from leadgen.platform.messaging import bus
from leadgen.platform.migrations import migrate
from leadgen.receivables.service import write_offs
from tests.conftest import ROOT
from tests.support.factories import a_buyer, a_delivery, a_lead, a_source, an_offer, insert
from tests.support.money.after_sale import OPERATOR, assert_books_agree, credit, invoice_of, money_of, pay

MIGRATIONS = ROOT / "sql" / "migrations"
DAY = timedelta(days=1)
BEGAN = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def before(empty_database_url: str, tmp_path: Path) -> Any:
    """A database as it was before there was a ledger."""
    for file in sorted(MIGRATIONS.glob("*.sql")):
        if file.name < "0017":
            shutil.copy(file, tmp_path)
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        migrate(conn, tmp_path)
        yield conn


def a_sold_lead(conn: Connection[Any], offer: int, buyer: int, at: datetime, **values: Any) -> int:
    """A lead that its buyer has taken, as the stages wrote it then; billed unless ``values`` say otherwise."""
    components = {"component": "offer_default", "amount": "45.00"}
    billed = {"billing_status": "billed", "price": "45.00", "billed_at": at}
    lead = a_lead(
        conn, a_source(conn, offer), status="delivered", buyer_id=buyer, delivered_at=at, delivered_price="45.00",
        price_components=components, **(billed | values),
    )  # fmt: skip
    a_delivery(conn, lead, buyer, status="taken", settled_at=at)  # the word of then
    return lead


def an_old_invoice(
    conn: Connection[Any], offer: int, buyer: int, *, start: datetime, end: datetime, leads: int = 2, **values: Any
) -> int:
    """An invoice as it was written then: numbered at once, a draft for ever."""
    row = conn.execute(
        "INSERT INTO number_series VALUES ('INV', 1) ON CONFLICT (series) DO UPDATE SET last = number_series.last + 1"
        " RETURNING last"
    ).fetchone()
    assert row is not None
    amount = 45 * leads
    invoice = insert(
        conn, "invoices", created_at=end, buyer_id=buyer, offer_id=offer, period_start=start, period_end=end,
        due_date=end + 14 * DAY, invoice_number=f"INV-{row[0]:06d}", total_leads=leads, amount_due=amount,
        total_amount=amount, **values,
    )  # fmt: skip
    for _ in range(leads):
        lead = a_sold_lead(conn, offer, buyer, start, invoiced_at=end)
        insert(conn, "invoice_lines", invoice_id=invoice, lead_id=lead, delivered_at=start, amount="45.00")
    return invoice


def owes(conn: Connection[Any], buyer: int, owed: str, *, pending: str = "0", wallet: str | None = None) -> None:
    conn.execute("UPDATE buyers SET balance = %s, pending_amount = %s WHERE id = %s", (owed, pending, buyer))
    if wallet is not None:
        conn.execute("INSERT INTO wallets (buyer_id, balance) VALUES (%s, %s)", (buyer, wallet))


def test_billed_leads_wallets_and_invoices_of_before_the_ledger_are_on_it(before: Connection[Any]) -> None:
    offer = an_offer(before, invoice_threshold="100000")
    billed, invoiced, idle, owing = (a_buyer(before) for _ in range(4))
    for at in (BEGAN, BEGAN + DAY):
        a_sold_lead(before, offer, billed, at)
    a_sold_lead(before, offer, billed, BEGAN, billing_status="pending", price=None, billed_at=None)
    owes(before, billed, "90.00", pending="45.00", wallet="100.00")
    invoice = an_old_invoice(before, offer, invoiced, start=BEGAN, end=BEGAN + 7 * DAY)
    owes(before, invoiced, "90.00")
    owes(before, owing, "12.34", wallet="0.00")
    migrate(before, MIGRATIONS)
    assert [money_of(before, buyer) for buyer in (billed, invoiced, idle, owing)] == [
        ("90.00", "100.00"), ("90.00", "0.00"), ("0.00", "0.00"), ("12.34", "0.00"),
    ]  # fmt: skip
    assert invoice_of(before, invoice) == ("sent", "90.00")
    assert_books_agree(before)
    later = BEGAN + 40 * DAY
    run = invoicing_run.run(lambda: bus.on_connection(before, keep=True)(), now=later)
    assert (run.issued, run.failed) == (1, 0)
    pay(before, invoiced, "90.00", later, invoice=invoice)
    assert_books_agree(before)
    assert before.execute("SELECT invoice_number FROM invoices ORDER BY id DESC LIMIT 1").fetchone() == ("INV-000002",)


@pytest.mark.parametrize("reduced", [True, False], ids=["balance reduced by hand", "balance left alone"])
def test_what_somebody_marked_by_hand_keeps_its_mark_and_goes_on(before: Connection[Any], reduced: bool) -> None:
    offer, buyer = an_offer(before, invoice_threshold="100000"), a_buyer(before)
    states = ("paid", "cancelled", "disputed", "overdue", "sent")
    paid, cancelled, disputed, overdue, sent = (
        an_old_invoice(
            before, offer, buyer, start=BEGAN + 7 * week * DAY, end=BEGAN + 7 * (week + 1) * DAY, status=status
        )
        for week, status in enumerate(states)
    )
    owed = "270.00" if reduced else "450.00"
    owes(before, buyer, owed)
    migrate(before, MIGRATIONS)
    assert_books_agree(before)
    assert money_of(before, buyer) == (owed, "0.00")
    assert [invoice_of(before, one) for one in (paid, cancelled, disputed, overdue, sent)] == [
        ("paid", "0.00"), ("cancelled", "0.00"), ("disputed", "90.00"), ("overdue", "90.00"), ("sent", "90.00"),
    ]  # fmt: skip
    later = BEGAN + 60 * DAY
    with before.transaction():
        write_offs.undo(before, cancelled, reason="it pays", actor=OPERATOR, now=later)
    assert invoice_of(before, cancelled) == ("overdue", "90.00")
    leads = before.execute("SELECT lead_id FROM invoice_lines WHERE invoice_id = %s ORDER BY 1", (paid,)).fetchall()
    assert credit(before, paid, [leads[0][0]], later).to_wallet == 45
    pay(before, buyer, "90.00", later, invoice=disputed)
    assert_books_agree(before)


def test_invoices_that_were_written_at_once_name_times_apart(before: Connection[Any]) -> None:
    offer, buyer = an_offer(before, invoice_threshold="100000"), a_buyer(before)
    spans = ((0, 7), (0, 6), (7, 9), (2, 9), (2, 9), (9, 10))
    invoices = [
        an_old_invoice(before, offer, buyer, start=BEGAN + start * DAY, end=BEGAN + end * DAY, leads=1)
        for start, end in spans
    ]
    owes(before, buyer, "270.00")
    migrate(before, MIGRATIONS)
    assert_books_agree(before)
    rows = before.execute("SELECT id, period_start, period_end FROM invoices ORDER BY period_end").fetchall()
    assert [row[0] for row in rows] == [invoices[n] for n in (1, 0, 2, 3, 4, 5)]
    assert [later[1] for later in rows[1:]] == [row[2] for row in rows[:-1]]
    assert rows[-1][2] == BEGAN + 10 * DAY
