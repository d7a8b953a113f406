"""Routing: eligibility, exclusivity, strategy, and one deterministic winner."""

import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.routing.domain import decision as routing_decision
from leadgen.routing.domain.decision import ExclusiveBuyer, Facts, NoBuyer, Routed
from leadgen.routing.domain.policy import Exclusivity, PriorityBased
from leadgen.routing.domain.strategies import Candidate
from tests.support.domain_values import NOON, enrollment, offer, usage

POLICY = PriorityBased(strategy="priority_based")
FALL_BACK = PriorityBased(strategy="priority_based", exclusivity=Exclusivity(fallback="fallback_allowed"))


def candidate(buyer_id: int, priority: int = 1, *, claimed: int = 0, **values: Any) -> Candidate:
    return Candidate(enrollment(buyer_id=buyer_id, priority=priority, **values), usage(day=claimed, hour=claimed))


def choose(
    *candidates: Candidate, exclusive: int | None = None, policy: PriorityBased = POLICY, **offered: Any
) -> Routed | NoBuyer:
    owner = None if exclusive is None else ExclusiveBuyer(exclusive, "postal_code", "80014")
    return routing_decision.choose(policy, Facts(offer(**offered), "80014", owner, candidates), now=NOON)


def winner(decision: Routed | NoBuyer) -> int:
    assert isinstance(decision, Routed)
    return decision.buyer_id


def test_the_highest_priority_wins() -> None:
    assert winner(choose(candidate(1, 1), candidate(2, 3), candidate(3, 2))) == 2


def test_a_tie_goes_to_the_lowest_buyer_id() -> None:
    assert winner(choose(candidate(9, 5), candidate(3, 5), candidate(7, 5))) == 3


def test_an_ineligible_buyer_is_passed_over_and_its_reasons_are_kept() -> None:
    decision = choose(candidate(1, 9, enrolled=False), candidate(2, 1))
    assert winner(decision) == 2
    assert [(v.buyer_id, v.eligible) for v in decision.verdicts] == [(1, False), (2, True)]


@pytest.mark.parametrize(
    ("candidates", "offered", "reason"),
    [
        ((), {}, "no_buyer_in_area"),
        ((candidate(1, area=None),), {}, "no_buyer_in_area"),
        ((candidate(1, buyer_active=False),), {}, "no_eligible_buyer"),
        ((candidate(1),), {"is_active": False}, "offer_inactive"),
    ],
)
def test_no_buyer_has_a_reason(candidates: tuple[Candidate, ...], offered: dict[str, Any], reason: str) -> None:
    decision = choose(*candidates, **offered)
    assert isinstance(decision, NoBuyer)
    assert decision.reason == reason


def test_an_exclusive_buyer_goes_before_a_higher_priority() -> None:
    decision = choose(candidate(1, 9), candidate(2, 1), exclusive=2)
    assert isinstance(decision, Routed)
    assert (decision.buyer_id, decision.exclusive) == (2, True)


@pytest.mark.parametrize("exclusive", [2, 3], ids=["ineligible", "not enrolled"])
def test_where_the_exclusive_buyer_cannot_the_policy_decides(exclusive: int) -> None:
    candidates = (candidate(1, 1), candidate(2, 9, capacity_per_day=0))
    closed = choose(*candidates, exclusive=exclusive)
    assert isinstance(closed, NoBuyer)
    assert closed.reason == "exclusive_buyer_ineligible"
    fallen_back = choose(*candidates, exclusive=exclusive, policy=FALL_BACK)
    assert isinstance(fallen_back, Routed)
    assert (fallen_back.buyer_id, fallen_back.exclusive) == (1, False)


def test_falling_back_on_nobody_is_no_buyer() -> None:
    decision = choose(candidate(2, capacity_per_day=0), exclusive=2, policy=FALL_BACK)
    assert isinstance(decision, NoBuyer)
    assert decision.reason == "no_eligible_buyer"


def test_the_winner_pays_its_own_price_and_others_theirs() -> None:
    decision = choose(candidate(1, 1), candidate(2, 2, buyer_price=Decimal("61.50")))
    assert isinstance(decision, Routed)
    assert decision.price.amount == Decimal("61.50")
    assert [(c.component, c.amount) for c in decision.price.components] == [("buyer_price", Decimal("61.50"))]


def test_credit_is_held_against_the_buyers_own_price() -> None:
    dear = candidate(1, 2, buyer_price=Decimal("50.01"), credit_limit=Decimal("50.00"))
    assert winner(choose(dear, candidate(2, 1))) == 2


CANDIDATES = st.lists(
    st.builds(
        candidate,
        st.integers(1, 12),
        st.integers(1, 4),
        claimed=st.integers(0, 2),
        capacity_per_day=st.sampled_from([None, 0, 1, 2]),
        enrolled=st.booleans(),
        area=st.sampled_from([None, "market *"]),
    ),
    max_size=8,
    unique_by=lambda c: c.enrollment.buyer_id,
)


@given(CANDIDATES, st.sampled_from([None, 1, 2, 3]), st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_matter(
    candidates: list[Candidate], exclusive: int | None, falls_back: bool, seed: random.Random
) -> None:
    policy = FALL_BACK if falls_back else POLICY
    shuffled = seed.sample(candidates, len(candidates))
    assert choose(*shuffled, exclusive=exclusive, policy=policy) == choose(
        *candidates, exclusive=exclusive, policy=policy
    )


@given(CANDIDATES, st.integers(1, 9))
def test_adding_a_buyer_who_is_not_eligible_never_changes_the_winner(
    candidates: list[Candidate], priority: int
) -> None:
    added = candidate(99, priority, capacity_per_hour=0)
    before, after = choose(*candidates), choose(*candidates, added)
    if isinstance(before, Routed):
        assert winner(after) == before.buyer_id
    else:
        assert isinstance(after, NoBuyer)


@given(CANDIDATES)
def test_the_winner_is_eligible_and_nobody_eligible_ranks_before_it(candidates: list[Candidate]) -> None:
    decision = choose(*candidates)
    eligible = [
        (-c.enrollment.priority, c.enrollment.buyer_id)
        for c in candidates
        if c.enrollment.enrolled and c.enrollment.area
        and c.usage.used["day"].leads < c.enrollment.capacity.get("day", 99)
    ]  # fmt: skip
    if eligible:
        assert winner(decision) == min(eligible)[1]
    else:
        assert isinstance(decision, NoBuyer)
