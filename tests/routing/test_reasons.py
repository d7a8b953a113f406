"""What an eligible buyer won or lost by, in words; and why nobody got a lead."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from leadgen.routing.domain import decision as routing_decision
from leadgen.routing.domain import inputs as routing_inputs_domain
from leadgen.routing.domain import reasons
from leadgen.routing.domain.decision import ExclusiveBuyer, Facts, Routed
from leadgen.routing.domain.eligibility import TrackRecord
from leadgen.routing.domain.inputs import RoutingInputs
from leadgen.routing.domain.policy import (
    CapacityBased,
    PerformanceBased,
    PriorityBased,
    RoundRobin,
    RoutingPolicy,
    Sla,
    Weighted,
)
from leadgen.routing.domain.strategies import Candidate
from tests.support.domain_values import NOON, enrollment, offer, usage
from tests.support.strategies.decisions import routing_inputs

PRIORITY = PriorityBased(strategy="priority_based")


def candidate(buyer_id: int, record: TrackRecord | None = None, *, day: int = 0, **values: Any) -> Candidate:
    return Candidate(enrollment(buyer_id=buyer_id, **values), usage(day=day, record=record or TrackRecord()))


def reasons_of(policy: RoutingPolicy, *candidates: Candidate, exclusive: int | None = None) -> tuple[str, list[str]]:
    """What the winner won by, and what the others lost by."""
    owner = None if exclusive is None else ExclusiveBuyer(exclusive, "postal_code", "80014")
    decision = routing_decision.choose(policy, Facts(offer(), "80014", owner, candidates), now=NOON)
    assert isinstance(decision, Routed)
    by_buyer = {verdict.buyer_id: verdict.merit for verdict in decision.verdicts}
    won = by_buyer.pop(decision.buyer_id)
    return reasons.won_by(won), [reasons.lost_by(merit, won) for merit in by_buyer.values()]


SLOW, FAST = TrackRecord(delivered=10, on_time=3), TrackRecord(delivered=10, on_time=10)
LIKED, DISLIKED = TrackRecord(answered=10, accepted=10), TrackRecord(answered=10, accepted=2)


@pytest.mark.parametrize(
    ("policy", "candidates", "exclusive", "won", "lost"),
    [
        (PRIORITY, (candidate(1, priority=30), candidate(2, priority=10)), None,
         "priority 30", "priority 10 against 30"),
        (PRIORITY, (candidate(1), candidate(2)), None, "priority 1", "priority 1 as the winner's, who comes first"),
        (PRIORITY, (candidate(1), candidate(2, priority=9)), 1,
         "the area is exclusively its own", "the area is exclusively another's"),
        (PriorityBased(strategy="priority_based", sla=Sla(max_delivery_seconds=5)),
         (candidate(1, FAST), candidate(2, SLOW, priority=9)), None,
         "priority 1", "the SLA missed: 3 of 10 in time"),
        (RoundRobin(strategy="round_robin"), (candidate(1), candidate(2)), None,
         "next in the rotation: 0 leads at weight 1 so far",
         "later in the rotation: 0 leads at weight 1, the winner 0 leads at weight 1"),
        (Weighted(strategy="weighted", weights={"2": 3}), (candidate(1), candidate(2)), None,
         "next in the rotation: 0 leads at weight 3 so far",
         "later in the rotation: 0 leads at weight 1, the winner 0 leads at weight 3"),
        (CapacityBased(strategy="capacity_based"),
         (candidate(1, day=3, capacity_per_day=4), candidate(2, day=1, capacity_per_day=4)), None,
         "capacity left 0.7500", "capacity left 0.2500 against 0.7500"),
        (PerformanceBased(strategy="performance_based"), (candidate(1, LIKED), candidate(2, DISLIKED)), None,
         "accept rate 0.7500", "accept rate 0.3500 against 0.7500"),
    ],
)  # fmt: skip
def test_a_loser_is_told_what_it_lost_by(
    policy: RoutingPolicy, candidates: tuple[Candidate, ...], exclusive: int | None, won: str, lost: str
) -> None:
    assert reasons_of(policy, *candidates, exclusive=exclusive) == (won, [lost])


@given(routing_inputs())
def test_whatever_is_decided_there_are_words_for_it(inputs: RoutingInputs) -> None:
    decision = routing_inputs_domain.route(inputs)
    if isinstance(decision, Routed):
        winner = next(v.merit for v in decision.verdicts if v.buyer_id == decision.buyer_id)
        assert reasons.won_by(winner)
        assert all(reasons.lost_by(v.merit, winner) for v in decision.verdicts if v.eligible)
    else:
        assert reasons.unsold(decision.reason, suppressed=inputs.facts.suppressed)


def test_a_record_without_merits_says_that_it_has_none() -> None:
    assert reasons.won_by(None) == reasons.lost_by(None, None) == "by what is not on record"


def test_why_nobody_got_it_names_what_is_not_a_buyers_to_change() -> None:
    assert "email and phone" in reasons.unsold("suppressed", suppressed=("email", "phone"))
    assert "exclusively Rocky's" in reasons.unsold("exclusive_buyer_ineligible", exclusive="Rocky")
    assert "not active" in reasons.unsold("offer_inactive")


def test_a_difference_beyond_the_places_shown_is_no_contradiction() -> None:
    almost = replace(candidate(2), usage=usage(day=1), enrollment=enrollment(buyer_id=2, capacity_per_day=10**6))
    _, (lost,) = reasons_of(CapacityBased(strategy="capacity_based"), candidate(1), almost)
    assert lost == "capacity left 1.0000 as the winner's, who comes first"
    assert Decimal(1) != Decimal(10**6 - 1) / 10**6
