"""Hypothesis strategies for what routing decides on: policies of every strategy, buyers with every rule, rotations."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from leadgen.kernel.calendar import DAYS, PERIODS
from leadgen.leads.domain import conditions, consent
from leadgen.leads.domain.conditions import All, AnyOf, Condition, Not, Test
from leadgen.leads.domain.consent import ConsentDemand
from leadgen.routing.domain import decision as routing_decision
from leadgen.routing.domain import rotation
from leadgen.routing.domain.decision import ExclusiveBuyer, Facts, Offer, Routed
from leadgen.routing.domain.eligibility import Enrollment, TrackRecord, Usage, Used
from leadgen.routing.domain.inputs import RoutingInputs
from leadgen.routing.domain.policy import (
    CapacityBased,
    ExclusiveZip,
    Exclusivity,
    PerformanceBased,
    Premium,
    Pricing,
    PriorityBased,
    RoundRobin,
    RoutingPolicy,
    Sla,
    TimeOfDayPremium,
    Weighted,
)
from leadgen.routing.domain.rotation import Rotation
from leadgen.routing.domain.strategies import Candidate

BUYER_IDS = range(1, 10)
PLACE = "80014"


def amounts(least: int = 0, most: int = 200) -> st.SearchStrategy[Decimal]:
    """Money from one whole amount to another, to the cent."""
    return st.integers(least * 100, most * 100).map(_cents)


def _cents(number: int) -> Decimal:
    return Decimal(number).scaleb(-2)


PRICES = st.integers(1, 20_000).map(_cents)


def instants() -> st.SearchStrategy[datetime]:
    return st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - naive by contract


def maybe(strategy: st.SearchStrategy[Any], *, often: int = 2) -> st.SearchStrategy[Any]:
    """None, ``often`` times as often as the value."""
    return st.one_of(*[st.none()] * often, strategy)


# Few fields and few operands, so that tests of one filter meet the same values, agree and contradict each other.
TESTS: st.SearchStrategy[Condition] = st.sampled_from(
    [
        Test(field="rooms", at_least=Decimal("2.5")),
        Test(field="attributes.rooms", at_least=Decimal("2.5")),
        Test(field="rooms", less_than=Decimal(3)),
        Test(field="city", in_=("Denver", "aurora")),
        Test(field="city", present=False),
        Test(field="email", ends_with=".org"),
        Test(field="is_duplicate", equals="true"),
    ]
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.builds(All, all=st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyOf, any=st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Not, not_=inner),
    ),
    max_leaves=6,
)
CONSENT_DEMANDS = st.builds(
    ConsentDemand,
    given=st.booleans(),
    text=st.booleans(),
    text_contains=maybe(st.sampled_from(["call me", "I agree"])),
    max_age_days=maybe(st.integers(1, 60)),
    certificate=st.booleans(),
    certificate_hosts=maybe(st.just(("cert.example.com", "proof.example.com"))),
)


# Strategies are made once: to make them anew for every example takes longer than to draw from them.
_MOSTLY = st.sampled_from([True, True, True, True, False])
_ASSIGNED = st.sampled_from([None, None, None, *BUYER_IDS])
_BOOLEANS = st.booleans()
_SMALL = st.integers(0, 12)
_MINUTES = st.integers(-90, 90)
_MAYBE_MINUTES = maybe(_MINUTES)
_MAYBE_PRICE = maybe(PRICES)
_AMOUNTS = amounts()
_MAYBE_AMOUNT = maybe(_AMOUNTS)
_MAYBE_CREDIT = maybe(amounts(most=900))
_PRIORITIES = st.integers(1, 3)
_CAPACITIES = st.dictionaries(st.sampled_from(PERIODS), st.integers(0, 9), max_size=2)
_BUDGETS = st.dictionaries(st.sampled_from(PERIODS), amounts(most=600), max_size=2)
_FILTERS = maybe(CONDITIONS, often=1)
_DEMANDS = maybe(CONSENT_DEMANDS)
_FAULTS = st.sampled_from([None] * 7 + ["the filter of enrollment 1: field: Field required"])
_CURRENCIES = st.sampled_from(["USD"] * 5 + ["EUR"])

_CLOCK = st.sampled_from([f"{hour:02}:{minute:02}" for hour in range(24) for minute in (0, 30)])
_WINDOWS = st.tuples(_CLOCK, _CLOCK).filter(lambda window: window[0] != window[1])
_DAYS = st.sampled_from(DAYS)
_PREMIUM: dict[str, st.SearchStrategy[Any]] = {
    "type": st.sampled_from(["flat", "percent"]),
    "value": st.integers(1, 6000).map(_cents),
}
_MAYBE_PREMIUM = maybe(st.builds(Premium, **_PREMIUM), often=1)
_TIMED = st.lists(
    st.tuples(st.fixed_dictionaries(_PREMIUM), _DAYS, _WINDOWS).map(
        lambda made: TimeOfDayPremium(**made[0], days=(made[1],), start=made[2][0], end=made[2][1])
    ),
    max_size=3,
)
_SLAS = maybe(st.builds(Sla, max_delivery_seconds=st.just(30), percent=st.integers(1, 100)), often=1)
_HOURS = maybe(
    st.dictionaries(_DAYS, st.lists(_WINDOWS, min_size=1, max_size=2).map(tuple), min_size=1, max_size=5), often=6
)
_FALLBACKS: st.SearchStrategy[Any] = st.sampled_from(["fail_closed", "fallback_allowed"])
_STRATEGIES: dict[str, tuple[Any, dict[str, st.SearchStrategy[Any]]]] = {
    "priority_based": (PriorityBased, {}),
    "round_robin": (RoundRobin, {}),
    "weighted": (
        Weighted,
        {"weights": st.dictionaries(st.sampled_from([str(i) for i in BUYER_IDS]), st.integers(1, 5), min_size=1)},
    ),
    "capacity_based": (CapacityBased, {"period": st.sampled_from(PERIODS)}),
    "performance_based": (PerformanceBased, {"prior_rate": amounts(most=1), "prior_leads": st.integers(1, 20)}),
    "exclusive_zip": (ExclusiveZip, {}),
}
_NAMES = st.sampled_from(sorted(_STRATEGIES))

_FIELDS = st.fixed_dictionaries({
    "city": st.sampled_from([None, "Aurora", "Boulder"]),
    "email": st.sampled_from(["a@example.com", "b@example.org"]),
    "is_duplicate": _BOOLEANS,
    "consent": st.sampled_from([None, False, True]),
    "attributes.rooms": st.sampled_from([None, 0, 2, 2.5, "3", "several", 5_550_100_123]),
    "attributes.consent_text": st.sampled_from([None, "I agree that you call me", "Yes"]),
    "attributes.consent_certificate_url": st.sampled_from([
        None, "https://cert.example.com/1", "https://elsewhere.example/2", "http://cert.example.com/3",
    ]),
})  # fmt: skip
_AGES = maybe(st.tuples(st.integers(-2, 70), st.integers(0, 60)), often=1)

_INSTANTS = instants()
_BUYERS = st.lists(st.sampled_from(BUYER_IDS), min_size=1, max_size=5, unique=True)
_OWNERS = maybe(st.builds(ExclusiveBuyer, st.sampled_from(BUYER_IDS), st.just("postal_code"), st.just(PLACE)), often=4)
_ZONES = st.sampled_from(["America/Denver", "Asia/Kathmandu", "Australia/Lord_Howe"])
_ACTIVE = st.sampled_from([True] * 9 + [False])
_SUPPRESSED = st.sampled_from([()] * 9 + [("email", "phone")])


@st.composite
def lead_fields(draw: st.DrawFn, now: datetime) -> dict[str, object]:
    """What a lead holds: its own fields, and its attributes as ``attributes.<name>``."""
    age = draw(_AGES)
    at = None if age is None else now - timedelta(days=age[0], minutes=age[1])
    return {**draw(_FIELDS), "attributes.consent_at": None if at is None else at.isoformat()}


@st.composite
def policies(draw: st.DrawFn) -> RoutingPolicy:
    """A policy of any strategy, with hours, exclusivity, premiums and SLA."""
    strategy = draw(_NAMES)
    model, own = _STRATEGIES[strategy]
    # The table of strategies holds classes of several constructors, of which the type checker knows nothing here.
    return model(  # type: ignore[no-any-return]
        strategy=strategy,
        exclusivity=Exclusivity(fallback=draw(_FALLBACKS)),
        pricing=Pricing(exclusivity_premium=draw(_MAYBE_PREMIUM), time_of_day_premiums=tuple(draw(_TIMED))),
        sla=draw(_SLAS),
        acceptance_hours=draw(_HOURS),
        **{name: draw(values) for name, values in own.items()},
    )


@st.composite
def enrollments(draw: st.DrawFn, buyer_id: int, now: datetime) -> Enrollment:
    """A buyer's enrollment under any of the rules; most of them let a lead pass."""
    fault, paused = draw(_FAULTS), draw(_MAYBE_MINUTES)
    return replace(
        draw(an_enrollment_that_takes_all(buyer_id)),
        buyer_active=draw(_MOSTLY),
        enrolled=draw(_MOSTLY),
        area="market *" if draw(_MOSTLY) else None,
        pause_until=None if paused is None else now + timedelta(minutes=paused),
        capacity=draw(_CAPACITIES),
        budget=draw(_BUDGETS),
        filter=None if fault else draw(_FILTERS),
        consent=None if fault else draw(_DEMANDS),
        fault=fault,
        min_balance_required=draw(_MAYBE_AMOUNT),
        credit_limit=draw(_MAYBE_CREDIT),
        currency=draw(_CURRENCIES),
        reachable=draw(_MOSTLY),
        rejected=not draw(_MOSTLY),
        paused_since=None if draw(_MOSTLY) else now - timedelta(hours=1),
    )


