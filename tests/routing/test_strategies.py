"""The strategies: who of the eligible comes first, and what settles a tie."""

from decimal import Decimal
from typing import Any

import pytest

from leadgen.routing.domain import decision as routing_decision
from leadgen.routing.domain import strategies
from leadgen.routing.domain.decision import ExclusiveBuyer, Facts, NoBuyer, Routed
from leadgen.routing.domain.eligibility import TrackRecord
from leadgen.routing.domain.policy import (
    CapacityBased,
    ExclusiveZip,
    Exclusivity,
    PerformanceBased,
    PriorityBased,
    RoundRobin,
    RoutingPolicy,
    Sla,
    Weighted,
)
from leadgen.routing.domain.rotation import Rotation
from leadgen.routing.domain.strategies import Candidate
from tests.support.domain_values import NOON, enrollment, offer, usage

SLA = Sla(max_delivery_seconds=5, percent=90)


def candidate(buyer_id: int, stands: dict[str, Any] | None = None, **values: Any) -> Candidate:
    return Candidate(enrollment(buyer_id=buyer_id, **values), usage(**stands or {}))


def record(answered: int = 0, accepted: int = 0, delivered: int = 0, on_time: int = 0) -> dict[str, Any]:
    return {"record": TrackRecord(answered, accepted, delivered, on_time)}


def route(policy: RoutingPolicy, *candidates: Candidate, **facts: Any) -> Routed | NoBuyer:
    asked: dict[str, Any] = {"offer": offer(), "postal_code": "80014", "exclusive": None} | facts
    return routing_decision.choose(policy, Facts(candidates=candidates, **asked), now=NOON)


def winner(policy: RoutingPolicy, *candidates: Candidate, **facts: Any) -> int:
    decision = route(policy, *candidates, **facts)
    assert isinstance(decision, Routed)
    return decision.buyer_id


def merits(decision: Routed | NoBuyer) -> dict[int, Any]:
    return {verdict.buyer_id: verdict.merit for verdict in decision.verdicts}


def test_round_robin_goes_on_where_the_pool_was() -> None:
    policy = RoundRobin(strategy="round_robin")
    pool = (candidate(1), candidate(2), candidate(3))
    assert winner(policy, *pool) == 1
    assert winner(policy, *pool, rotations=(Rotation((101, 102, 103), (1, 1, 1), (1, 0, 0)),)) == 2
    assert winner(policy, *pool, rotations=(Rotation((101, 102, 103), (1, 1, 1), (1, 1, 0)),)) == 3


def test_another_pools_turns_and_another_weighting_do_not_count() -> None:
    policy = RoundRobin(strategy="round_robin")
    others = (Rotation((101, 102, 103), (1, 1, 1), (1, 0, 0)), Rotation((101, 102), (1, 2), (1, 0)))
    decision = route(policy, candidate(1), candidate(2), candidate(3, capacity_per_day=0), rotations=others)
    assert isinstance(decision, Routed)
    assert decision.buyer_id == 1
    assert decision.rotation == Rotation((101, 102), (1, 1), (0, 0))


def test_priority_settles_who_begins() -> None:
    policy = RoundRobin(strategy="round_robin")
    assert winner(policy, candidate(1, priority=1), candidate(2, priority=5)) == 2


def test_weights_are_by_buyer_and_who_is_not_named_weighs_one() -> None:
    policy = Weighted(strategy="weighted", weights={"2": 3})
    decision = route(policy, candidate(1), candidate(2))
    assert isinstance(decision, Routed)
    assert decision.buyer_id == 2
    assert decision.rotation == Rotation((101, 102), (1, 3), (0, 0))
    assert merits(decision) == {1: {"weight": 1, "taken": 0}, 2: {"weight": 3, "taken": 0}}


def test_capacity_based_goes_by_the_part_that_is_left() -> None:
    policy = CapacityBased(strategy="capacity_based")
    large = candidate(1, {"day": 60}, capacity_per_day=100)
    small = candidate(2, {"day": 1}, capacity_per_day=2)
    decision = route(policy, large, small)
    assert isinstance(decision, Routed)
    assert decision.buyer_id == 2
    assert merits(decision) == {1: {"capacity_left": "0.4000"}, 2: {"capacity_left": "0.5000"}}
    assert winner(policy, large, small, candidate(3)) == 3  # without a cap all is left
    assert winner(policy, candidate(5, {"day": 1}, capacity_per_day=2), small) == 2  # a tie: the lower id


