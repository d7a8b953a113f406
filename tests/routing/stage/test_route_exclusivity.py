"""Exclusive places: who goes first, and what happens when that buyer cannot."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.support.factories import a_buyer, a_source, an_enrollment, an_offer, insert
from tests.support.stages.functions import Functions
from tests.support.stages.routing import a_valid_lead, buyers_of, reason_of, route


def an_exclusivity(conn: Connection[Any], offer: int, buyer: int, **values: Any) -> None:
    defaults = {"scope_type": "postal_code", "scope_value": "80014"}
    insert(conn, "offer_exclusivities", offer_id=offer, buyer_id=buyer, **defaults | values)


def test_an_exclusive_buyer_goes_before_every_priority(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    strong, exclusive = a_buyer(conn), a_buyer(conn)
    an_enrollment(conn, strong, offer, routing_priority=9)
    an_enrollment(conn, exclusive, offer)
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
    an_enrollment(conn, of_city, offer, area=("city", "Aurora"))
    an_enrollment(conn, of_code, offer)
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
        an_enrollment(conn, exclusive, offer, capacity_per_day=0)
    an_enrollment(conn, other, offer)
    an_exclusivity(conn, offer, exclusive)
    lead = a_valid_lead(conn, a_source(conn, offer))
    route(functions, lead, at=now)
    assert buyers_of(conn, lead) == [other if routed else None]
    assert reason_of(conn, lead) == (None if routed else "exclusive_buyer_ineligible")


def test_an_exclusivity_that_ended_or_is_another_offers_binds_nobody(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    strong, other = a_buyer(conn), a_buyer(conn)
    an_enrollment(conn, strong, offer, routing_priority=9)
    an_enrollment(conn, other, offer)
    an_exclusivity(conn, offer, other, is_active=False)
    an_exclusivity(conn, an_offer(conn), other)
    lead = a_valid_lead(conn, source)
    route(functions, lead, at=now)
    assert buyers_of(conn, lead) == [strong]


def test_a_place_handed_over_while_a_lead_waits_for_its_buyers_goes_to_the_new_owner(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime, database_url: str
) -> None:
    old, new = a_buyer(conn), a_buyer(conn)
    for buyer in (old, new):
        an_enrollment(conn, buyer, offer)
    an_exclusivity(conn, offer, old)
    lead = a_valid_lead(conn, source)
    with psycopg.connect(database_url) as handing_over, ThreadPoolExecutor(1) as pool:
        handing_over.execute("SELECT id FROM buyers ORDER BY id FOR NO KEY UPDATE")
        handing_over.execute("UPDATE offer_exclusivities SET buyer_id = %s", (new,))
        routing = pool.submit(route, functions, lead, at=now)
        while not conn.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            assert not routing.done()
        handing_over.commit()
        assert routing.result() == ["routed"]
    assert buyers_of(conn, lead) == [new]