@st.composite
def an_enrollment_that_takes_all(draw: st.DrawFn, buyer_id: int) -> Enrollment:
    """An enrollment without a rule that could refuse."""
    return Enrollment(
        buyer_id=buyer_id,
        buyer_offer_id=200 - buyer_id * 3,  # in another order than the buyers
        buyer_active=True,
        enrolled=True,
        area="market *",
        priority=draw(_PRIORITIES),
        buyer_price=draw(_MAYBE_PRICE),
        pause_until=None,
        capacity={},
        budget={},
        filter=None,
        consent=None,
        fault=None,
        min_balance_required=None,
        credit_limit=None,
        currency="USD",
        reachable=True,
    )


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """What a buyer has taken, owes and has prepaid, and its record."""
    answered, accepted, delivered, late = (draw(_SMALL) for _ in range(4))
    return Usage(
        used={period: Used(draw(_SMALL) // 2, draw(_AMOUNTS)) for period in PERIODS},
        owed=draw(_AMOUNTS),
        pending=draw(_AMOUNTS),
        wallet=draw(_AMOUNTS),
        record=TrackRecord(answered, min(accepted, answered), delivered, max(delivered - late, 0)),
    )


@st.composite
def routing_inputs(draw: st.DrawFn) -> RoutingInputs:
    """A lead, a policy and up to five buyers, some of whom can take it; the pool that is shared out has had leads."""
    now, policy = draw(_INSTANTS), draw(policies())
    enrolled: Sequence[Enrollment] = [
        draw(enrollments(buyer_id, now) if draw(_BOOLEANS) else an_enrollment_that_takes_all(buyer_id))
        for buyer_id in draw(_BUYERS)
    ]
    fields = draw(lead_fields(now))
    facts = Facts(
        offer=Offer(
            offer_id=10,
            is_active=draw(_ACTIVE),
            default_price=draw(PRICES),
            currency="USD",
            timezone=draw(_ZONES),
        ),
        postal_code=PLACE,
        exclusive=draw(_OWNERS),
        candidates=tuple(Candidate(enrollment, draw(usages())) for enrollment in enrolled),
        observed=conditions.observe([e.filter for e in enrolled if e.filter is not None], fields),
        evidence=consent.evidence(fields, [e.consent for e in enrolled if e.consent is not None]),
        suppressed=draw(_SUPPRESSED),
        assigned_to=draw(_ASSIGNED),
    )
    return RoutingInputs(policy, replace(facts, rotations=draw(_rotations(policy, facts, now))), now)


@st.composite
def _rotations(draw: st.DrawFn, policy: RoutingPolicy, facts: Facts, now: datetime) -> tuple[Rotation, ...]:
    decision = routing_decision.choose(policy, facts, now=now)
    if not isinstance(decision, Routed) or decision.rotation is None:
        return ()
    pool = decision.rotation
    order = draw(st.permutations(pool.members))
    for _ in range(draw(_SMALL)):
        pool = rotation.after(pool, rotation.choose(pool, order))
    another = rotation.fresh({1: 2, **dict(zip(pool.members, pool.weights, strict=True))})
    return tuple(draw(st.permutations([pool, another])))


def shuffled(inputs: RoutingInputs, seed: random.Random) -> RoutingInputs:
    """The same inputs with their rows in another order."""
    facts = inputs.facts
    return replace(
        inputs,
        facts=replace(
            facts,
            candidates=tuple(seed.sample(facts.candidates, len(facts.candidates))),
            rotations=tuple(seed.sample(facts.rotations, len(facts.rotations))),
        ),
    )
