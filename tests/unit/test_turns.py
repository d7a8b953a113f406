"""A batch of leads in turn: what one claims is gone for the next."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from leadgen.domain import turns
from leadgen.domain.policies import PriorityBased
from leadgen.domain.routing import Routed
from leadgen.domain.turns import Request
from tests.domain_values import NOON, enrolment, lead, offer, standing

POLICY = PriorityBased(strategy="priority_based")


def a_request(lead_id: int, *enrolments: Any, minutes: int = 0) -> Request:
    subject = lead(lead_id=lead_id, created_at=NOON + timedelta(minutes=minutes))
    return Request(subject, POLICY, offer(), None, enrolments)


def winners(requests: list[Request], stands: dict[int, Any]) -> dict[int, int | None]:
    choices = turns.choose_in_turn(requests, stands, {}, now=NOON)
    return {c.request.lead.lead_id: c.decision.buyer_id if isinstance(c.decision, Routed) else None for c in choices}


def test_a_claim_of_the_batch_uses_the_buyers_capacity() -> None:
    first, second = enrolment(buyer_id=1, priority=2, capacity_per_day=2), enrolment(buyer_id=2)
    stands = {101: standing(day=1), 102: standing()}
    requests = [a_request(n, first, second, minutes=n) for n in (1, 2, 3)]
    assert winners(requests, stands) == {1: 1, 2: 2, 3: 2}


def test_a_claim_of_the_batch_uses_the_hours_capacity_too() -> None:
    only = enrolment(buyer_id=1, capacity_per_hour=1)
    assert winners([a_request(1, only), a_request(2, only)], {101: standing()}) == {1: 1, 2: None}


def test_a_claim_of_the_batch_uses_the_buyers_credit_in_every_offer() -> None:
    here = enrolment(buyer_id=1, buyer_offer_id=101, credit_limit=Decimal("90.00"))
    there = enrolment(buyer_id=1, buyer_offer_id=201, credit_limit=Decimal("90.00"))
    stands = {101: standing(), 201: standing()}
    requests = [a_request(1, here), a_request(2, there, minutes=1), a_request(3, here, minutes=2)]
    assert winners(requests, stands) == {1: 1, 2: 1, 3: None}


def test_capacity_is_each_enrolments_own() -> None:
    here = enrolment(buyer_id=1, buyer_offer_id=101, capacity_per_day=1)
    there = enrolment(buyer_id=1, buyer_offer_id=201, capacity_per_day=1)
    stands = {101: standing(), 201: standing()}
    assert winners([a_request(1, here), a_request(2, there)], stands) == {1: 1, 2: 1}


def test_the_oldest_lead_of_a_batch_is_served_first_whatever_its_place() -> None:
    only = enrolment(buyer_id=1, capacity_per_day=1)
    late, early = a_request(1, only, minutes=5), a_request(2, only, minutes=0)
    assert winners([late, early], {101: standing()}) == {2: 1, 1: None}
    twin = replace(late, lead=replace(late.lead, lead_id=3))
    assert winners([twin, late], {101: standing()}) == {1: 1, 3: None}
