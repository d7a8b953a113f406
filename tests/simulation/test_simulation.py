"""What-if: recorded decisions again, with what the simulation claims in the place of what was claimed."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from leadgen.routing.domain import decision
from leadgen.routing.domain.decision import ExclusiveBuyer, Facts, Routed, Settled
from leadgen.routing.domain.eligibility import TrackRecord
from leadgen.routing.domain.inputs import RoutingInputs
from leadgen.routing.domain.policy import RoutingPolicy
from leadgen.routing.domain.rotation import Rotation
from leadgen.routing.domain.strategies import Candidate
from leadgen.routing.domain.track_records import lookback_terms
from leadgen.simulation.domain.simulation import (
    BuyerChange,
    PolicyDraft,
    RoutingAttempt,
    RoutingResult,
    SimulatedSale,
    Simulation,
    SimulationOutcome,
)
from leadgen.simulation.domain.track_records import Past, TrackRecords
from tests.support.domain_values import NOON, enrollment, offer, usage

_POLICY: TypeAdapter[RoutingPolicy] = TypeAdapter(RoutingPolicy)
PRICE = Decimal("45.00")


def policy(strategy: str = "priority_based", **values: Any) -> RoutingPolicy:
    return _POLICY.validate_python({"strategy": strategy, **values}, strict=False)


def candidate(buyer_id: int, *, standing_: dict[str, Any] | None = None, **values: Any) -> Candidate:
    return Candidate(enrollment(buyer_id=buyer_id, **values), usage(**standing_ or {}))


def sale(buyer_id: int, price: Decimal = PRICE) -> SimulatedSale:
    return SimulatedSale(buyer_id, 100 + buyer_id, price)


def attempt(
    lead_id: int, recorded: RoutingResult, *candidates: Candidate, at: datetime = NOON,
    rotations: tuple[Rotation, ...] = (), refused: str | None = None, live: RoutingPolicy | None = None,
) -> RoutingAttempt:  # fmt: skip
    facts = Facts(offer(), "80014", None, candidates, rotations=rotations)
    return RoutingAttempt(lead_id, RoutingInputs(live or policy(), facts, at), recorded, refused)


def run(draft: RoutingPolicy | None, *attempts: RoutingAttempt, past: TrackRecords | None = None) -> SimulationOutcome:
    simulation = Simulation({} if draft is None else {10: PolicyDraft(draft, past)})
    for one in attempts:
        simulation.decide(one)
    return simulation.outcome()


def results(outcome: SimulationOutcome) -> dict[int, int | str]:
    """By lead that changed hands, the draft's buyer or the reason why there is none."""
    return {
        c.lead_id: c.simulated.buyer_id if isinstance(c.simulated, SimulatedSale) else c.simulated
        for c in outcome.changes
    }


def test_what_the_draft_claims_takes_a_place_under_the_cap_and_what_it_does_not_claim_frees_one() -> None:
    # On record the best-placed buyer had both its places before the other had one.
    first = attempt(1, sale(1), candidate(1, priority=2, capacity_per_day=2), candidate(2, capacity_per_day=1))
    second = attempt(
        2, sale(1), candidate(1, priority=2, capacity_per_day=2, standing_={"day": 1}), candidate(2, capacity_per_day=1)
    )
    third = attempt(
        3, sale(2), candidate(1, priority=2, capacity_per_day=2, standing_={"day": 2}), candidate(2, capacity_per_day=1)
    )
    # By capacity left 1 (of 2), 2 (of 1), then only 1 has a place.
    outcome = run(policy("capacity_based"), first, second, third)
    assert results(outcome) == {2: 2, 3: 1}


def test_a_cap_begins_anew_with_its_period() -> None:
    """Of yesterday's difference nothing is left."""
    one: dict[str, Any] = {"capacity_per_day": 1}
    yesterday = attempt(1, sale(1), candidate(1, **one), candidate(2, buyer_active=False))
    today = attempt(2, sale(2), candidate(1, buyer_active=False), candidate(2, **one), at=NOON + timedelta(days=1))
    assert run(policy("round_robin"), yesterday, today).changes == ()


def test_money_is_carried_through_all_periods_until_the_record_ends() -> None:
    """Buyer 1 got lead 1 in truth and had no credit left for lead 2; under the draft it has it still."""
    credit: dict[str, Any] = {"credit_limit": Decimal("50.00")}
    spent = {"pending": PRICE}
    later = NOON + timedelta(days=40)
    outcome = run(
        policy(
            acceptance_hours={"thu": [["00:00", "24:00"]], "mon": [["00:00", "24:00"]]}, unrouted={"action": "hold"}
        ),
        attempt(1, sale(1), candidate(1, **credit)),
        attempt(2, "no_eligible_buyer", candidate(1, standing_=spent, **credit), at=later),
        attempt(3, "no_eligible_buyer", candidate(1, standing_=spent, **credit), at=later),
    )
    assert results(outcome) == {1: "no_eligible_buyer", 2: 1}
    compared = outcome.buyers[1, "USD"]
    assert (compared.recorded.leads, compared.simulated.leads, compared.simulated.money) == (1, 1, PRICE)


