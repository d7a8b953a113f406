"""The route stage: one buyer for each lead, and what racing claims take from each other."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen.store import decisions as stored_decisions
from tests.factories import a_buyer, a_lead, a_market, a_source, an_enrolment, an_offer, insert
from tests.functions_under_test import Functions
from tests.messages import body, failed_ids, messages, sqs_event, told


@pytest.fixture
def offer(conn: Connection[Any]) -> int:
    return an_offer(conn)


@pytest.fixture
def source(conn: Connection[Any], offer: int) -> int:
    return a_source(conn, offer)


def a_valid_lead(conn: Connection[Any], source: int, **values: Any) -> int:
    return a_lead(conn, source, **{"status": "validated"} | values)


def route(functions: Functions, *leads: int, at: datetime) -> list[str]:
    return [outcome.outcome for outcome in functions.module("route").process(messages("lead.validated", leads), at)]


def buyers_of(conn: Connection[Any], *leads: int) -> list[int | None]:
    rows = dict(conn.execute("SELECT id, buyer_id FROM leads").fetchall())
    return [rows[lead] for lead in leads]


def reason_of(conn: Connection[Any], lead: int) -> str | None:
    """Why the lead is unrouted."""
    return conn.execute("SELECT unrouted_reason FROM leads WHERE id = %s", (lead,)).fetchall()[0][0]  # type: ignore[no-any-return]


def failed_checks(conn: Connection[Any], lead: int) -> dict[int, list[str]]:
    """By buyer, the rules that kept the lead from it at the last decision."""
    trace = stored_decisions.of_lead(conn, lead)[-1].trace
    assert isinstance(trace, dict)
    return {v["buyer_id"]: [c["rule"] for c in v["checks"] if not c["passed"]] for v in trace["verdicts"]}


def test_a_lead_is_claimed_priced_and_handed_to_delivery_at_once(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    buyer = a_buyer(conn, webhook_url="https://buyer.example/hook")
    enrolment = an_enrolment(conn, buyer, offer)
    lead = a_valid_lead(conn, source)
    assert route(functions, lead, at=now) == ["routed"]
    row = conn.execute(
        "SELECT status::text, buyer_id, delivered_price::text, price, price_components, delivered_at, billing_status::text"
        " FROM leads"
    ).fetchone()
    components = [{"component": "offer_default", "amount": "45.00"}]
    assert row == ("delivered", buyer, "45.00", None, components, now, "pending")
    assert conn.execute(
        "SELECT lead_id, buyer_id, status, channel, attempts, next_attempt_at FROM deliveries"
    ).fetchall() == [(lead, buyer, "pending", "webhook", 0, now)]
    assert conn.execute("SELECT pending_amount::text, balance::text FROM buyers").fetchall() == [("45.00", "0.00")]
    counters = conn.execute(
        "SELECT buyer_offer_id, period, starts_at, claimed FROM capacity_counters ORDER BY 2"
    ).fetchall()
    day = now.replace(hour=6)
    assert counters == [(enrolment, "day", day, 1), (enrolment, "hour", now, 1)]
    assert told(conn, "deliver") == [("lead.routed", lead)]


def test_a_buyers_own_price_replaces_the_offers(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    an_enrolment(conn, a_buyer(conn), offer, price_per_lead="61.50")
    route(functions, a_valid_lead(conn, source), at=now)
    assert conn.execute("SELECT delivered_price::text, price_components FROM leads").fetchall() == [
        ("61.50", [{"component": "buyer_price", "amount": "61.50"}])
    ]
    assert conn.execute("SELECT pending_amount::text FROM buyers").fetchall() == [("61.50",)]


def test_the_day_of_a_cap_is_the_markets(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    an_enrolment(conn, a_buyer(conn), offer, capacity_per_day=1)
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
    an_enrolment(conn, a_buyer(conn), offer, capacity_per_hour=1)
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
    an_enrolment(conn, first, offer, routing_priority=9, pause_until=now)
    an_enrolment(conn, second, offer)
    early, late = a_valid_lead(conn, source), a_valid_lead(conn, source)
    route(functions, early, at=now - timedelta(microseconds=1))
    route(functions, late, at=now)
    assert buyers_of(conn, early, late) == [second, first]


def test_a_minimum_balance_is_held_against_the_wallet(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    buyer = a_buyer(conn)
    an_enrolment(conn, buyer, offer, min_balance_required="50.00")
    one, two = a_valid_lead(conn, source), a_valid_lead(conn, source)
    assert route(functions, one, at=now) == ["unrouted"]
    assert failed_checks(conn, one) == {buyer: ["min_balance_required"]}
    conn.execute("INSERT INTO wallets (buyer_id, balance) VALUES (%s, 90)", (buyer,))
    assert route(functions, one, at=now) == ["routed"]
    assert route(functions, two, at=now) == ["unrouted"]  # 45 of the 90 are spoken for


def test_the_credit_limit_counts_what_is_claimed_and_not_yet_billed(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    buyer = a_buyer(conn, credit_limit="100.00", balance="10.00")
    an_enrolment(conn, buyer, offer)
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
    an_enrolment(conn, a_buyer(conn, credit_limit="100.00"), offer)
    leads = [a_valid_lead(conn, source, created_at=now + timedelta(seconds=n)) for n in range(3)]
    assert route(functions, *reversed(leads), at=now) == ["unrouted", "routed", "routed"]
    assert conn.execute("SELECT pending_amount::text FROM buyers").fetchall() == [("90.00",)]


@pytest.mark.parametrize(
    ("area", "place", "served"),
    [
        (("postal_code", "80014"), {}, True),
        (("postal_code", "SW1A 1AA"), {"postal_code": "SW1A 1AA"}, True),
        (("postal_code", "sw1a 1aa"), {"postal_code": "SW1A 1AA"}, True),
        (("postal_code", "80015"), {}, False),
        (("city", "Fort Collins"), {"city": "FORT collins"}, True),
        (("city", "fort collins"), {"city": "Fort Collins"}, True),
        (("city", "Fort Collins"), {"city": "Collins"}, False),
        (("city", "80014"), {}, False),
        (("postal_code", "Aurora"), {"city": "Aurora"}, False),
    ],
    ids=str,
)
def test_a_service_area_covers_a_postal_code_or_a_city_however_it_is_written(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime, area: tuple[str, str],
    place: dict[str, str], served: bool,
) -> None:  # fmt: skip
    an_enrolment(conn, a_buyer(conn), offer, area=area)
    lead = a_valid_lead(conn, source, **place)
    assert route(functions, lead, at=now) == ["routed" if served else "unrouted"]
    assert served or reason_of(conn, lead) == "no_buyer_in_area"


def test_an_area_counts_in_its_own_market_and_while_it_is_active(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    elsewhere, retired = a_buyer(conn), a_buyer(conn)
    an_enrolment(conn, elsewhere, offer, area=None)
    insert(conn, "buyer_service_areas", buyer_id=elsewhere, market_id=a_market(conn), scope_type="postal_code",
           scope_value="80014")  # fmt: skip
    an_enrolment(conn, retired, offer)
    conn.execute("UPDATE buyer_service_areas SET is_active = false WHERE buyer_id = %s", (retired,))
    lead = a_valid_lead(conn, source)
    assert route(functions, lead, at=now) == ["unrouted"]
    assert reason_of(conn, lead) == "no_buyer_in_area"


def test_a_buyer_is_not_globally_active_but_enrolled_offer_by_offer(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    market = conn.execute("SELECT market_id FROM offers WHERE id = %s", (offer,)).fetchall()[0][0]
    other_offer = an_offer(conn, market_id=market)
    an_enrolment(conn, a_buyer(conn), other_offer)
    left, gone = a_buyer(conn), a_buyer(conn, is_active=False)
    an_enrolment(conn, left, offer, is_active=False)
    an_enrolment(conn, gone, offer)
    lead = a_valid_lead(conn, source)
    assert route(functions, lead, at=now) == ["unrouted"]
    assert failed_checks(conn, lead) == {left: ["enrolled"], gone: ["buyer_active"]}


def test_a_buyer_nobody_can_reach_gets_no_lead(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    buyer = a_buyer(conn, email_notifications=False)
    an_enrolment(conn, buyer, offer)
    lead = a_valid_lead(conn, source)
    assert route(functions, lead, at=now) == ["unrouted"]
    assert failed_checks(conn, lead) == {buyer: ["reachable"]}


def an_exclusivity(conn: Connection[Any], offer: int, buyer: int, **values: Any) -> None:
    defaults = {"scope_type": "postal_code", "scope_value": "80014"}
    insert(conn, "offer_exclusivities", offer_id=offer, buyer_id=buyer, **defaults | values)


def test_an_exclusive_buyer_goes_before_every_priority(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    strong, exclusive = a_buyer(conn), a_buyer(conn)
    an_enrolment(conn, strong, offer, routing_priority=9)
    an_enrolment(conn, exclusive, offer)
    an_exclusivity(conn, offer, exclusive)
    inside, outside = a_valid_lead(conn, source), a_valid_lead(conn, source, postal_code="80015")
    insert(conn, "buyer_service_areas", buyer_id=strong, scope_type="postal_code", scope_value="80015",
           market_id=conn.execute("SELECT market_id FROM offers").fetchall()[0][0])  # fmt: skip
    route(functions, inside, outside, at=now)
    assert buyers_of(conn, inside, outside) == [exclusive, strong]


def test_a_postal_codes_exclusivity_goes_before_a_citys(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    of_city, of_code = a_buyer(conn), a_buyer(conn)
    an_enrolment(conn, of_city, offer, area=("city", "Aurora"))
    an_enrolment(conn, of_code, offer)
    an_exclusivity(conn, offer, of_city, scope_type="city", scope_value="aurora")
    an_exclusivity(conn, offer, of_code)
    both, city_only = a_valid_lead(conn, source, city="AURORA"), a_valid_lead(
        conn, source, city="Aurora", postal_code="80010"
    )  # fmt: skip
    route(functions, both, city_only, at=now)
    assert buyers_of(conn, both, city_only) == [of_code, of_city]


@pytest.mark.parametrize(("fallback", "routed"), [("fail_closed", False), ("fallback_allowed", True)])
@pytest.mark.parametrize("enrolled", [True, False])
def test_where_the_exclusive_buyer_cannot_the_policy_decides(
    conn: Connection[Any], functions: Functions, now: datetime, fallback: str, routed: bool, enrolled: bool
) -> None:
    offer = an_offer(conn, config={"strategy": "priority_based", "exclusivity": {"fallback": fallback}})
    exclusive, other = a_buyer(conn), a_buyer(conn)
    if enrolled:
        an_enrolment(conn, exclusive, offer, capacity_per_day=0)
    an_enrolment(conn, other, offer)
    an_exclusivity(conn, offer, exclusive)
    lead = a_valid_lead(conn, a_source(conn, offer))
    route(functions, lead, at=now)
    assert buyers_of(conn, lead) == [other if routed else None]
    assert reason_of(conn, lead) == (None if routed else "exclusive_buyer_ineligible")


def test_an_exclusivity_that_ended_or_is_another_offers_binds_nobody(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    strong, other = a_buyer(conn), a_buyer(conn)
    an_enrolment(conn, strong, offer, routing_priority=9)
    an_enrolment(conn, other, offer)
    an_exclusivity(conn, offer, other, is_active=False)
    an_exclusivity(conn, an_offer(conn), other)
    lead = a_valid_lead(conn, source)
    route(functions, lead, at=now)
    assert buyers_of(conn, lead) == [strong]


def test_an_unrouted_lead_is_held_tried_again_by_the_sweep_and_given_up(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    config = {"strategy": "priority_based", "unrouted": {"retry_minutes": 15, "give_up_hours": 1}}
    lead = a_valid_lead(conn, a_source(conn, an_offer(conn, config=config)), updated_at=now)
    sweep = functions.module("sweep")

    def held() -> Any:
        return conn.execute("SELECT status::text, unrouted_at, route_again_at, route_attempts FROM leads").fetchone()

    assert route(functions, lead, at=now) == ["unrouted"]
    assert held() == ("validated", now, now + timedelta(minutes=15), 1)
    assert told(conn, "notify")[-1] == ("lead.unrouted", lead)
    sweep.run(now + timedelta(minutes=14, seconds=59))
    assert told(conn, "route") == []
    sweep.run(now + timedelta(minutes=15))
    assert told(conn, "route") == [("lead.validated", lead)]
    route(functions, lead, at=now + timedelta(minutes=50))
    assert held() == ("validated", now, now + timedelta(hours=1), 2)
    route(functions, lead, at=now + timedelta(hours=1))
    assert held() == ("rejected", now, None, 3)
    row = conn.execute("SELECT rejected_at, rejection_reason FROM leads").fetchone()
    assert row == (now + timedelta(hours=1), "no_buyer_in_area")
    assert told(conn, "notify")[-1] == ("lead.rejected", lead)
    assert len(stored_decisions.of_lead(conn, lead)) == 3


def test_a_held_lead_is_sold_when_a_buyer_comes(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    lead = a_valid_lead(conn, source)
    route(functions, lead, at=now)
    an_enrolment(conn, a_buyer(conn), offer)
    assert route(functions, lead, at=now + timedelta(minutes=15)) == ["routed"]
    row = conn.execute("SELECT unrouted_at, unrouted_reason, route_again_at FROM leads").fetchone()
    assert row == (None, None, None)


def test_a_policy_may_reject_the_unrouted_at_once(conn: Connection[Any], functions: Functions, now: datetime) -> None:
    offer = an_offer(conn, config={"strategy": "priority_based", "unrouted": {"action": "reject"}})
    lead = a_valid_lead(conn, a_source(conn, offer))
    route(functions, lead, at=now)
    assert conn.execute("SELECT status::text, rejection_reason FROM leads").fetchone() == (
        "rejected",
        "no_buyer_in_area",
    )
    assert told(conn, "notify") == [("lead.rejected", lead)]


def test_a_repeat_changes_nothing_and_announces_again(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    an_enrolment(conn, a_buyer(conn), offer)
    lead = a_valid_lead(conn, source)
    route(functions, lead, at=now)
    watched = ["leads", "buyers", "capacity_counters", "deliveries", "lead_decisions"]
    before = [conn.execute(f"SELECT * FROM {table}".encode()).fetchall() for table in watched]
    assert route(functions, lead, at=now + timedelta(hours=1)) == ["repeated"]
    assert [conn.execute(f"SELECT * FROM {table}".encode()).fetchall() for table in watched] == before
    assert told(conn, "deliver") == [("lead.routed", lead)] * 2


@pytest.mark.parametrize("status", ["received", "rejected"])
def test_only_a_validated_lead_is_routed(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime, status: str
) -> None:
    an_enrolment(conn, a_buyer(conn), offer)
    lead = a_lead(conn, source, status=status)
    assert route(functions, lead, at=now) == ["repeated"]
    assert told(conn, "deliver") == []


def test_a_policy_that_does_not_parse_fails_only_its_own_lead(
    conn: Connection[Any], functions: Functions, offer: int, source: int
) -> None:
    an_enrolment(conn, a_buyer(conn), offer)
    fine = a_valid_lead(conn, source)
    broken = a_valid_lead(conn, a_source(conn, an_offer(conn, config={"strategy": "random"})))
    answer = functions.module("route").handler(
        sqs_event(body("lead.validated", broken), body("lead.validated", fine)), None
    )
    assert failed_ids(answer) == {"m0"}
    assert told(conn, "deliver") == [("lead.routed", fine)]


def test_a_batch_of_ten_takes_as_many_statements_as_a_batch_of_two(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        an_enrolment(conn, a_buyer(conn), offer, capacity_per_day=9)
    counted: Counter[str] = Counter()
    execute = psycopg.Cursor.execute

    def counting(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        counted["all"] += 1
        return execute(self, query, *args, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", counting)
    statements = {}
    for size in (2, 10):
        leads = [a_lead(conn, source) for _ in range(size)]
        for stage, event in (("validate", "lead.received"), ("route", "lead.validated"), ("bill", "lead.delivered")):
            before = counted["all"]
            functions.module(stage).process(messages(event, leads), now)
            statements[stage, size] = counted["all"] - before
            if stage == "route":
                assert None not in buyers_of(conn, *leads)
                conn.execute("UPDATE deliveries SET status = 'taken', next_attempt_at = NULL")
    for stage in ("validate", "route", "bill"):
        assert 0 < statements[stage, 10] == statements[stage, 2], stage
    assert conn.execute("SELECT count(*) FROM leads WHERE billing_status = 'billed'").fetchone() == (12,)


@pytest.mark.parametrize("limit", ["capacity_per_day", "capacity_per_hour", "credit_limit"])
def test_two_hundred_leads_at_once_claim_exactly_what_the_limit_allows(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime, limit: str
) -> None:
    buyer = a_buyer(conn, credit_limit=50 * 45 if limit == "credit_limit" else None)
    an_enrolment(conn, buyer, offer, **{} if limit == "credit_limit" else {limit: 50})
    leads = [a_valid_lead(conn, source) for _ in range(200)]
    barrier = threading.Barrier(8)

    def work(worker: int) -> list[str]:
        barrier.wait()
        own = leads[worker::8]
        return [outcome for start in range(0, 25, 10) for outcome in route(functions, *own[start : start + 10], at=now)]

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(work, worker) for worker in range(8)]
        outcomes = Counter(outcome for future in futures for outcome in future.result())
    assert outcomes == {"routed": 50, "unrouted": 150}
    assert conn.execute("SELECT count(*) FROM leads WHERE buyer_id = %s", (buyer,)).fetchone() == (50,)
    assert conn.execute("SELECT claimed FROM capacity_counters").fetchall() == [(50,), (50,)]
    assert conn.execute("SELECT pending_amount FROM buyers").fetchone() == (50 * 45,)
    assert conn.execute("SELECT count(*) FROM deliveries").fetchone() == (50,)


def test_the_same_lead_routed_by_many_at_once_is_claimed_once(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    for _ in range(2):
        an_enrolment(conn, a_buyer(conn), offer)
    lead = a_valid_lead(conn, source)
    barrier = threading.Barrier(8)

    def work() -> list[str]:
        barrier.wait()
        return route(functions, lead, at=now)

    with ThreadPoolExecutor(8) as pool:
        outcomes = [future.result() for future in [pool.submit(work) for _ in range(8)]]
    assert sorted(outcomes) == [["repeated"]] * 7 + [["routed"]]
    assert conn.execute("SELECT sum(claimed), count(*) FROM capacity_counters").fetchone() == (2, 2)
    assert conn.execute("SELECT sum(pending_amount) FROM buyers").fetchone() == (45,)


def test_the_same_facts_give_the_same_record_byte_for_byte(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    for priority in (1, 3, 2):
        an_enrolment(conn, a_buyer(conn), offer, routing_priority=priority, capacity_per_day=0)
    lead = a_valid_lead(conn, source)
    for _ in range(2):
        route(functions, lead, at=now)
    first, second = conn.execute("SELECT inputs::text, trace::text FROM lead_decisions ORDER BY id").fetchall()
    assert first == second
