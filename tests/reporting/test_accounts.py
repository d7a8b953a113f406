"""Statements, the aging report and the journal say what the ledger says."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection

from leadgen.buyers import store as buyers_store
from leadgen.kernel.errors import Refusal
from leadgen.ledger import domain as ledger_domain
from leadgen.ledger import store as ledger_store
from leadgen.ledger.domain import Transaction
from leadgen.receivables.domain.settlement import Settlement
from leadgen.receivables.service import settlement
from leadgen.reporting import service as reporting_service
from leadgen.reporting.domain import aging
from leadgen.reporting.domain.aging import OpenInvoice
from tests.support.examples import examples
from tests.support.factories import a_market, an_offer, insert
from tests.support.money import sold_leads
from tests.support.money.sales_documents import a_billed_buyer, set_seller

Pay = Callable[[int, str, datetime], None]


@pytest.fixture
def offer(conn: Connection[Any]) -> int:
    """An offer in Hamburg."""
    set_seller(conn)
    return an_offer(conn, market_id=a_market(conn, timezone="Europe/Berlin", currency="EUR"), invoice_threshold=9999)


@pytest.fixture
def pay(conn: Connection[Any]) -> Pay:
    """Pay a part of an invoice."""

    def paid(invoice_id: int, amount: str, at: datetime) -> None:
        with conn.transaction():
            invoice = settlement.lock_invoice(conn, invoice_id)
            payment = insert(
                conn, "payments", buyer_id=invoice.buyer_id, invoice_id=invoice_id, method="bank_transfer",
                status="succeeded", amount=amount, to_invoice=amount, currency=invoice.currency, received_at=at,
                actor="test", reference=f"=bank {amount}",
            )  # fmt: skip
            ledger_store.post(
                conn,
                [
                    Transaction(
                        key=f"payment:{payment}", kind="payment", currency=invoice.currency, occurred_at=at,
                        actor="test", entries=ledger_domain.entries(("cash", "receivable", Decimal(amount))),
                        buyer_id=invoice.buyer_id, invoice_id=invoice_id, payment_id=payment, note="=1+1",
                    )
                ],
            )  # fmt: skip
            settlement.settle(conn, invoice, [Settlement("payment", Decimal(amount), payment_id=payment)], now=at)

    return paid


def owed(conn: Connection[Any], buyer: int) -> tuple[Decimal, Decimal]:
    row = conn.execute(
        "SELECT b.balance, w.balance FROM buyers b JOIN wallets w ON w.buyer_id = b.id WHERE b.id = %s", (buyer,)
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_a_statement_ends_at_what_is_owed_and_at_the_prepaid_balance(
    conn: Connection[Any], offer: int, pay: Pay, now: datetime
) -> None:
    buyer = a_billed_buyer(conn)
    sold_leads.prepay(conn, buyer, "100.00", now)
    invoice_id, _ = sold_leads.an_invoice(conn, offer, buyer, now, "45.00", "45.00", "45.00")
    pay(invoice_id, "20.00", now + timedelta(days=1))
    sold_leads.a_billed_lead(conn, offer, buyer, now + timedelta(days=2))
    today = date(2026, 6, 20)
    found = reporting_service.statement(conn, buyer, first=date(2026, 6, 1), last=today, now=now)
    assert (found.owed.opening, found.prepaid.opening) == (Decimal(0), Decimal(0))
    assert (found.owed.closing, found.prepaid.closing) == owed(conn, buyer)
    assert [entry.what for entry in found.owed.entries] == [
        "3 leads delivered", "Prepaid balance used for 3 leads", "Tax", "Payment received", "1 lead delivered",
    ]  # fmt: skip
    assert [(item.number, str(item.due)) for item in found.open_items] == [("INV-000001", "40.65")]
    assert found.apart == Decimal("45.00")
    balance = found.owed.opening
    for entry in found.owed.entries:
        balance += entry.change
        assert entry.balance == balance


def test_what_prepaid_money_paid_of_an_invoice_stands_apart_from_what_it_paid_of_leads(
    conn: Connection[Any], offer: int, now: datetime
) -> None:
    buyer = a_billed_buyer(conn)
    sold_leads.prepay(conn, buyer, "50.00", now)
    sold_leads.an_invoice(conn, offer, buyer, now)
    found = reporting_service.statement(conn, buyer, first=None, last=date(2026, 6, 17), now=now)
    assert [(entry.what, entry.reference, str(entry.change)) for entry in found.prepaid.entries] == [
        ("Carried forward", "", "50.00"),
        ("Prepaid balance used for 1 lead", found.prepaid.entries[1].reference, "-45.00"),
        ("Prepaid balance used for the invoice", "INV-000001", "-5.00"),
    ]


def test_a_statement_of_earlier_days_knows_nothing_of_later_ones(
    conn: Connection[Any], offer: int, pay: Pay, now: datetime
) -> None:
    buyer = a_billed_buyer(conn)
    invoice_id, _ = sold_leads.an_invoice(conn, offer, buyer, now)
    pay(invoice_id, "53.55", now + timedelta(days=3))
    before = reporting_service.statement(conn, buyer, first=None, last=date(2026, 6, 18), now=now)
    assert [str(item.due) for item in before.open_items] == ["53.55"]
    assert before.owed.closing == Decimal("53.55")
    after = reporting_service.statement(conn, buyer, first=date(2026, 6, 19), last=date(2026, 6, 30), now=now)
    assert after.owed.opening == Decimal("53.55")
    assert (after.open_items, after.owed.closing) == ((), Decimal(0))


def test_a_day_of_a_statement_is_one_of_the_market(conn: Connection[Any], offer: int) -> None:
    buyer = a_billed_buyer(conn)
    midnight = datetime(2026, 6, 17, 22, tzinfo=UTC)
    sold_leads.an_invoice(conn, offer, buyer, midnight)
    last = midnight - timedelta(microseconds=1)
    assert reporting_service.statement(conn, buyer, first=None, last=date(2026, 6, 17), now=last).owed.closing == 0
    assert reporting_service.statement(
        conn, buyer, first=date(2026, 6, 18), last=date(2026, 6, 18), now=last
    ).owed.entries


def test_a_statement_is_csv_and_pdf_too(conn: Connection[Any], offer: int, pay: Pay, now: datetime) -> None:
    buyer = a_billed_buyer(conn)
    invoice_id, _ = sold_leads.an_invoice(conn, offer, buyer, now)
    pay(invoice_id, "10.00", now)
    found = reporting_service.statement(conn, buyer, first=None, last=None, now=now)
    rows = list(csv.DictReader(io.StringIO(reporting_service.statement_csv(found), newline="")))
    closing = [row["balance"] for row in rows if row["what"] == "Closing balance"]
    assert closing == ["43.55", "0"]
    assert [row["reference"] for row in rows if row["section"] == "open"] == ["INV-000001"]
    assert {row["date"] for row in rows} == {"2026-05-18", "2026-06-17"}  # days, as the market has them
    sold_leads.a_billed_lead(conn, offer, buyer, now, "31.00")
    rest = reporting_service.statement_csv(
        reporting_service.statement(conn, buyer, first=None, last=None, now=now)
    ).splitlines()[-1]
    assert rest == "open,2026-06-17,On no open invoice,,,31.00,,74.55,EUR"
    drawn = reporting_service.statement_pdf(conn, found, now=now)
    assert drawn.startswith(b"%PDF")
    assert reporting_service.statement_pdf(conn, found, now=now) == drawn


def test_there_is_no_statement_of_nobody_or_of_days_the_wrong_way_round(
    conn: Connection[Any], offer: int, now: datetime
) -> None:
    with pytest.raises(Refusal, match="there is no buyer 99"):
        reporting_service.statement(conn, 99, first=None, last=None, now=now)
    with pytest.raises(Refusal, match="is after to"):
        reporting_service.statement(conn, a_billed_buyer(conn), first=date(2026, 2, 2), last=date(2026, 2, 1), now=now)


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(-5, "not_due"), (0, "not_due"), (1, "days_1"), (30, "days_1"), (31, "days_31"), (60, "days_31"), (61, "days_61"),
     (90, "days_61"), (91, "days_91"), (400, "days_91")],
)  # fmt: skip
def test_edge_36_the_due_day_itself_is_not_overdue_and_the_day_after_is(days: int, bucket: str) -> None:
    due = datetime(2026, 6, 30, 22, tzinfo=UTC)  # midnight in Hamburg: 1 July
    invoice = OpenInvoice(1, "INV-1", "EUR", "Europe/Berlin", due, Decimal(5))
    for late in (timedelta(0), timedelta(hours=23, minutes=59)):
        aged = aging.age(invoice, due + timedelta(days=days) + late)
        assert getattr(aged, bucket) == aged.total == 5


def test_the_aging_report_adds_up_to_what_is_owed(conn: Connection[Any], offer: int, pay: Pay, now: datetime) -> None:
    first, second = a_billed_buyer(conn), a_billed_buyer(conn, name="Second")
    sold_leads.prepay(conn, first, "60.00", now)
    invoice_id, _ = sold_leads.an_invoice(conn, offer, first, now, "45.00", "45.00")
    pay(invoice_id, "7.10", now)
    sold_leads.a_billed_lead(conn, offer, first, now, "31.00")
    sold_leads.an_invoice(conn, offer, second, now, "99.99")
    rows, totals = reporting_service.aged(conn, now=now + timedelta(days=50))
    assert [str(row.difference) for row in [*rows, *totals]] == ["0.00"] * 3
    assert [(str(row.aged.days_31), str(row.owing.uninvoiced)) for row in rows] == [("40.00", "31.00"), ("118.99", "0")]
    (total,) = totals
    assert total.owing.balance == sum((owed(conn, buyer)[0] for buyer in (first, second)), Decimal(0))
    assert "90+" in reporting_service.aging_csv(rows, totals).splitlines()[0]


@examples(short=5, long=40)
@given(steps=st.lists(st.tuples(st.sampled_from(["bill", "invoice", "prepay", "pay"]), st.integers(1, 90)), max_size=9))
def test_whatever_happens_the_reports_add_up(
    conn: Connection[Any], offer: int, pay: Pay, now: datetime, steps: list[tuple[str, int]]
) -> None:
    buyer, at = a_billed_buyer(conn), now
    for step, size in steps:
        at += timedelta(days=size)
        match step:
            case "bill":
                sold_leads.a_billed_lead(conn, offer, buyer, at, f"{size}.37")
            case "invoice":
                with conn.transaction():
                    buyers_store.lock(conn, [buyer])
                sold_leads.invoice(conn, buyer, at)
            case "prepay":
                sold_leads.prepay(conn, buyer, f"{size}.00", at)
            case "pay":
                row = conn.execute(
                    "SELECT id, amount_due FROM invoices "
                    "WHERE buyer_id = %s AND amount_due > 0 AND issued_at IS NOT NULL ORDER BY id LIMIT 1", (buyer,),
                ).fetchone()  # fmt: skip
                if row is not None:
                    pay(row[0], str(min(row[1], Decimal(size))), at)
    rows, _ = reporting_service.aged(conn, now=at)
    assert all(row.difference == 0 for row in rows)
    found = reporting_service.statement(conn, buyer, first=now.date(), last=at.date() + timedelta(days=1), now=at)
    assert (found.owed.closing, found.prepaid.closing) == owed(conn, buyer)
    assert found.apart == sum((row.owing.uninvoiced for row in rows if row.owing.buyer_id == buyer), Decimal(0))


def test_the_journal_has_every_entry_with_its_accounts_and_is_safe_to_open(
    conn: Connection[Any], offer: int, pay: Pay, now: datetime
) -> None:
    buyer = a_billed_buyer(conn, name="=HYPERLINK(1)")
    invoice_id, leads = sold_leads.an_invoice(conn, offer, buyer, now)
    pay(invoice_id, "10.00", now)
    text = "".join(reporting_service.journal_csv(conn, now, now + timedelta(seconds=1)))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [(row["kind"], row["debit"], row["credit"], row["amount"]) for row in rows] == [
        ("lead_billed", "receivable", "revenue", "45.00"),
        ("tax_charged", "receivable", "tax", "8.55"),
        ("payment", "cash", "receivable", "10.00"),
    ]
    assert rows[0]["lead_id"] == str(leads[0])
    assert {row["buyer"] for row in rows} == {"'=HYPERLINK(1)"}
    assert rows[2]["note"] == "'=1+1"
    assert list(reporting_service.journal_csv(conn, now + timedelta(seconds=1), now + timedelta(days=1)))[1:] == []


def test_an_export_has_a_line_for_each_lead_of_what_was_issued_in_these_days(
    conn: Connection[Any], offer: int, now: datetime
) -> None:
    buyer = a_billed_buyer(conn)
    sold_leads.an_invoice(conn, offer, buyer, now, "45.00", "46.00")
    sold_leads.an_invoice(conn, offer, buyer, now + timedelta(days=9), "47.00")
    for for_quickbooks, column in ((False, "price"), (True, "*Item amount")):
        text = "".join(reporting_service.export(conn, now.date(), now.date(), for_quickbooks=for_quickbooks))
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert [row[column] for row in rows] == ["45.00", "46.00"]


def test_an_invoice_is_exported_with_the_day_that_stands_on_it(conn: Connection[Any], offer: int) -> None:
    """At 23:30 UTC on the last of June it is July in Hamburg, and so says the invoice."""
    buyer = a_billed_buyer(conn)
    sold_leads.an_invoice(conn, offer, buyer, datetime(2026, 6, 30, 23, 30, tzinfo=UTC))
    june, july = (
        list(reporting_service.export(conn, date(2026, month, 1), date(2026, month, 30), for_quickbooks=True))
        for month in (6, 7)
    )
    assert (len(june), len(july)) == (1, 2)
    assert ",2026-07-01," in july[1]
