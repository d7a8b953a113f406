"""Billing: each taken lead charged once, and an invoice when the threshold is crossed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from tests.support.factories import a_buyer, a_delivery, a_lead, a_source, an_offer
from tests.support.stages.functions import Functions
from tests.support.stages.messages import messages, sent, waiting


@pytest.fixture
def offer(conn: Connection[Any]) -> int:
    return an_offer(conn, invoice_threshold="100.00")


def a_buyer_with_credit(conn: Connection[Any], **values: Any) -> int:
    """A buyer from whom much may be claimed and not yet billed."""
    return a_buyer(conn, **{"pending_amount": "10000.00"} | values)


def a_taken_lead(
    conn: Connection[Any], offer: int, buyer: int, delivered_at: datetime, price: str = "45.00", *,
    status: str = "succeeded",
) -> int:  # fmt: skip
    lead = a_lead(
        conn, a_source(conn, offer), status="delivered", buyer_id=buyer, delivered_price=price, price_components={},
        delivered_at=delivered_at,
    )  # fmt: skip
    a_delivery(conn, lead, buyer, status=status)
    return lead


def bill(functions: Functions, *leads: int, at: datetime) -> list[str]:
    return [outcome.outcome for outcome in functions.module("bill").process(messages("lead.delivered", leads), at)]


def balances(conn: Connection[Any]) -> list[tuple[str, str]]:
    return conn.execute("SELECT balance::text, pending_amount::text FROM buyers ORDER BY id").fetchall()


def invoices(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    return conn.execute(
        "SELECT invoice_number, buyer_id, offer_id, total_leads, amount_due::text, total_amount::text FROM invoices"
        " ORDER BY id"
    ).fetchall()


def lines(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    return conn.execute("SELECT invoice_id, lead_id, amount::text FROM invoice_lines ORDER BY lead_id").fetchall()


def test_a_taken_lead_is_charged_at_its_frozen_price_and_told(
    conn: Connection[Any], functions: Functions, offer: int, now: datetime
) -> None:
    buyer = a_buyer(conn, balance="5.00", pending_amount="45.00")
    lead = a_taken_lead(conn, offer, buyer, now)
    conn.execute("UPDATE offers SET default_price_per_lead = 99")
    assert bill(functions, lead, at=now) == ["billed"]
    assert balances(conn) == [("50.00", "0.00")]
    row = conn.execute("SELECT billing_status::text, price::text, billed_at FROM leads").fetchone()
    assert row == ("billed", "45.00", now)
    assert conn.execute("SELECT lead_id, price::text FROM uninvoiced_leads").fetchall() == [(lead, "45.00")]
    (message,) = waiting(conn, "notify")
    assert (message["event"], message["lead_id"], message["buyer_id"]) == ("lead.billed", lead, buyer)


def test_billing_again_changes_nothing(conn: Connection[Any], functions: Functions, offer: int, now: datetime) -> None:
    lead = a_taken_lead(conn, offer, a_buyer_with_credit(conn), now)
    bill(functions, lead, at=now)
    before = balances(conn)
    assert bill(functions, lead, lead, at=now + timedelta(days=1)) == ["repeated", "repeated"]
    assert balances(conn) == before
    assert sent(conn, "notify") == [("lead.billed", lead)]


@pytest.mark.parametrize("status", ["pending", "in_review"])
def test_what_no_buyer_has_taken_is_not_billed(
    conn: Connection[Any], functions: Functions, offer: int, now: datetime, status: str
) -> None:
    lead = a_taken_lead(conn, offer, a_buyer_with_credit(conn), now, status=status)
    assert bill(functions, lead, at=now) == ["repeated"]
    assert balances(conn) == [("0.00", "10000.00")]


def test_eight_workers_at_once_charge_every_lead_once(
    conn: Connection[Any], functions: Functions, offer: int, now: datetime
) -> None:
    buyers = [a_buyer(conn, pending_amount="450.00") for _ in range(2)]
    leads = [a_taken_lead(conn, offer, buyers[n % 2], now - timedelta(minutes=n)) for n in range(20)]
    barrier = threading.Barrier(8)

    def work(worker: int) -> list[str]:
        barrier.wait()
        ordered = leads if worker % 2 else leads[::-1]
        return [outcome for start in (0, 10) for outcome in bill(functions, *ordered[start : start + 10], at=now)]

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(work, worker) for worker in range(8)]
        outcomes = [outcome for future in futures for outcome in future.result()]
    assert (outcomes.count("billed"), outcomes.count("repeated")) == (20, 140)
    assert balances(conn) == [("450.00", "0.00")] * 2
    assert [event for event, _ in sent(conn, "notify")].count("lead.billed") == 20
    # Every lead stands on at most one invoice, numbered without gaps, and each invoice is the sum of its lines.
    numbers = [row[0] for row in invoices(conn)]
    assert numbers == [f"INV-{n:06d}" for n in range(1, len(numbers) + 1)]
    assert len({line[1] for line in lines(conn)}) == len(lines(conn))
    sums = conn.execute(
        "SELECT i.amount_due = sum(l.amount), i.total_leads = count(*) FROM invoices i"
        " JOIN invoice_lines l ON l.invoice_id = i.id GROUP BY i.id"
    ).fetchall()
    assert set(sums) == {(True, True)}


def test_leads_billed_at_once_cross_the_threshold_as_often_as_one_by_one(
    conn: Connection[Any], functions: Functions, offer: int, now: datetime
) -> None:
    buyer = a_buyer_with_credit(conn)
    leads = [a_taken_lead(conn, offer, buyer, now - timedelta(minutes=n), "60.00") for n in range(8)]
    barrier = threading.Barrier(8)

    def work(lead: int) -> list[str]:
        barrier.wait()
        return bill(functions, lead, at=now)

    with ThreadPoolExecutor(8) as pool:
        outcomes = [future.result() for future in [pool.submit(work, lead) for lead in leads]]
    assert outcomes == [["billed"]] * 8
    assert [row[3:5] for row in invoices(conn)] == [(2, "120.00")] * 4


def test_crossing_the_threshold_writes_an_invoice_with_a_line_a_lead(
    conn: Connection[Any], functions: Functions, offer: int, now: datetime
) -> None:
    buyer = a_buyer_with_credit(conn)
    leads = [a_taken_lead(conn, offer, buyer, now - timedelta(hours=h), p) for h, p in ((3, "45.00"), (2, "54.99"))]
    last = a_taken_lead(conn, offer, buyer, now - timedelta(hours=1), "0.01")
    bill(functions, *leads, at=now)
    assert invoices(conn) == []
    bill(functions, last, at=now)
    assert invoices(conn) == [("INV-000001", buyer, offer, 3, "100.00", "100.00")]
    (invoice_id, start, end, due, status) = conn.execute(
        "SELECT id, period_start, period_end, due_date, status::text FROM invoices"
    ).fetchall()[0]
    midnight = datetime.fromisoformat("2026-07-01T06:00:00Z")  # in Denver, two weeks on
    assert (start, end, due, status) == (now - timedelta(hours=3), now, midnight, "sent")
    assert lines(conn) == [
        (invoice_id, leads[0], "45.00"), (invoice_id, leads[1], "54.99"), (invoice_id, last, "0.01"),
    ]  # fmt: skip
    assert conn.execute("SELECT count(*) FROM uninvoiced_leads").fetchone() == (0,)
    announced = [message for message in waiting(conn, "notify") if message["event"] != "lead.billed"]
    assert [(m["event"], m["invoice_id"], m["buyer_id"]) for m in announced] == [
        ("invoice.generated", invoice_id, buyer), ("buyer.balance_threshold", invoice_id, buyer),
    ]  # fmt: skip


def test_a_lead_delivered_in_the_instant_of_billing_is_on_the_invoice(
    conn: Connection[Any], functions: Functions, offer: int, now: datetime
) -> None:
    # Clocks of two machines differ: a lead may even have been delivered "after" it is billed.
    buyer = a_buyer_with_credit(conn)
    leads = [a_taken_lead(conn, offer, buyer, at, "60.00") for at in (now, now + timedelta(seconds=2))]
    bill(functions, *leads, at=now)
    assert invoices(conn) == [("INV-000001", buyer, offer, 2, "120.00", "120.00")]


def test_the_threshold_counts_each_buyer_and_offer_for_itself(
    conn: Connection[Any], functions: Functions, offer: int, now: datetime
) -> None:
    other_offer = an_offer(conn, invoice_threshold="100.00")
    one, two = a_buyer_with_credit(conn), a_buyer_with_credit(conn)
    hour_ago = now - timedelta(hours=1)
    apart = [a_taken_lead(conn, o, b, hour_ago, "99.99") for o, b in ((offer, one), (offer, two), (other_offer, one))]
    bill(functions, *apart, at=now)
    assert invoices(conn) == []
    bill(functions, a_taken_lead(conn, offer, two, hour_ago, "0.01"), at=now)
    assert invoices(conn) == [("INV-000001", two, offer, 2, "100.00", "100.00")]


def test_after_an_invoice_the_count_begins_anew(
    conn: Connection[Any], functions: Functions, offer: int, now: datetime
) -> None:
    buyer = a_buyer_with_credit(conn)
    bill(functions, a_taken_lead(conn, offer, buyer, now - timedelta(hours=1), "100.00"), at=now)
    later = now + timedelta(hours=2)
    bill(functions, a_taken_lead(conn, offer, buyer, now + timedelta(hours=1), "99.99"), at=later)
    assert len(invoices(conn)) == 1
    bill(functions, a_taken_lead(conn, offer, buyer, now + timedelta(hours=1), "0.01"), at=later)
    assert [row[3:5] for row in invoices(conn)] == [(1, "100.00"), (2, "100.00")]
    periods = conn.execute("SELECT period_start, period_end FROM invoices ORDER BY id").fetchall()
    assert periods[1] == (periods[0][1], later)


def test_a_threshold_of_nothing_invoices_every_lead(conn: Connection[Any], functions: Functions, now: datetime) -> None:
    offer = an_offer(conn, invoice_threshold="0")
    bill(functions, a_taken_lead(conn, offer, a_buyer_with_credit(conn), now, "0.01"), at=now)
    assert [row[4] for row in invoices(conn)] == ["0.01"]