def test_capacity_based_looks_at_the_policys_period() -> None:
    policy = CapacityBased(strategy="capacity_based", period="week")
    one = candidate(1, {"day": 0, "week": 9}, capacity_per_day=10, capacity_per_week=10)
    other = candidate(2, {"day": 5, "week": 5}, capacity_per_day=10, capacity_per_week=10)
    assert winner(policy, one, other) == 2


def test_performance_based_goes_by_the_accept_rate_drawn_towards_the_prior() -> None:
    policy = PerformanceBased(strategy="performance_based", prior_rate=Decimal("0.5"), prior_leads=10)
    proven = candidate(1, record(answered=100, accepted=70))
    lucky = candidate(2, record(answered=2, accepted=2))
    decision = route(policy, proven, lucky)
    assert isinstance(decision, Routed)
    assert decision.buyer_id == 1
    assert merits(decision) == {1: {"accept_rate": "0.6818"}, 2: {"accept_rate": "0.5833"}}
    assert winner(policy, candidate(3, record(answered=100, accepted=40)), candidate(4)) == 4


def test_exclusive_zip_sells_only_to_the_one_who_has_the_place() -> None:
    closed = ExclusiveZip(strategy="exclusive_zip")
    pool = (candidate(1, priority=9), candidate(2))
    owner = ExclusiveBuyer(2, "postal_code", "80014")
    assert winner(closed, *pool, exclusive=owner) == 2
    nobody = route(closed, *pool)
    assert isinstance(nobody, NoBuyer)
    assert nobody.reason == "no_exclusive_buyer"
    opened = ExclusiveZip(strategy="exclusive_zip", exclusivity=Exclusivity(fallback="fallback_allowed"))
    assert winner(opened, *pool) == 1


@pytest.mark.parametrize(
    ("slow", "expected"),
    [
        ({"delivered": 10, "on_time": 9}, 1),
        ({"delivered": 10, "on_time": 8}, 2),
        ({"delivered": 0, "on_time": 0}, 1),
        ({"delivered": 1, "on_time": 0}, 2),
    ],
)
def test_who_meets_the_sla_goes_before_every_priority(slow: dict[str, int], expected: int) -> None:
    policy = PriorityBased(strategy="priority_based", sla=SLA)
    assert winner(policy, candidate(1, record(**slow), priority=9), candidate(2)) == expected


def test_where_nobody_meets_the_sla_all_are_considered() -> None:
    policy = PriorityBased(strategy="priority_based", sla=SLA)
    late = record(delivered=5, on_time=0)
    assert winner(policy, candidate(1, late), candidate(2, late, priority=3)) == 2


def test_who_missed_the_sla_is_told_by_how_much() -> None:
    policy = PriorityBased(strategy="priority_based", sla=SLA)
    decision = route(policy, candidate(1, record(delivered=5, on_time=4), priority=9), candidate(2))
    assert merits(decision) == {1: {"on_time": 4, "delivered": 5}, 2: {"priority": 1}}


def test_turns_are_taken_among_those_who_meet_the_sla() -> None:
    policy = RoundRobin(strategy="round_robin", sla=SLA)
    decision = route(policy, candidate(1, record(delivered=5, on_time=0)), candidate(2), candidate(3))
    assert isinstance(decision, Routed)
    assert decision.rotation == Rotation((102, 103), (1, 1), (0, 0))


def test_every_strategy_settles_a_tie_by_priority_and_then_by_buyer_id() -> None:
    policies: list[RoutingPolicy] = [
        PriorityBased(strategy="priority_based"),
        RoundRobin(strategy="round_robin"),
        Weighted(strategy="weighted", weights={"1": 2, "2": 2, "3": 2}),
        CapacityBased(strategy="capacity_based"),
        PerformanceBased(strategy="performance_based"),
    ]
    for policy in policies:
        assert winner(policy, candidate(3), candidate(2), candidate(1)) == 1
        assert winner(policy, candidate(1), candidate(2), candidate(3, priority=2)) == 3


def test_the_sla_is_met_at_exactly_the_percentage() -> None:
    assert strategies.meets(SLA, usage(**record(delivered=100, on_time=90)))
    assert not strategies.meets(SLA, usage(**record(delivered=100, on_time=89)))
