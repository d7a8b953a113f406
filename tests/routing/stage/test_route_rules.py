"""A buyer's own rules and places: filters, consent, budgets, and every kind of service area."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from tests.support.factories import a_buyer, an_enrollment, insert
from tests.support.stages.functions import Functions
from tests.support.stages.routing import a_valid_lead, buyers_of, failed_checks, reason_of, route

FILTER = {"all": [{"field": "attributes.rooms", "at_least": 2}, {"not": {"field": "email", "ends_with": ".edu"}}]}


@pytest.mark.parametrize(
    ("values", "sold"),
    [
        ({"attributes": {"rooms": 2}}, True),
        ({"attributes": {"rooms": "3"}}, True),
        ({"attributes": {"rooms": 1}}, False),
        ({"attributes": {}}, False),
        ({"attributes": {"rooms": 2}, "email": "someone@COLLEGE.edu"}, False),
    ],
)
def test_a_buyers_filter_is_held_against_fields_and_attributes(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime, values: dict[str, Any],
    sold: bool,
) -> None:  # fmt: skip
    buyer = a_buyer(conn)
    an_enrollment(conn, buyer, offer, filter=FILTER)
    lead = a_valid_lead(conn, source, **values)
    assert route(functions, lead, at=now) == ["routed" if sold else "unrouted"]
    assert failed_checks(conn, lead) == {buyer: [] if sold else ["filter"]}


def test_a_record_tells_the_values_asked_for_but_nothing_personal(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    rule = {
        "all": [
            {"field": "email", "contains": "nobody"},
            {"field": "callback", "present": True},
            {"field": "rooms", "equals": 2},
        ]
    }
    an_enrollment(conn, a_buyer(conn), offer, filter=rule)
    lead = a_valid_lead(
        conn, source, name="Zebedee", email="zebedee@example.com", phone="+13035557731",
        attributes={"callback": "303 555 7732", "rooms": 2, "unasked": "never-on-record"},
    )  # fmt: skip
    route(functions, lead, at=now)
    ((record,),) = conn.execute("SELECT inputs::text || trace::text FROM lead_decisions").fetchall()
    for personal in ("ebedee", "7731", "7732", "never-on-record"):
        assert personal not in record
    ((shown,),) = conn.execute(
        "SELECT jsonb_path_query(trace, '$.verdicts[*].checks[*] ? (@.rule == \"filter\").value') FROM lead_decisions"
    ).fetchall()
    assert shown == {"email": "withheld", "callback": "withheld", "rooms": 2}


def test_a_filter_that_does_not_parse_keeps_only_its_buyer_out(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    broken, fine = a_buyer(conn), a_buyer(conn)
    an_enrollment(conn, broken, offer, filter={"field": "rooms"}, routing_priority=9)
    an_enrollment(conn, fine, offer)
    lead = a_valid_lead(conn, source)
    assert route(functions, lead, at=now) == ["routed"]
    assert buyers_of(conn, lead) == [fine]
    assert failed_checks(conn, lead) == {broken: ["configuration"], fine: []}


@pytest.mark.parametrize(
    ("evidence", "sold"),
    [
        ({"consent": True}, False),
        ({"consent": True, "attributes": {"consent_text": "I agree that Acme and others call me"}}, True),
        ({"consent": True, "attributes": {"consent_text": "I agree to be called"}}, False),
        ({"consent": False, "attributes": {"consent_text": "I agree that acme calls"}}, False),
    ],
)
def test_a_buyers_demand_for_consent_is_checked_before_sale(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime, evidence: dict[str, Any],
    sold: bool,
) -> None:  # fmt: skip
    an_enrollment(conn, a_buyer(conn), offer, consent={"text_contains": "Acme"})
    lead = a_valid_lead(conn, source, **evidence)
    assert route(functions, lead, at=now) == ["routed" if sold else "unrouted"]


@pytest.mark.parametrize("period", ["hour", "day", "week", "month"])
def test_a_budget_is_spent_to_the_last_lead_that_fits(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime, period: str
) -> None:
    buyer = a_buyer(conn)
    an_enrollment(conn, buyer, offer, price_per_lead="30.00", **{f"budget_per_{period}": "100.00"})
    leads = [a_valid_lead(conn, source, created_at=now + timedelta(seconds=n)) for n in range(5)]
    assert sorted(route(functions, *leads, at=now)) == ["routed"] * 3 + ["unrouted"] * 2
    assert failed_checks(conn, leads[4]) == {buyer: [f"budget_per_{period}"]}
    spent = conn.execute("SELECT amount::text FROM capacity_counters WHERE period = %s", (period,)).fetchall()
    assert spent == [("90.00",)]


def test_a_cap_set_in_the_middle_of_its_period_counts_what_was_claimed_before(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    an_enrollment(conn, a_buyer(conn), offer)
    route(functions, *[a_valid_lead(conn, source) for _ in range(3)], at=now)
    conn.execute("UPDATE buyer_offers SET capacity_per_week = 4")
    assert route(functions, a_valid_lead(conn, source), at=now + timedelta(days=1)) == ["routed"]
    assert route(functions, a_valid_lead(conn, source), at=now + timedelta(days=1)) == ["unrouted"]
    assert route(functions, a_valid_lead(conn, source), at=now + timedelta(days=5)) == ["routed"]


@pytest.mark.parametrize(
    ("area", "place", "covers"),
    [
        (("market", "*"), {}, True),
        (("region", "US-CO"), {"region_code": "CO"}, True),
        (("region", "US-CO"), {"region_code": " us-co "}, True),
        (("region", "US-CO"), {"region_code": "US-TX"}, False),
        (("region", "US-CO"), {}, False),
        (("radius", "80010 25km"), {"postal_code": "80014"}, True),
        (("radius", "80010 25km"), {"postal_code": "80099"}, False),
    ],
    ids=str,
)
def test_a_service_area_may_be_a_region_a_radius_or_the_whole_market(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime, area: tuple[str, str],
    place: dict[str, str], covers: bool,
) -> None:  # fmt: skip
    buyer = a_buyer(conn)
    an_enrollment(conn, buyer, offer, area=area)
    if area[0] == "radius":
        conn.execute(
            "INSERT INTO radius_postal_codes SELECT id, market_id, '80014' FROM buyer_service_areas"
            " WHERE buyer_id = %s",
            (buyer,),
        )
    lead = a_valid_lead(conn, source, **place)
    assert route(functions, lead, at=now) == ["routed" if covers else "unrouted"]
    if covers:
        ((named,),) = conn.execute(
            "SELECT jsonb_path_query(trace, '$.verdicts[*].checks[*] ? (@.rule == \"service_area\").value')"
            " FROM lead_decisions"
        ).fetchall()
        assert named == " ".join(area)
    else:
        assert reason_of(conn, lead) == "no_buyer_in_area"


def test_of_several_areas_the_narrowest_is_named(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    buyer = a_buyer(conn)
    an_enrollment(conn, buyer, offer, area=("market", "*"))
    ((market,),) = conn.execute("SELECT market_id FROM offers WHERE id = %s", (offer,)).fetchall()
    for scope in (("region", "US-CO"), ("city", "Aurora"), ("postal_code", "80014")):
        insert(conn, "buyer_service_areas", buyer_id=buyer, market_id=market, scope_type=scope[0], scope_value=scope[1])
    lead = a_valid_lead(conn, source, city="aurora", region_code="CO")
    route(functions, lead, at=now)
    ((trace,),) = conn.execute("SELECT trace FROM lead_decisions").fetchall()
    assert [verdict["buyer_id"] for verdict in trace["verdicts"]] == [buyer]
    assert {c["rule"]: c["value"] for c in trace["verdicts"][0]["checks"]}["service_area"] == "postal_code 80014"


def test_a_lead_waits_no_longer_than_for_the_next_free_place(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    an_enrollment(conn, a_buyer(conn), offer, capacity_per_hour=1)
    late = now.replace(minute=57)
    leads = [a_valid_lead(conn, source) for _ in range(2)]
    assert [route(functions, lead, at=late) for lead in leads] == [["routed"], ["unrouted"]]
    assert conn.execute("SELECT route_again_at FROM leads WHERE id = %s", (leads[1],)).fetchone() == (
        now + timedelta(hours=1),
    )
