"""Caps, credit, balances and pauses: exact in the market's time, and exact when claims race."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from tests.support.factories import a_buyer, a_market, a_source, an_enrollment, an_offer, prepaid
from tests.support.stages.functions import Functions
from tests.support.stages.messages import waiting
from tests.support.stages.routing import a_valid_lead, buyers_of, failed_checks, reason_of, route


def test_the_day_of_a_cap_is_the_markets(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    an_enrollment(conn, a_buyer(conn), offer, capacity_per_day=1)
    one, two, three = (a_valid_lead(conn, source) for _ in range(3))
    midnight = now.replace(hour=6) + timedelta(days=1)  # 0:00 in Denver
    assert route(functions, one, at=midnight - timedelta(hours=20)) == ["routed"]
    assert route(functions, two, at=midnight - timedelta(microseconds=1)) == ["unrouted"]
    assert reason_of(conn, two) == "no_eligible_buyer"
    assert list(failed_checks(conn, two).values()) == [["capacity_per_day"]]
    assert route(functions, two, at=midnight) == ["routed"]
    assert route(functions, three, at=midnight + timedelta(hours=23)) == ["unrouted"]


@pytest.mark.parametrize("zone", ["America/Denver", "Asia/Kathmandu"])
def test_the_hour_of_a_cap_is_the_markets(
    conn: Connection[Any], functions: Functions, now: datetime, zone: str
) -> None:
    offer = an_offer(conn, market_id=a_market(conn, timezone=zone))
    source = a_source(conn, offer)
    an_enrollment(conn, a_buyer(conn), offer, capacity_per_hour=1)
    one, two = a_valid_lead(conn, source), a_valid_lead(conn, source)
    hour = now if zone == "America/Denver" else now.replace(minute=15)
    assert route(functions, one, at=hour - timedelta(microseconds=1)) == ["routed"]
    assert route(functions, two, at=hour) == ["routed"]
    three = a_valid_lead(conn, source)
    assert route(functions, three, at=hour + timedelta(minutes=59)) == ["unrouted"]
    assert list(failed_checks(conn, three).values()) == [["capacity_per_hour"]]


def test_a_paused_buyer_is_passed_over_until_the_pause_ends(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    first, second = a_buyer(conn), a_buyer(conn)
    an_enrollment(conn, first, offer, routing_priority=9, pause_until=now)
    an_enrollment(conn, second, offer)
    early, late = a_valid_lead(conn, source), a_valid_lead(conn, source)
    route(functions, early, at=now - timedelta(microseconds=1))
    route(functions, late, at=now)
    assert buyers_of(conn, early, late) == [second, first]


def test_a_minimum_balance_is_held_against_the_wallet(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    buyer = a_buyer(conn)
    an_enrollment(conn, buyer, offer, min_balance_required="50.00")
    one, two = a_valid_lead(conn, source), a_valid_lead(conn, source)
    assert route(functions, one, at=now) == ["unrouted"]
    assert failed_checks(conn, one) == {buyer: ["min_balance_required"]}
    prepaid(conn, buyer, 90)
    assert route(functions, one, at=now) == ["routed"]
    assert route(functions, two, at=now) == ["unrouted"]  # 45 of the 90 are spoken for


def test_the_credit_limit_counts_what_is_claimed_and_not_yet_billed(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    buyer = a_buyer(conn, credit_limit="100.00", balance="10.00")
    an_enrollment(conn, buyer, offer)
    leads = [a_valid_lead(conn, source) for _ in range(3)]
    assert [route(functions, lead, at=now) for lead in leads] == [["routed"], ["routed"], ["unrouted"]]
    assert failed_checks(conn, leads[2]) == {buyer: ["credit_limit"]}
    conn.execute("UPDATE buyers SET balance = 9")
    assert route(functions, leads[2], at=now) == ["unrouted"]
    conn.execute("UPDATE buyers SET pending_amount = 45, balance = 10")
    assert route(functions, leads[2], at=now) == ["routed"]


def test_within_a_batch_too_the_credit_limit_is_exact(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    an_enrollment(conn, a_buyer(conn, credit_limit="100.00"), offer)
    leads = [a_valid_lead(conn, source, created_at=now + timedelta(seconds=n)) for n in range(3)]
    assert route(functions, *reversed(leads), at=now) == ["unrouted", "routed", "routed"]
    assert conn.execute("SELECT pending_amount::text FROM buyers").fetchall() == [("90.00",)]


def test_the_same_lead_routed_by_many_at_once_is_claimed_once(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    for _ in range(2):
        an_enrollment(conn, a_buyer(conn), offer)
    lead = a_valid_lead(conn, source)
    barrier = threading.Barrier(8)

    def work() -> list[str]:
        barrier.wait()
        return route(functions, lead, at=now)

    with ThreadPoolExecutor(8) as pool:
        outcomes = [future.result() for future in [pool.submit(work) for _ in range(8)]]
    assert sorted(outcomes) == [["repeated"]] * 7 + [["routed"]]
    assert conn.execute("SELECT sum(claimed), count(*) FROM capacity_counters").fetchone() == (4, 4)
    assert conn.execute("SELECT sum(pending_amount) FROM buyers").fetchone() == (45,)


def near_limits(conn: Connection[Any]) -> list[tuple[int, int]]:
    """The claims that were told to have taken a buyer near its limit: (lead, buyer)."""
    return [(m["lead_id"], m["buyer_id"]) for m in waiting(conn, "notify") if m["event"] == "buyer.credit_limit_near"]


def test_the_claim_that_reaches_four_fifths_of_the_credit_limit_is_told_once(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    buyer = a_buyer(conn, credit_limit="225.00")
    an_enrollment(conn, buyer, offer)
    leads = [a_valid_lead(conn, source) for _ in range(5)]
    for lead in leads[:3]:
        assert route(functions, lead, at=now) == ["routed"]
    assert near_limits(conn) == []
    assert [route(functions, lead, at=now) for lead in leads[3:]] == [["routed"], ["routed"]]
    assert near_limits(conn) == [(leads[3], buyer)]  # 180 of 225; the fifth takes it from there to the limit


def test_within_a_batch_the_lead_that_crosses_is_the_one_that_is_told(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    buyer = a_buyer(conn, credit_limit="225.00", balance="10.00")
    conn.execute("UPDATE wallets SET balance = 5")
    an_enrollment(conn, buyer, offer)
    leads = [a_valid_lead(conn, source, created_at=now + timedelta(seconds=n)) for n in range(4)]
    assert route(functions, *reversed(leads), at=now) == ["routed"] * 4
    assert near_limits(conn) == [(leads[3], buyer)]


def test_exposure_that_is_given_back_is_told_again_at_the_next_crossing(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    buyer = a_buyer(conn, credit_limit="50.00")
    an_enrollment(conn, buyer, offer)
    first, second = a_valid_lead(conn, source), a_valid_lead(conn, source)
    route(functions, first, at=now)
    conn.execute("UPDATE buyers SET pending_amount = 0")
    route(functions, second, at=now)
    assert near_limits(conn) == [(first, buyer), (second, buyer)]


def test_edge_20_a_limit_lowered_below_what_is_at_risk_stops_the_next_claim_and_tells_nothing(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    buyer = a_buyer(conn, credit_limit="1000.00")
    an_enrollment(conn, buyer, offer)
    one, two = a_valid_lead(conn, source), a_valid_lead(conn, source)
    assert route(functions, one, at=now) == ["routed"]
    conn.execute("UPDATE buyers SET credit_limit = 40")
    assert route(functions, two, at=now) == ["unrouted"]
    assert failed_checks(conn, two) == {buyer: ["credit_limit"]}
    assert conn.execute("SELECT pending_amount::text FROM buyers").fetchone() == ("45.00",)
    assert near_limits(conn) == []


def test_a_buyer_whose_invoices_are_overdue_for_too_long_gets_nothing(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    buyer = a_buyer(conn, paused_since=now)
    an_enrollment(conn, buyer, offer)
    lead = a_valid_lead(conn, source)
    assert route(functions, lead, at=now) == ["unrouted"]
    assert failed_checks(conn, lead) == {buyer: ["not_paused_for_overdue"]}
    conn.execute("UPDATE buyers SET paused_since = NULL")
    assert route(functions, lead, at=now) == ["routed"]
