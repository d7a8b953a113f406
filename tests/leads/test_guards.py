"""The mandatory phase guards: each transition happens from its own state only, and says whether it did."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from psycopg import Connection

from leadgen.delivery.store import deliveries
from leadgen.delivery.store.deliveries import DeliveryResult
from leadgen.routing.domain.decision import Routed
from leadgen.routing.domain.pricing import Component, Price
from leadgen.routing.store import assignments
from leadgen.routing.store.assignments import UnroutedLead
from leadgen.validation.store import screening
from leadgen.validation.store.screening import Transition
from tests.support.factories import a_buyer, a_delivery, a_lead, a_source, an_offer

STATES = ["received", "validated", "delivered", "accepted", "rejected"]


@pytest.fixture
def leads(conn: Connection[Any]) -> dict[str, int]:
    """A lead in each state."""
    source = a_source(conn, an_offer(conn))
    return {state: a_lead(conn, source, status=state) for state in STATES}


def states(conn: Connection[Any], leads: dict[str, int]) -> dict[str, str]:
    now = dict(conn.execute("SELECT id, status::text FROM leads").fetchall())
    return {before: now[lead] for before, lead in leads.items()}


def test_only_a_received_lead_is_validated_or_rejected(
    conn: Connection[Any], leads: dict[str, int], now: datetime
) -> None:
    transitions = [Transition(lead, "validated", None, None) for lead in leads.values()]
    assert screening.apply_transitions(conn, transitions, now=now) == [leads["received"]]
    assert states(conn, leads) == {state: state for state in STATES} | {"received": "validated"}
    rejected = [Transition(lead, "rejected", "too_late", None) for lead in leads.values()]
    assert screening.apply_transitions(conn, rejected, now=now) == []


def test_only_a_validated_lead_is_claimed(conn: Connection[Any], leads: dict[str, int], now: datetime) -> None:
    price = Price(Decimal("45.00"), (Component("offer_default", Decimal("45.00")),))
    routed = Routed(a_buyer(conn), 1, price, exclusive=False, verdicts=())
    assert assignments.claim(conn, dict.fromkeys(leads.values(), routed), now=now) == [leads["validated"]]
    assert states(conn, leads) == {state: state for state in STATES} | {"validated": "delivered"}
    assert conn.execute("SELECT count(*) FROM leads WHERE buyer_id IS NOT NULL").fetchone() == (1,)


@pytest.mark.parametrize("again", [True, False])
def test_only_a_validated_lead_is_held_or_given_up(
    conn: Connection[Any], leads: dict[str, int], now: datetime, again: bool
) -> None:
    waiting = [UnroutedLead(lead, "no_eligible_buyer", now if again else None) for lead in leads.values()]
    assert assignments.mark_unrouted(conn, waiting, now=now) == [leads["validated"]]
    after = {"validated": "validated" if again else "rejected"}
    assert states(conn, leads) == {state: state for state in STATES} | after


def test_only_a_pending_delivery_is_settled(conn: Connection[Any], leads: dict[str, int], now: datetime) -> None:
    buyer = a_buyer(conn)
    pending, taken, reviewed = (
        a_delivery(conn, leads[lead], buyer, status=status)
        for lead, status in (("delivered", "pending"), ("accepted", "succeeded"), ("rejected", "in_review"))
    )
    settlements = [
        DeliveryResult(delivery, 0, "in_review", "webhook", review_reason="unknown")
        for delivery in (pending, taken, reviewed)
    ]
    assert deliveries.settle(conn, settlements, now=now) == {pending}
    assert conn.execute("SELECT status FROM deliveries WHERE id = %s", (taken,)).fetchone() == ("succeeded",)
