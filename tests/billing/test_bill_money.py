"""Billing and the ledger: prepaid money pays first, sources' owners earn, and no broken term holds up a sale."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from psycopg import Connection

from leadgen.ledger import store as ledger_store
from leadgen.reconciliation import service as reconciliation_service
from tests.support.factories import a_buyer, a_source, an_offer, insert
from tests.support.money.after_sale import credit, pay
from tests.support.money.sold_leads import a_taken_lead, an_invoice, prepay
from tests.support.stages.functions import Functions
from tests.support.stages.messages import messages


def bill(functions: Functions, *leads: int, at: datetime) -> list[str]:
    return [outcome.outcome for outcome in functions.module("bill").process(messages("lead.delivered", leads), at)]


def moved(conn: Connection[Any], lead: int) -> list[tuple[str, str, str, str]]:
    found = conn.execute(
        "SELECT t.kind, e.debit, e.credit, e.amount::text FROM ledger_transactions t"
        " JOIN ledger_entries e ON e.transaction_id = t.id WHERE t.lead_id = %s ORDER BY t.id, e.id",
        (lead,),
    )
    return found.fetchall()


def money(conn: Connection[Any], buyer: int) -> tuple[str, str, str]:
    found = ledger_store.money(conn, [buyer])[buyer]
    return str(found.owed), str(found.pending), str(found.wallet)


@pytest.fixture(autouse=True)
def nothing_amiss(conn: Connection[Any], now: datetime) -> Any:
    yield
    assert [one for one in reconciliation_service.audit(conn, now=now) if one.broken] == []


def test_a_billed_lead_is_on_the_ledger(conn: Connection[Any], functions: Functions, offer: int, now: datetime) -> None:
    buyer = a_buyer(conn)
    lead = a_taken_lead(conn, offer, buyer, now)
    assert bill(functions, lead, at=now) == ["billed"]
    assert moved(conn, lead) == [("lead_billed", "receivable", "revenue", "45.00")]
    assert money(conn, buyer) == ("45.00", "0.00", "0.00")


def test_edge_22_the_wallet_pays_what_it_can_and_the_rest_is_owed(
    conn: Connection[Any], functions: Functions, offer: int, now: datetime
) -> None:
    buyer, other = a_buyer(conn), a_buyer(conn)
    prepay(conn, buyer, "100.00", now)
    leads = [a_taken_lead(conn, offer, buyer, now) for _ in range(3)]
    owing = a_taken_lead(conn, offer, other, now)
    assert bill(functions, *leads, owing, at=now) == ["billed"] * 4
    assert [moved(conn, lead)[1:] for lead in (*leads, owing)] == [
        [("wallet_drawn", "wallet", "receivable", "45.00")],
        [("wallet_drawn", "wallet", "receivable", "45.00")],
        [("wallet_drawn", "wallet", "receivable", "10.00")],
        [],
    ]
    assert (money(conn, buyer), money(conn, other)) == (("35.00", "0.00", "0.00"), ("45.00", "0.00", "0.00"))


def test_an_invoice_takes_over_what_the_wallet_paid_and_draws_for_the_tax_too(
    conn: Connection[Any], offer: int, now: datetime
) -> None:
    buyer = a_buyer(conn, billing={"tax": {"name": "VAT", "rate": 10}})
    prepay(conn, buyer, "100.00", now)
    an_invoice(conn, offer, buyer, now, "45.00", "45.00")
    row = conn.execute(
        "SELECT status::text, subtotal, tax_amount, total_amount, wallet_applied, amount_due FROM invoices"
    ).fetchone()
    assert row == ("paid", Decimal(90), Decimal(9), Decimal(99), Decimal(99), 0)
    assert money(conn, buyer) == ("0.00", "0.00", "1.00")
    assert {row[0] for row in conn.execute("SELECT billing_status::text FROM leads")} == {"paid"}


def test_a_part_of_an_invoice_that_the_wallet_cannot_pay_is_due(
    conn: Connection[Any], offer: int, now: datetime
) -> None:
    buyer = a_buyer(conn)
    prepay(conn, buyer, "50.00", now)
    an_invoice(conn, offer, buyer, now, "45.00", "45.00")
    row = conn.execute("SELECT status::text, wallet_applied, amount_due FROM invoices").fetchone()
    assert row == ("sent", Decimal(50), Decimal(40))
    assert money(conn, buyer) == ("40.00", "0.00", "0.00")


def test_edge_24_a_third_is_rounded_once_for_a_document_and_half_a_cent_up(
    conn: Connection[Any], offer: int, now: datetime
) -> None:
    buyer = a_buyer(conn, billing={"tax": {"name": "VAT", "rate": 7.5}})
    an_invoice(conn, offer, buyer, now, "33.33", "33.33", "33.33")
    an_invoice(conn, an_offer(conn), buyer, now, "0.06")
    an_invoice(conn, an_offer(conn), buyer, now, "0.07")
    found = conn.execute("SELECT subtotal::text, tax_amount::text FROM invoices ORDER BY id").fetchall()
    # 7.49925 and 0.0045 go down, 0.00525 goes up; three lines rounded one by one would be 7.50 too.
    assert found == [("99.99", "7.50"), ("0.06", "0.00"), ("0.07", "0.01")]


@pytest.mark.parametrize(
    ("earning", "amount"), [({"type": "flat", "value": 12}, "12.00"), ({"type": "share", "value": 33.333}, "15.00")]
)
def test_a_sources_owner_earns_by_its_terms(
    conn: Connection[Any], functions: Functions, offer: int, now: datetime, earning: dict[str, Any], amount: str
) -> None:
    publisher = insert(conn, "publishers", name="Roof Media", email="media@example.com")
    source = a_source(conn, offer, publisher_id=publisher, earning=earning)
    lead = a_taken_lead(conn, offer, a_buyer(conn), now, source_id=source)
    bill(functions, lead, lead, at=now)
    bill(functions, lead, at=now)
    assert moved(conn, lead)[1:] == [("lead_earned", "publisher_cost", "publisher_payable", amount)]


def test_edge_18_a_rule_changed_after_the_delivery_changes_no_price(
    conn: Connection[Any], functions: Functions, offer: int, now: datetime
) -> None:
    lead = a_taken_lead(conn, offer, a_buyer(conn), now)
    conn.execute("UPDATE offers SET default_price_per_lead = 99, invoice_threshold = 0")
    bill(functions, lead, at=now)
    assert conn.execute("SELECT subtotal::text FROM invoices").fetchone() == ("45.00",)


def test_terms_that_do_not_parse_put_off_the_invoice_and_nothing_else(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    offer = an_offer(conn, invoice_threshold="10.00")
    lead = a_taken_lead(conn, offer, a_buyer(conn, billing={"terms_days": "soon"}), now)
    assert bill(functions, lead, at=now) == ["billed"]
    assert conn.execute("SELECT count(*) FROM invoices").fetchone() == (0,)


def test_edge_8_the_same_leads_billed_by_many_at_once_are_billed_once(
    conn: Connection[Any], functions: Functions, offer: int, now: datetime
) -> None:
    buyer, other = a_buyer(conn), a_buyer(conn)
    prepay(conn, buyer, "60.00", now)
    leads = [a_taken_lead(conn, offer, (buyer, other)[n % 2], now) for n in range(6)]
    module, barrier = functions.module("bill"), threading.Barrier(8)

    def work(worker: int) -> list[str]:
        mine = leads if worker % 2 else leads[::-1]
        barrier.wait()
        return [outcome.outcome for outcome in module.process(messages("lead.delivered", mine), now)]

    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(outcome for found in pool.map(work, range(8)) for outcome in found)
    assert outcomes == {"billed": 6, "repeated": 42}
    assert (money(conn, buyer), money(conn, other)) == (("75.00", "0.00", "0.00"), ("135.00", "0.00", "0.00"))
    assert [len(moved(conn, lead)) for lead in leads] == [2, 1, 2, 1, 1, 1]


def test_edge_26_many_leads_of_a_currency_of_many_digits_are_billed_invoiced_paid_and_credited(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    buyer = a_buyer(conn, currency="VND", billing={"tax": {"rate": 10}})
    offer = an_offer(conn, invoice_threshold="99999999")
    leads = [a_taken_lead(conn, offer, buyer, now, "60000000") for _ in range(3)]
    assert bill(functions, *leads, at=now) == ["billed"] * 3
    assert money(conn, buyer) == ("198000000.00", "0.00", "0.00")
    row = conn.execute("SELECT id, status::text, amount_due::text FROM invoices").fetchone()
    assert row is not None
    assert row[1:] == ("sent", "198000000.00")
    pay(conn, buyer, "198000000", now, invoice=row[0], currency="VND")
    credit(conn, row[0], leads, now)
    assert money(conn, buyer) == ("0.00", "0.00", "198000000.00")


def test_a_batch_of_twelve_takes_as_many_statements_as_one_of_four_of_as_many_buyers(
    conn: Connection[Any], functions: Functions, now: datetime, statements: list[str]
) -> None:
    offers = [an_offer(conn, invoice_threshold="90.00") for _ in range(2)]
    publisher = insert(conn, "publishers", name="Roof Media", email="media@example.com")
    share = {"type": "share", "value": 40}
    sources = [a_source(conn, offer, publisher_id=publisher, earning=share) for offer in offers]
    sent = []
    for size in (4, 12):
        owners = [a_buyer(conn, billing=billing) for billing in ({"tax": {"rate": 19}}, {"approval": True})]
        prepay(conn, owners[0], "100.00", now)
        leads = [
            a_taken_lead(conn, offers[n // 2 % 2], owners[n % 2], now, "90.00", source_id=sources[n // 2 % 2])
            for n in range(size)
        ]
        statements.clear()
        assert bill(functions, *leads, at=now) == ["billed"] * size
        sent.append([" ".join(statement.split())[:40] for statement in statements])
    assert sent[0] == sent[1]
    assert conn.execute("SELECT count(*), count(invoice_number) FROM invoices").fetchone() == (8, 4)
