"""The edge cases of billing, by their numbers: when a cycle closes, what is on its invoice, and what it is owed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from leadgen.audit_trail.domain import Actor
from leadgen.invoicing.service import decisions
from tests.invoicing.test_invoice import HOUR, MONDAY, WEEK, on_invoices, run
from tests.support.factories import a_buyer, a_market, a_source, an_enrollment, an_offer
from tests.support.money.invoice_invariants import faults
from tests.support.money.sold_leads import a_billed_lead, a_taken_lead, invoice, prepay
from tests.support.stages.functions import Functions
from tests.support.stages.messages import messages
from tests.support.stages.routing import a_valid_lead, failed_checks, route

INSTANT = timedelta(microseconds=1)


def an_offer_in(conn: Connection[Any], zone: str, **values: Any) -> int:
    return an_offer(conn, market_id=a_market(conn, timezone=zone), **values)


def periods(conn: Connection[Any]) -> list[tuple[datetime, datetime]]:
    return conn.execute("SELECT period_start, period_end FROM invoices ORDER BY id").fetchall()


def figures(conn: Connection[Any]) -> list[tuple[str, ...]]:
    """Of each invoice its occasion, status, total, what is prepaid, and what is due."""
    return conn.execute(
        "SELECT occasion, status::text, total_amount::text, wallet_applied::text, amount_due::text"
        "  FROM invoices ORDER BY id"
    ).fetchall()


def bill(functions: Functions, *leads: int, at: datetime) -> list[str]:
    return [outcome.outcome for outcome in functions.module("bill").process(messages("lead.delivered", leads), at)]


@pytest.fixture(autouse=True)
def sound(conn: Connection[Any]) -> Any:
    """Whatever a test does, the books are right after it."""
    yield
    assert faults(conn) == {}


def test_edge_1_the_last_instant_of_a_week_is_on_its_invoice_and_midnight_on_the_next(
    conn: Connection[Any], functions: Functions, offer: int
) -> None:
    buyer = a_buyer(conn)
    before = a_billed_lead(conn, offer, buyer, MONDAY - INSTANT)
    midnight = a_billed_lead(conn, offer, buyer, MONDAY)
    assert run(functions, MONDAY) == {"issued": 1}
    assert on_invoices(conn) == [[before]]
    run(functions, MONDAY + WEEK)
    assert on_invoices(conn) == [[before], [midnight]]
    assert periods(conn)[1] == (MONDAY, MONDAY + WEEK)


@pytest.mark.parametrize(
    ("opens", "closes", "hours"),
    [("2026-03-02T05:00Z", "2026-03-09T04:00Z", 167), ("2026-10-26T04:00Z", "2026-11-02T05:00Z", 169)],
    ids=["spring", "autumn"],
)
def test_edge_2_a_week_in_which_the_clocks_change_closes_at_local_midnight(
    conn: Connection[Any], functions: Functions, opens: str, closes: str, hours: int
) -> None:
    offer, buyer = an_offer_in(conn, "America/New_York"), a_buyer(conn)
    first, last = datetime.fromisoformat(opens), datetime.fromisoformat(closes)
    assert last - first == hours * HOUR
    a_billed_lead(conn, offer, buyer, first - HOUR)
    run(functions, first)
    leads = [a_billed_lead(conn, offer, buyer, at) for at in (first, last - INSTANT)]
    a_billed_lead(conn, offer, buyer, last)
    assert run(functions, last - INSTANT) == {}
    assert run(functions, last) == {"issued": 1}
    assert on_invoices(conn)[1] == leads
    assert periods(conn)[1] == (first, last)


def test_edge_4_the_same_instant_is_of_different_weeks_either_side_of_utc(
    conn: Connection[Any], functions: Functions
) -> None:
    buyer = a_buyer(conn)
    instant = datetime.fromisoformat("2026-06-14T20:00:00+00:00")  # Monday in Auckland, Sunday in Honolulu
    early, late = (an_offer_in(conn, zone) for zone in ("Pacific/Auckland", "Pacific/Honolulu"))
    a_billed_lead(conn, early, buyer, instant)
    in_honolulu = a_billed_lead(conn, late, buyer, instant)
    assert run(functions, datetime.fromisoformat("2026-06-15T10:00:00+00:00")) == {"issued": 1}  # midnight in Honolulu
    assert on_invoices(conn) == [[in_honolulu]]
    assert run(functions, datetime.fromisoformat("2026-06-21T12:00:00+00:00")) == {"issued": 1}  # in Auckland


@pytest.mark.parametrize(
    ("delivered", "closes", "terms", "due"),
    [
        ("2028-02-29T12:00-07:00", "2028-03-01T00:00-07:00", 30, "2028-03-31T00:00-06:00"),
        ("2026-01-31T23:59:59.999999-07:00", "2026-02-01T00:00-07:00", 0, "2026-02-01T00:00-07:00"),
        ("2026-04-30T12:00-06:00", "2026-05-01T00:00-06:00", 15, "2026-05-16T00:00-06:00"),
    ],
    ids=["29 February", "31 January", "30 April"],
)
def test_edge_5_months_close_on_the_first_and_the_due_day_is_the_markets(
    conn: Connection[Any], functions: Functions, offer: int, delivered: str, closes: str, terms: int, due: str
) -> None:
    buyer = a_buyer(conn, billing_cycle="monthly", billing={"terms_days": terms})
    a_billed_lead(conn, offer, buyer, datetime.fromisoformat(delivered))
    close = datetime.fromisoformat(closes)
    assert run(functions, close - INSTANT) == {}
    assert run(functions, close) == {"issued": 1}
    assert conn.execute("SELECT due_date, terms_days FROM invoices").fetchall() == [
        (datetime.fromisoformat(due), terms)
    ]


@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "America/New_York", "Pacific/Auckland"])
def test_edge_6_a_market_that_changes_its_zone_in_a_period_puts_no_lead_on_two_invoices(
    conn: Connection[Any], functions: Functions, zone: str
) -> None:
    offer, buyer = an_offer(conn, invoice_threshold="100000.00"), a_buyer(conn)
    leads = [a_billed_lead(conn, offer, buyer, MONDAY + n * 12 * HOUR) for n in range(-20, 40)]
    run(functions, MONDAY)
    conn.execute("UPDATE markets SET timezone = %s", (zone,))
    for hours in range(0, 700, 6):
        run(functions, MONDAY + hours * HOUR)
    assert sorted(lead for on_one in on_invoices(conn) for lead in on_one) == leads
    assert all(one[1] <= other[0] for one, other in zip(periods(conn), periods(conn)[1:], strict=False))


@pytest.mark.parametrize(("prices", "total"), [(["60.00", "40.00"], "100.00"), (["60.00", "40.01"], "100.01"),
                                               (["300.00"], "300.00")])  # fmt: skip
def test_edge_9_a_threshold_is_crossed_by_what_reaches_it_exactly_by_a_cent_and_by_far(
    conn: Connection[Any], functions: Functions, now: datetime, prices: list[str], total: str
) -> None:
    offer, buyer = an_offer(conn, invoice_threshold="100.00"), a_buyer(conn)
    leads = [a_taken_lead(conn, offer, buyer, now, price) for price in prices]
    bill(functions, *leads, at=now)
    assert figures(conn) == [("threshold", "sent", total, "0.00", total)]
    assert run(functions, now) == {}


def test_edge_10_leads_billed_by_24_at_once_cross_the_threshold_as_often_as_one_by_one(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    offer, buyer = an_offer(conn, invoice_threshold="300.00"), a_buyer(conn)
    source = a_source(conn, offer)
    leads = [a_taken_lead(conn, offer, buyer, now, "25.00", source_id=source) for _ in range(24)]
    barrier = threading.Barrier(24)

    def work(lead: int) -> list[str]:
        barrier.wait()
        return bill(functions, lead, at=now)

    with ThreadPoolExecutor(24) as pool:
        assert [future.result() for future in [pool.submit(work, lead) for lead in leads]] == [["billed"]] * 24
    assert figures(conn) == [("threshold", "sent", "300.00", "0.00", "300.00")] * 2


def test_edge_11_a_cycle_that_closes_over_the_threshold_is_one_invoice_and_what_came_since_another(
    conn: Connection[Any], functions: Functions
) -> None:
    offer, buyer = an_offer(conn, invoice_threshold="1000.00"), a_buyer(conn)
    old = [a_billed_lead(conn, offer, buyer, MONDAY - n * HOUR, "60.00") for n in (2, 1)]
    new = [a_billed_lead(conn, offer, buyer, MONDAY + n * HOUR, "60.00") for n in (1, 2)]
    conn.execute("UPDATE offers SET invoice_threshold = 100")
    assert run(functions, MONDAY + 3 * HOUR) == {"issued": 2}
    assert on_invoices(conn) == [old, new]
    assert [row[0] for row in figures(conn)] == ["cycle", "threshold"]
    assert periods(conn) == [(MONDAY - 2 * HOUR, MONDAY), (MONDAY, MONDAY + 3 * HOUR)]


def test_edge_11_a_threshold_crossed_in_the_instant_of_the_close_leaves_nothing_to_the_cycle(
    conn: Connection[Any], functions: Functions
) -> None:
    offer, buyer = an_offer(conn, invoice_threshold="100.00"), a_buyer(conn)
    lead = a_taken_lead(conn, offer, buyer, MONDAY - INSTANT, "100.00")
    bill(functions, lead, at=MONDAY)
    assert run(functions, MONDAY) == {}
    assert [row[0] for row in figures(conn)] == ["threshold"]


def test_edge_12_a_threshold_that_is_lowered_is_crossed_at_the_next_run(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    offer, buyer = an_offer(conn, invoice_threshold="500.00"), a_buyer(conn)
    leads = [a_billed_lead(conn, offer, buyer, now - n * HOUR) for n in (2, 1)]
    assert run(functions, now) == {}
    conn.execute("UPDATE offers SET invoice_threshold = 90")
    assert run(functions, now) == {"issued": 1}
    assert on_invoices(conn) == [leads]
    assert [row[0] for row in figures(conn)] == ["threshold"]


def test_edge_14_a_lead_billed_after_the_close_is_on_the_next_invoice(
    conn: Connection[Any], functions: Functions, offer: int
) -> None:
    buyer = a_buyer(conn)
    on_time = a_billed_lead(conn, offer, buyer, MONDAY - 2 * HOUR)
    late = a_taken_lead(conn, offer, buyer, MONDAY - HOUR)
    run(functions, MONDAY)
    bill(functions, late, at=MONDAY + HOUR)
    assert run(functions, MONDAY + 2 * HOUR) == {}
    assert run(functions, MONDAY + WEEK) == {"issued": 1}
    assert on_invoices(conn) == [[on_time], [late]]


def test_edge_15_a_period_without_leads_has_no_invoice_and_takes_no_number(
    conn: Connection[Any], functions: Functions, offer: int
) -> None:
    buyer = a_buyer(conn)
    a_billed_lead(conn, offer, buyer, MONDAY - HOUR)
    for weeks in range(4):
        run(functions, MONDAY + weeks * WEEK)
    a_billed_lead(conn, offer, buyer, MONDAY + 3 * WEEK + HOUR)
    run(functions, MONDAY + 4 * WEEK)
    assert conn.execute("SELECT array_agg(invoice_number ORDER BY id) FROM invoices").fetchone() == (
        ["INV-000001", "INV-000002"],
    )


def test_edge_17_several_offers_of_a_buyer_have_invoices_apart_and_one_balance(
    conn: Connection[Any], functions: Functions, offer: int
) -> None:
    buyer = a_buyer(conn)
    one = a_billed_lead(conn, offer, buyer, MONDAY - HOUR, "45.00")
    two = a_billed_lead(conn, an_offer(conn), buyer, MONDAY - HOUR, "55.00")
    assert run(functions, MONDAY) == {"issued": 2}
    assert sorted(on_invoices(conn)) == [[one], [two]]
    assert conn.execute("SELECT balance::text FROM buyers").fetchall() == [("100.00",)]


def test_edge_19_a_limit_hit_within_a_batch_counts_what_is_in_flight(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    buyer = a_buyer(conn, credit_limit="140.00")
    an_enrollment(conn, buyer, offer)
    a_taken_lead(conn, offer, buyer, now)
    leads = [a_valid_lead(conn, source, created_at=now + timedelta(seconds=n)) for n in range(3)]
    assert route(functions, *leads, at=now) == ["routed", "routed", "unrouted"]
    assert failed_checks(conn, leads[2]) == {buyer: ["credit_limit"]}


def test_edge_21_a_prepaid_minimum_counts_what_is_claimed_and_not_billed(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    buyer = a_buyer(conn)
    an_enrollment(conn, buyer, offer, min_balance_required="50.00")
    prepay(conn, buyer, "100.00", now)
    one, two = a_valid_lead(conn, source), a_valid_lead(conn, source)
    assert route(functions, one, two, at=now) == ["routed", "routed"]  # 100, then 55
    three = a_valid_lead(conn, source)
    assert route(functions, three, at=now) == ["unrouted"]
    assert failed_checks(conn, three) == {buyer: ["min_balance_required"]}
    prepay(conn, buyer, "45.00", now)
    assert route(functions, three, at=now) == ["routed"]


def test_edge_22_a_wallet_that_covers_part_of_a_lead_leaves_the_rest_on_its_invoice(
    conn: Connection[Any], functions: Functions, offer: int
) -> None:
    buyer = a_buyer(conn)
    prepay(conn, buyer, "60.00", MONDAY - 2 * HOUR)
    leads = [a_taken_lead(conn, offer, buyer, MONDAY - HOUR) for _ in range(2)]
    bill(functions, *leads, at=MONDAY - HOUR)
    assert run(functions, MONDAY) == {"issued": 1}
    assert figures(conn) == [("cycle", "sent", "90.00", "60.00", "30.00")]
    assert conn.execute("SELECT b.balance::text, w.balance::text FROM buyers b, wallets w").fetchall() == [
        ("30.00", "0.00")
    ]


def test_edge_23_a_buyer_that_prepays_with_open_items_has_them_paid_when_they_are_invoiced(
    conn: Connection[Any], functions: Functions, offer: int
) -> None:
    buyer = a_buyer(conn, billing={"tax": {"rate": "10"}})
    a_billed_lead(conn, offer, buyer, MONDAY - HOUR)
    prepay(conn, buyer, "60.00", MONDAY - HOUR)
    assert run(functions, MONDAY) == {"issued": 1}
    assert figures(conn) == [("cycle", "paid", "49.50", "49.50", "0.00")]
    lead = a_taken_lead(conn, offer, buyer, MONDAY)  # and back on credit, with the rest still prepaid
    bill(functions, lead, at=MONDAY)
    run(functions, MONDAY + WEEK)
    assert figures(conn)[1] == ("cycle", "sent", "49.50", "10.50", "39.00")


def test_edge_35_the_leads_of_a_cancelled_draft_go_on_the_next_invoice(
    conn: Connection[Any], functions: Functions, offer: int
) -> None:
    buyer = a_buyer(conn, billing={"approval": True})
    leads = [a_billed_lead(conn, offer, buyer, MONDAY - n * HOUR) for n in (2, 1)]
    (draft,) = invoice(conn, buyer, MONDAY)
    with conn.transaction():
        decisions.cancel(conn, draft, "wrong tax", Actor("Ann"), now=MONDAY)
    conn.execute("UPDATE buyers SET billing = %s", (Jsonb({}),))
    assert run(functions, MONDAY) == {"issued": 1}
    rows = conn.execute("SELECT lead_id FROM invoice_lines WHERE released_at IS NULL ORDER BY 1").fetchall()
    assert [row[0] for row in rows] == leads
    assert [row[1] for row in figures(conn)] == ["cancelled", "sent"]
    assert conn.execute("SELECT invoice_number FROM invoices ORDER BY id").fetchall() == [(None,), ("INV-000001",)]
