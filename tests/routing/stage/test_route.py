"""The route stage: one buyer for each lead, claimed once, in a constant number of statements."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg import Connection

from tests.support.factories import a_buyer, a_lead, a_market, a_source, an_enrollment, an_offer, insert
from tests.support.stages.functions import Functions
from tests.support.stages.messages import body, failed_ids, messages, sent, sqs_event
from tests.support.stages.routing import a_valid_lead, buyers_of, failed_checks, reason_of, route


def test_a_lead_is_claimed_priced_and_handed_to_delivery_at_once(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    buyer = a_buyer(conn, webhook_url="https://buyer.example/hook")
    enrollment = an_enrollment(conn, buyer, offer)
    lead = a_valid_lead(conn, source)
    assert route(functions, lead, at=now) == ["routed"]
    row = conn.execute(
        "SELECT status::text, buyer_id, delivered_price::text, price, price_components, delivered_at,"
        " billing_status::text FROM leads"
    ).fetchone()
    components = [{"component": "offer_default", "amount": "45.00"}]
    assert row == ("delivered", buyer, "45.00", None, components, now, "pending")
    assert conn.execute(
        "SELECT lead_id, buyer_id, status, channel, attempts, next_attempt_at FROM deliveries"
    ).fetchall() == [(lead, buyer, "pending", "webhook", 0, now)]
    assert conn.execute("SELECT pending_amount::text, balance::text FROM buyers").fetchall() == [("45.00", "0.00")]
    counters = conn.execute(
        "SELECT buyer_offer_id, period, starts_at, claimed, amount FROM capacity_counters ORDER BY 2"
    ).fetchall()
    starts = {"day": now.replace(hour=6), "hour": now, "month": now.replace(day=1, hour=6),
              "week": now.replace(day=15, hour=6)}  # fmt: skip
    assert counters == [(enrollment, period, starts[period], 1, Decimal("45.00")) for period in sorted(starts)]
    assert sent(conn, "deliver") == [("lead.routed", lead)]


def test_a_buyers_own_price_replaces_the_offers(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    an_enrollment(conn, a_buyer(conn), offer, price_per_lead="61.50")
    route(functions, a_valid_lead(conn, source), at=now)
    assert conn.execute("SELECT delivered_price::text, price_components FROM leads").fetchall() == [
        ("61.50", [{"component": "buyer_price", "amount": "61.50"}])
    ]
    assert conn.execute("SELECT pending_amount::text FROM buyers").fetchall() == [("61.50",)]


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
    an_enrollment(conn, a_buyer(conn), offer, area=area)
    lead = a_valid_lead(conn, source, **place)
    assert route(functions, lead, at=now) == ["routed" if served else "unrouted"]
    assert served or reason_of(conn, lead) == "no_buyer_in_area"


def test_an_area_counts_in_its_own_market_and_while_it_is_active(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    elsewhere, retired = a_buyer(conn), a_buyer(conn)
    an_enrollment(conn, elsewhere, offer, area=None)
    insert(conn, "buyer_service_areas", buyer_id=elsewhere, market_id=a_market(conn), scope_type="postal_code",
           scope_value="80014")  # fmt: skip
    an_enrollment(conn, retired, offer)
    conn.execute("UPDATE buyer_service_areas SET is_active = false WHERE buyer_id = %s", (retired,))
    lead = a_valid_lead(conn, source)
    assert route(functions, lead, at=now) == ["unrouted"]
    assert reason_of(conn, lead) == "no_buyer_in_area"


def test_a_buyer_is_not_globally_active_but_enrolled_offer_by_offer(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    market = conn.execute("SELECT market_id FROM offers WHERE id = %s", (offer,)).fetchall()[0][0]
    other_offer = an_offer(conn, market_id=market)
    an_enrollment(conn, a_buyer(conn), other_offer)
    left, gone = a_buyer(conn), a_buyer(conn, is_active=False)
    an_enrollment(conn, left, offer, is_active=False)
    an_enrollment(conn, gone, offer)
    lead = a_valid_lead(conn, source)
    assert route(functions, lead, at=now) == ["unrouted"]
    assert failed_checks(conn, lead) == {left: ["enrolled"], gone: ["buyer_active"]}


def test_a_buyer_nobody_can_reach_gets_no_lead(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    buyer = a_buyer(conn, email_notifications=False)
    an_enrollment(conn, buyer, offer)
    lead = a_valid_lead(conn, source)
    assert route(functions, lead, at=now) == ["unrouted"]
    assert failed_checks(conn, lead) == {buyer: ["reachable"]}


def test_a_repeat_changes_nothing_and_announces_again(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    an_enrollment(conn, a_buyer(conn), offer)
    lead = a_valid_lead(conn, source)
    route(functions, lead, at=now)
    watched = ["leads", "buyers", "capacity_counters", "deliveries", "lead_decisions"]
    before = [conn.execute(f"SELECT * FROM {table}".encode()).fetchall() for table in watched]
    assert route(functions, lead, at=now + timedelta(hours=1)) == ["repeated"]
    assert [conn.execute(f"SELECT * FROM {table}".encode()).fetchall() for table in watched] == before
    assert sent(conn, "deliver") == [("lead.routed", lead)] * 2


@pytest.mark.parametrize("status", ["received", "rejected"])
def test_only_a_validated_lead_is_routed(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime, status: str
) -> None:
    an_enrollment(conn, a_buyer(conn), offer)
    lead = a_lead(conn, source, status=status)
    assert route(functions, lead, at=now) == ["repeated"]
    assert sent(conn, "deliver") == []


def test_a_policy_that_does_not_parse_stops_its_own_lead_in_review_and_no_other(
    conn: Connection[Any], functions: Functions, offer: int, source: int
) -> None:
    an_enrollment(conn, a_buyer(conn), offer)
    fine = a_valid_lead(conn, source)
    broken = a_valid_lead(conn, a_source(conn, an_offer(conn, config={"strategy": "random"})))
    answer = functions.module("route").handler(
        sqs_event(body("lead.validated", broken), body("lead.validated", fine)), None
    )
    assert failed_ids(answer) == set()
    assert sent(conn, "deliver") == [("lead.routed", fine)]
    rows = conn.execute(
        "SELECT status::text, review_reason, review_detail FROM leads WHERE id = %s", (broken,)
    ).fetchall()
    assert [row[:2] for row in rows] == [("validated", "policy_invalid")]
    assert "version 1" in rows[0][2]
    assert "'random'" in rows[0][2]
    assert functions.module("route").handler(sqs_event(body("lead.validated", broken)), None) == {
        "batchItemFailures": []
    }
    assert conn.execute("SELECT count(*) FROM lead_decisions WHERE lead_id = %s", (broken,)).fetchone() == (0,)


def test_a_batch_of_ten_takes_as_many_statements_as_a_batch_of_two(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime, statements: list[str]
) -> None:
    for _ in range(3):
        an_enrollment(conn, a_buyer(conn), offer, capacity_per_day=9)
    sent = {}
    for size in (2, 10):
        leads = [a_lead(conn, source) for _ in range(size)]
        for stage, event in (("validate", "lead.received"), ("route", "lead.validated"), ("bill", "lead.delivered")):
            statements.clear()
            functions.module(stage).process(messages(event, leads), now)
            sent[stage, size] = len(statements)
            if stage == "route":
                assert None not in buyers_of(conn, *leads)
    assert {sent[stage, 2] - sent[stage, 10] for stage in ("validate", "route", "bill")} == {0}


def test_with_every_rule_asked_a_batch_of_ten_takes_as_many_statements_as_one_of_two(
    conn: Connection[Any], functions: Functions, now: datetime, statements: list[str]
) -> None:
    config = {"strategy": "round_robin", "sla": {"max_delivery_seconds": 5}, "exclusivity": {}}
    offers = [an_offer(conn, config=config) for _ in range(2)]
    sources = [a_source(conn, offer) for offer in offers]
    for offer in offers:
        for capacity in (2, 3, 100):
            an_enrollment(conn, a_buyer(conn), offer, capacity_per_day=capacity, budget_per_week="400.00",
                         filter={"field": "rooms", "at_least": 1}, consent={"given": True})  # fmt: skip
    lead = {"attributes": {"rooms": 2}, "consent": True, "unrouted_at": now}
    sent = []
    for size in (2, 10):
        # Within the larger batch buyers fill up, so that it shares out several pools. The last lead finds nobody.
        leads = [a_valid_lead(conn, sources[n % 2], **lead) for n in range(size)]
        leads += [a_valid_lead(conn, sources[0], unrouted_at=now)]
        statements.clear()
        outcomes = route(functions, *leads, at=now)
        assert set(outcomes) == {"routed", "unrouted"}
        sent.append([statement.split("%")[0] for statement in statements])
    assert sent[0] == sent[1]
    assert len(sent[0]) == 19  # BEGIN and COMMIT among them


def test_the_same_facts_give_the_same_record_byte_for_byte(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    for priority in (1, 3, 2):
        an_enrollment(conn, a_buyer(conn), offer, routing_priority=priority, capacity_per_day=0)
    lead = a_valid_lead(conn, source)
    for _ in range(2):
        route(functions, lead, at=now)
    first, second = conn.execute("SELECT inputs::text, trace::text FROM lead_decisions ORDER BY id").fetchall()
    assert first == second