def test_what_a_buyer_gave_back_it_gave_back_in_the_simulation_too() -> None:
    """Under the draft nobody was open for lead 1 at first; on record its buyer refused it, and had its place back."""
    morning = policy(acceptance_hours={"wed": [["09:00", "24:00"]]})
    one: dict[str, Any] = {"priority": 2, "capacity_per_day": 1}
    later = NOON + timedelta(hours=4)
    outcome = run(
        morning,
        attempt(1, sale(1), candidate(1, **one), candidate(2)),
        attempt(1, sale(2), candidate(1, rejected=True, **one), candidate(2), at=later),
        attempt(2, sale(1), candidate(1, **one), candidate(2), at=later),
        attempt(3, sale(2), candidate(1, standing_={"day": 1}, **one), candidate(2), at=later),
    )
    assert results(outcome) == {1: "no_eligible_buyer"}


def test_a_budget_counts_the_drafts_prices() -> None:
    dear = policy(pricing={"time_of_day_premiums": [
        {"type": "flat", "value": "10", "days": ["wed"], "start": "00:00", "end": "24:00"}]})  # fmt: skip
    budget: dict[str, Any] = {"budget_per_day": Decimal("100.00")}
    outcome = run(
        dear,
        attempt(1, sale(1), candidate(1, **budget)),
        attempt(2, sale(1), candidate(1, standing_={"spent": {"day": "45.00"}}, **budget)),
    )
    assert results(outcome) == {2: "no_eligible_buyer"}
    assert outcome.repriced == 1
    assert outcome.buyers[1, "USD"].simulated.money == Decimal("55.00")


def test_turns_begin_where_the_record_first_shows_the_pool_and_go_on_by_the_simulations_own() -> None:
    both = candidate(1), candidate(2)
    shown = Rotation((101, 102), (1, 1), (1, 0))
    outcome = run(
        policy("round_robin"),
        attempt(1, sale(2), *both, rotations=(shown,)),
        # What the record says of the pool later on is what the record's turns made of it.
        attempt(2, sale(2), *both, rotations=(Rotation((101, 102), (1, 1), (1, 0)),)),
        attempt(3, sale(1), *both),
    )
    assert results(outcome) == {2: 1, 3: 2}


def test_a_lead_sold_earlier_than_on_record_takes_no_further_attempt() -> None:
    full = candidate(1, capacity_per_hour=1, standing_={"hour": 1}), candidate(2, pause_until=None, area="market *")
    outcome = run(
        policy(),
        attempt(1, "acceptance", *full),
        attempt(1, sale(2, Decimal("50.00")), *full, at=NOON + timedelta(hours=1)),
        attempt(2, sale(2), candidate(2, capacity_per_day=2, standing_={"day": 1}), at=NOON + timedelta(hours=1)),
    )
    assert (outcome.leads, outcome.attempts) == (2, 3)
    assert outcome.changes == ()
    # The same buyer, at the price of the earlier instant.
    assert outcome.repriced == 1


def test_a_lead_that_the_draft_does_not_sell_when_the_record_did_stays_unsold() -> None:
    away = candidate(1, buyer_active=False)
    outcome = run(policy(), attempt(1, sale(1), away))
    assert outcome.changes == (BuyerChange(1, 10, "USD", sale(1), "no_eligible_buyer"),)
    assert outcome.unsold == {"no_eligible_buyer": (0, 1)}


@pytest.mark.parametrize(
    ("unrouted", "simulated"),
    [
        ({"action": "reject"}, "no_eligible_buyer"),
        ({"give_up_hours": 1}, "no_eligible_buyer"),
        ({"give_up_hours": 2}, 1),
        ({"give_up_hours": 3}, 1),
    ],
)
def test_the_drafts_own_rules_end_a_lead_that_the_record_tried_on(
    unrouted: dict[str, Any], simulated: int | str
) -> None:
    away = candidate(1, buyer_active=False)
    outcome = run(
        policy(unrouted=unrouted),
        attempt(1, "no_eligible_buyer", away),
        attempt(1, "no_eligible_buyer", away, at=NOON + timedelta(hours=1)),
        attempt(1, sale(1), candidate(1), at=NOON + timedelta(hours=2)),
    )
    assert results(outcome) == ({} if simulated == 1 else {1: simulated})


