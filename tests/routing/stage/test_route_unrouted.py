"""Leads that find no buyer: held, tried again, sold late or given up."""

from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from leadgen.decisions import store as decisions_store
from leadgen.leads.store import holds
from leadgen.leads.store.holds import LeadHold
from leadgen.review.store import leads
from leadgen.suppression import domain as suppression_domain
from leadgen.suppression import store as suppression_store
from tests.support.factories import a_buyer, a_source, an_enrollment, an_offer
from tests.support.stages.functions import Functions
from tests.support.stages.messages import sent
from tests.support.stages.routing import a_valid_lead, route


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
    assert sent(conn, "notify")[-1] == ("lead.unrouted", lead)
    sweep.run(now + timedelta(minutes=14, seconds=59))
    assert sent(conn, "route") == []
    sweep.run(now + timedelta(minutes=15))
    assert sent(conn, "route") == [("lead.validated", lead)]
    route(functions, lead, at=now + timedelta(minutes=50))
    assert held() == ("validated", now, now + timedelta(hours=1), 2)
    route(functions, lead, at=now + timedelta(hours=1))
    assert held() == ("rejected", now, None, 3)
    row = conn.execute("SELECT rejected_at, rejection_reason FROM leads").fetchone()
    assert row == (now + timedelta(hours=1), "no_buyer_in_area")
    assert sent(conn, "notify")[-1] == ("lead.rejected", lead)
    assert len(decisions_store.of_lead(conn, lead)) == 3


def test_a_held_lead_is_sold_when_a_buyer_comes(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    lead = a_valid_lead(conn, source)
    route(functions, lead, at=now)
    an_enrollment(conn, a_buyer(conn), offer)
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
    assert sent(conn, "notify") == [("lead.rejected", lead)]


def test_a_held_lead_whose_person_was_suppressed_meanwhile_is_never_sold(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    lead = a_valid_lead(conn, source, email="Someone@Example.com")
    assert route(functions, lead, at=now) == ["unrouted"]
    an_enrollment(conn, a_buyer(conn), offer)
    suppression_store.add(
        conn, [suppression_domain.of_email("someone@example.com")], offer_id=None, reason="asked us to"
    )
    assert route(functions, lead, at=now + timedelta(minutes=15)) == ["unrouted"]
    assert conn.execute("SELECT status::text, rejection_reason FROM leads").fetchone() == ("rejected", "suppressed")
    assert sent(conn, "notify")[-1] == ("lead.rejected", lead)


def test_a_lead_released_from_review_whose_person_was_suppressed_meanwhile_is_never_sold(
    conn: Connection[Any], functions: Functions, offer: int, source: int, now: datetime
) -> None:
    an_enrollment(conn, a_buyer(conn), offer)
    lead = a_valid_lead(conn, source, email="Someone@Example.com")
    holds.hold(conn, [LeadHold(lead, "policy_invalid", "its policy did not parse")], now=now)
    suppression_store.add(
        conn, [suppression_domain.of_email("someone@example.com")], offer_id=None, reason="asked us to"
    )
    leads.release(conn, lead, now=now + timedelta(days=1))
    assert route(functions, lead, at=now + timedelta(days=1)) == ["unrouted"]
    assert conn.execute("SELECT status::text, rejection_reason FROM leads").fetchone() == ("rejected", "suppressed")
