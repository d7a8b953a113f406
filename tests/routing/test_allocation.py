"""A batch of leads in turn: what one claims is gone for the next."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from leadgen.routing.domain import allocation
from leadgen.routing.domain.allocation import RoutingRequest
from leadgen.routing.domain.decision import Routed
from leadgen.routing.domain.eligibility import TrackRecord
from leadgen.routing.domain.policy import PriorityBased, RoundRobin, Sla
from tests.support.domain_values import NOON, enrollment, lead, offer, usage

POLICY = PriorityBased(strategy="priority_based")
ROUND_ROBIN = RoundRobin(strategy="round_robin")


def a_request(lead_id: int, *enrollments: Any, minutes: int = 0) -> RoutingRequest:
    subject = lead(lead_id=lead_id, created_at=NOON + timedelta(minutes=minutes))
    return RoutingRequest(subject, POLICY, offer(), None, enrollments)


def winners(requests: list[RoutingRequest], stands: dict[int, Any]) -> dict[int, int | None]:
    choices = allocation.allocate(requests, stands, {}, now=NOON)
    return {c.request.lead.lead_id: c.decision.buyer_id if isinstance(c.decision, Routed) else None for c in choices}


def test_a_claim_of_the_batch_uses_the_buyers_capacity() -> None:
    first, second = enrollment(buyer_id=1, priority=2, capacity_per_day=2), enrollment(buyer_id=2)
    stands = {101: usage(day=1), 102: usage()}
    requests = [a_request(n, first, second, minutes=n) for n in (1, 2, 3)]
    assert winners(requests, stands) == {1: 1, 2: 2, 3: 2}


def test_a_claim_of_the_batch_uses_the_hours_capacity_too() -> None:
    only = enrollment(buyer_id=1, capacity_per_hour=1)
    assert winners([a_request(1, only), a_request(2, only)], {101: usage()}) == {1: 1, 2: None}


def test_a_claim_of_the_batch_uses_the_buyers_credit_in_every_offer() -> None:
    here = enrollment(buyer_id=1, buyer_offer_id=101, credit_limit=Decimal("90.00"))
    there = enrollment(buyer_id=1, buyer_offer_id=201, credit_limit=Decimal("90.00"))
    stands = {101: usage(), 201: usage()}
    requests = [a_request(1, here), a_request(2, there, minutes=1), a_request(3, here, minutes=2)]
    assert winners(requests, stands) == {1: 1, 2: 1, 3: None}


def test_capacity_is_each_enrollments_own() -> None:
    here = enrollment(buyer_id=1, buyer_offer_id=101, capacity_per_day=1)
    there = enrollment(buyer_id=1, buyer_offer_id=201, capacity_per_day=1)
    stands = {101: usage(), 201: usage()}
    assert winners([a_request(1, here), a_request(2, there)], stands) == {1: 1, 2: 1}


def test_the_oldest_lead_of_a_batch_is_served_first_whatever_its_place() -> None:
    only = enrollment(buyer_id=1, capacity_per_day=1)
    late, early = a_request(1, only, minutes=5), a_request(2, only, minutes=0)
    assert winners([late, early], {101: usage()}) == {2: 1, 1: None}
    twin = replace(late, lead=replace(late.lead, lead_id=3))
    assert winners([twin, late], {101: usage()}) == {1: 1, 3: None}


def shared_out(policy: Any, *caps: int, batch: int, sla_missed: Any = ()) -> list[int | None]:
    """Who gets each lead of one batch, all of it shared by turns."""
    enrolled = tuple(enrollment(buyer_id=n, capacity_per_day=cap) for n, cap in enumerate(caps, start=1))
    stands = {e.buyer_offer_id: usage() for e in enrolled}
    for buyer_id in sla_missed:
        stands[100 + buyer_id] = usage(record=TrackRecord(delivered=1))
    requests = [replace(a_request(n, *enrolled, minutes=n), policy=policy) for n in range(1, batch + 1)]
    choices = allocation.allocate(requests, stands, {}, now=NOON)
    found = allocation.spans(requests, stands, now=NOON)
    for choice in choices:
        assert isinstance(choice.decision, Routed)
        assert choice.decision.rotation is not None
        members = set(choice.decision.rotation.members)
        assert any(set(span.at_least) <= members <= set(span.at_most) and len(members) >= span.fewest for span in found)
    return [c.decision.buyer_id if isinstance(c.decision, Routed) else None for c in choices]


def test_a_batch_is_shared_by_turns_and_a_full_buyer_leaves_the_pool() -> None:
    assert shared_out(ROUND_ROBIN, 9, 9, 9, batch=6) == [1, 2, 3, 1, 2, 3]
    assert shared_out(ROUND_ROBIN, 1, 9, 9, batch=6) == [1, 2, 3, 2, 3, 2]


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(1, 8), st.booleans(), st.sets(st.integers(1, 5))
)
def test_every_pool_that_a_batch_shares_out_lies_within_the_spans_told_beforehand(
    caps: list[int], batch: int, has_sla: bool, sla_missed: set[int]
) -> None:
    sla = Sla(max_delivery_seconds=5) if has_sla else None
    missed = [buyer_id for buyer_id in sla_missed if buyer_id <= len(caps)]
    shared_out(RoundRobin(strategy="round_robin", sla=sla), *caps, batch=min(batch, sum(caps)), sla_missed=missed)


def test_strategies_without_turns_ask_for_no_pools() -> None:
    only = enrollment(buyer_id=1)
    assert allocation.spans([a_request(1, only)], {101: usage()}, now=NOON) == []


def test_a_buyer_sure_to_stay_is_in_every_pool_and_one_near_its_cap_may_leave() -> None:
    sure, near = enrollment(buyer_id=1, capacity_per_day=3), enrollment(buyer_id=2, capacity_per_day=1)
    requests = [replace(a_request(n, sure, near), policy=ROUND_ROBIN) for n in (1, 2)]
    found = allocation.spans(requests, {101: usage(), 102: usage()}, now=NOON)
    assert found == [allocation.Span(10, (101,), (101, 102), 1)]


def test_a_batch_asks_for_no_pool_that_lacks_more_buyers_than_it_has_leads() -> None:
    near = [enrollment(buyer_id=n, capacity_per_day=1) for n in range(1, 31)]
    requests = [replace(a_request(n, *near), policy=ROUND_ROBIN) for n in range(1, 11)]
    (span,) = allocation.spans(requests, {e.buyer_offer_id: usage() for e in near}, now=NOON)
    assert (len(span.at_least), len(span.at_most), span.fewest) == (0, 30, 21)


def test_the_pools_are_left_as_the_last_lead_of_the_batch_leaves_them() -> None:
    enrolled = (enrollment(buyer_id=1), enrollment(buyer_id=2), enrollment(buyer_id=3))
    requests = [replace(a_request(n, *enrolled, minutes=n), policy=ROUND_ROBIN) for n in (1, 2)]
    choices = allocation.allocate(requests, {e.buyer_offer_id: usage() for e in enrolled}, {}, now=NOON)
    (left,) = allocation.rotated(choices).values()
    assert left.taken == (1, 1, 0)
    # On record is the pool before each lead's own turn.
    assert [c.facts.rotations[0].taken for c in choices] == [(0, 0, 0), (1, 0, 0)]