def test_a_lead_that_a_draft_of_validation_refuses_is_never_routed() -> None:
    one = candidate(1, capacity_per_day=1), candidate(2, priority=9, capacity_per_day=1)
    outcome = run(
        None,
        attempt(1, sale(2), *one, refused="phone_invalid"),
        attempt(2, sale(1), one[0], candidate(2, priority=9, capacity_per_day=1, standing_={"day": 1})),
    )
    assert results(outcome) == {1: "phone_invalid", 2: 2}


def test_an_offer_without_a_draft_is_decided_under_the_policy_of_the_time() -> None:
    chosen = attempt(1, sale(2), candidate(1), candidate(2, priority=2), live=policy())
    simulation = Simulation({11: PolicyDraft(policy("round_robin"))})
    simulation.decide(chosen)
    assert simulation.outcome().changes == ()


@pytest.mark.parametrize(
    ("live", "winner"),
    [(policy("performance_based"), 1), (policy("performance_based", lookback_days=29), 2), (policy(), 2)],
    ids=["asked the same", "looked back less far", "asked nothing"],
)
def test_a_track_record_is_the_recorded_one_where_the_policy_of_the_time_asked_the_same(
    live: RoutingPolicy, winner: int
) -> None:
    draft = policy("performance_based")
    day = timedelta(days=1)
    past = TrackRecords(lookback_terms(draft), [Past(102, NOON - day, NOON - day, True, None, None, False)])
    well = candidate(1, standing_={"record": TrackRecord(answered=5, accepted=5)})
    outcome = run(draft, attempt(1, "x", well, candidate(2), live=live), past=past)
    assert results(outcome) == {1: winner}


@st.composite
def inputs(draw: st.DrawFn) -> RoutingInputs:
    """A decision with everything that a rule or a strategy may look at."""
    strategy: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"strategy": "priority_based"},
                {"strategy": "round_robin"},
                {"strategy": "weighted", "weights": {"1": 3, "4": 2}},
                {"strategy": "capacity_based", "period": "hour"},
                {"strategy": "performance_based"},
                {"strategy": "exclusive_zip"},
            ]
        )
    )
    if draw(st.booleans()):
        strategy = {**strategy, "sla": {"max_delivery_seconds": 60}}
    if draw(st.booleans()):
        strategy = {**strategy, "exclusivity": {"fallback": "fallback_allowed"}}
    if draw(st.booleans()):
        strategy = {**strategy, "pricing": {"exclusivity_premium": {"type": "percent", "value": "12.5"}}}
    buyers = draw(st.lists(st.integers(1, 6), unique=True, max_size=6))
    few = st.integers(0, 3)
    candidates = tuple(
        Candidate(
            enrollment(
                buyer_id=buyer,
                priority=draw(few) + 1,
                enrolled=draw(st.sampled_from([True, True, True, False])),
                area=draw(st.sampled_from(["market *", "market *", None])),
                buyer_price=draw(st.sampled_from([None, Decimal("51.25")])),
                capacity_per_hour=draw(st.sampled_from([None, 2])),
                budget_per_day=draw(st.sampled_from([None, Decimal("100.00")])),
                credit_limit=draw(st.sampled_from([None, Decimal("100.00")])),
            ),
            usage(
                hour=draw(few),
                spent={"day": draw(st.sampled_from(["0.00", "45.00", "90.00"]))},
                pending=draw(st.sampled_from([Decimal("0.00"), Decimal("90.00")])),
                record=TrackRecord(draw(few) + 3, draw(few), draw(few) + 3, draw(few)),
            ),
        )
        for buyer in buyers
    )
    members = tuple(sorted(100 + buyer for buyer in draw(st.lists(st.sampled_from(buyers or [1]), unique=True))))
    shared = Rotation(members, (1,) * len(members), tuple(int(n == 0) for n in range(len(members))))
    owner = draw(st.sampled_from([None, 1, 2]))
    facts = Facts(
        offer(is_active=draw(st.sampled_from([True, True, True, False]))),
        "80014",
        None if owner is None else ExclusiveBuyer(owner, "postal_code", "80014"),
        candidates,
        suppressed=draw(st.sampled_from([(), (), ("phone",)])),
        rotations=(shared,),
    )
    return RoutingInputs(policy(**strategy), facts, NOON)


@given(inputs())
def test_what_a_decision_comes_to_is_the_same_with_its_reasons_and_without(given_: RoutingInputs) -> None:
    told = decision.choose(given_.policy, given_.facts, now=given_.now)
    pools = {r.key: r for r in given_.facts.rotations}
    settled = decision.settle(given_.policy, given_.facts, pools, now=given_.now)
    if isinstance(told, Routed):
        assert isinstance(settled, Settled)
        assert (settled.winner.enrollment.buyer_id, settled.price, settled.rotation) == (
            told.buyer_id,
            told.price.amount,
            told.rotation,
        )
    else:
        assert settled == told.reason
