"""Decides one lead in the specification's order: eligibility, exclusivity, strategy, one deterministic winner."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from leadgen.kernel import calendar
from leadgen.kernel.model import renamed
from leadgen.kernel.trace import Check, plain
from leadgen.leads.domain.conditions import NOTHING_OBSERVED, Observed
from leadgen.leads.domain.consent import NO_EVIDENCE, Evidence
from leadgen.routing.domain import pricing
from leadgen.routing.domain.eligibility import EligibilityVerdict, Terms, is_eligible, judge
from leadgen.routing.domain.policy import ExclusiveZip, RoutingPolicy
from leadgen.routing.domain.rotation import Rotation, Rotations
from leadgen.routing.domain.strategies import Candidate, Merit, Pick, meets, pick, preferred, rank


@dataclass(frozen=True)
class Offer:
    """What is sold, where: the routing facts that every candidate shares. ``digits`` is how many prices have after the
    point: two, as in everything recorded before currencies without any were judged apart, or those of the currency.
    """

    offer_id: int
    is_active: bool
    default_price: Decimal
    currency: str
    timezone: str
    digits: int = pricing.CENTS


@dataclass(frozen=True)
class ExclusiveBuyer:
    """The active exclusivity that matches the lead; a postal code's goes before a city's."""

    buyer_id: int
    scope_type: Literal["postal_code", "city"]
    scope_value: str


@dataclass(frozen=True)
class Facts:
    """All that a routing decision rests on besides the policy and the time.

    ``postal_code`` is the lead's; ``suppressed`` names the contacts of the lead that are on a suppression list;
    ``rotations`` are those of the offer that had leads already; ``assigned_to`` is the one buyer whom an operator
    has chosen.
    """

    offer: Offer
    postal_code: Annotated[str, renamed("postal_code", "place")]
    exclusive: ExclusiveBuyer | None
    candidates: tuple[Candidate, ...]
    observed: Observed = NOTHING_OBSERVED
    evidence: Evidence = NO_EVIDENCE
    suppressed: tuple[str, ...] = ()
    rotations: tuple[Rotation, ...] = ()
    assigned_to: int | None = None


@dataclass(frozen=True)
class Routed:
    """The lead goes to this buyer at this price. ``rotation`` is the one used, before this lead."""

    buyer_id: int
    buyer_offer_id: int
    price: pricing.Price
    exclusive: bool
    verdicts: tuple[EligibilityVerdict, ...]
    rotation: Rotation | None = None


NoBuyerReason = Literal[
    "offer_inactive",
    "suppressed",
    "no_buyer_in_area",
    "no_eligible_buyer",
    "exclusive_buyer_ineligible",
    "no_exclusive_buyer",
]


@dataclass(frozen=True)
class NoBuyer:
    """No buyer can take the lead now; ``verdicts`` are the reason for each."""

    reason: NoBuyerReason
    verdicts: tuple[EligibilityVerdict, ...]


def choose(policy: RoutingPolicy, facts: Facts, *, now: datetime) -> Routed | NoBuyer:
    """Choose one of the buyers whose service area covers the lead. The order of the candidates does not matter."""
    ranked = sorted(facts.candidates, key=rank)
    quotes = terms(policy, facts, ranked, now=now)
    verdicts = {
        c.enrollment.buyer_id: judge(c.enrollment, c.usage, quotes[c.enrollment.buyer_id].terms) for c in ranked
    }
    eligible = [c for c in ranked if verdicts[c.enrollment.buyer_id].eligible]
    outcome = _choose(policy, facts, eligible, {r.key: r for r in facts.rotations})
    match outcome:
        case Pick(winner=winner, merits=merits):
            judged = tuple(
                replace(
                    verdicts[c.enrollment.buyer_id], merit=merits.get(c.enrollment.buyer_id) or _passed_over(policy, c)
                )
                if verdicts[c.enrollment.buyer_id].eligible
                else verdicts[c.enrollment.buyer_id]
                for c in ranked
            )
            return _routed(winner, quotes[winner.enrollment.buyer_id].price, facts, judged, outcome.rotation)
        case _:
            return NoBuyer(outcome, tuple(verdicts.values()))


@dataclass(frozen=True)
class Settled:
    """What came out of a decision: who gets the lead, at what price, and the rotation before it, if one is used."""

    winner: Candidate
    price: Decimal
    rotation: Rotation | None


def settle(policy: RoutingPolicy, facts: Facts, rotations: Rotations, *, now: datetime) -> Settled | NoBuyerReason:
    """What ``choose`` comes to, without saying why. ``rotations`` stand in for ``facts.rotations``."""
    ranked = sorted(facts.candidates, key=rank)
    quotes = terms(policy, facts, ranked, now=now)
    eligible = [c for c in ranked if is_eligible(c.enrollment, c.usage, quotes[c.enrollment.buyer_id].terms)]
    outcome = _choose(policy, facts, eligible, rotations)
    if isinstance(outcome, Pick):
        return Settled(outcome.winner, quotes[outcome.winner.enrollment.buyer_id].price.amount, outcome.rotation)
    return outcome


def _choose(
    policy: RoutingPolicy, facts: Facts, eligible: Sequence[Candidate], rotations: Rotations
) -> Pick | NoBuyerReason:
    if not facts.offer.is_active:
        return "offer_inactive"
    if facts.suppressed:
        return "suppressed"
    closed = policy.exclusivity.fallback == "fail_closed"
    if facts.exclusive is not None:
        owner = [c for c in eligible if c.enrollment.buyer_id == facts.exclusive.buyer_id]
        if owner:
            return Pick(owner[0], {owner[0].enrollment.buyer_id: {"exclusive": True}}, None)
        if closed:
            return "exclusive_buyer_ineligible"
    elif isinstance(policy, ExclusiveZip) and closed:
        return "no_exclusive_buyer"
    if not eligible:
        in_area = any(c.enrollment.area is not None for c in facts.candidates)
        return "no_eligible_buyer" if in_area else "no_buyer_in_area"
    return pick(policy, preferred(policy.sla, eligible), rotations)


def _passed_over(policy: RoutingPolicy, candidate: Candidate) -> Merit | None:
    """Why the strategy did not look at an eligible buyer: the area is another's, or the SLA was missed."""
    if policy.sla is None or meets(policy.sla, candidate.usage):
        return None
    return {"on_time": candidate.usage.record.on_time, "delivered": candidate.usage.record.delivered}


@dataclass(frozen=True)
class Quote:
    """A candidate's price with its parts, and what the rules are held against."""

    price: pricing.Price
    terms: Terms


def terms(policy: RoutingPolicy, facts: Facts, candidates: Sequence[Candidate], *, now: datetime) -> dict[int, Quote]:
    """What each candidate is checked against, by buyer id."""
    local = now.astimezone(ZoneInfo(facts.offer.timezone))
    hours = _acceptance(policy, local)
    # Few candidates have a price of their own: the terms of the others are the same.
    by_price: dict[tuple[Decimal | None, bool], Quote] = {}
    quotes = {}
    for candidate in candidates:
        own = candidate.enrollment.buyer_price, _is_exclusive(facts, candidate)
        if own not in by_price:
            price = _price(policy, facts, candidate, local)
            by_price[own] = Quote(
                price,
                Terms(
                    price.amount,
                    facts.offer.currency,
                    facts.postal_code,
                    facts.observed,
                    facts.evidence,
                    now,
                    hours,
                    facts.assigned_to,
                ),
            )
        quotes[candidate.enrollment.buyer_id] = by_price[own]
    return quotes


def _is_exclusive(facts: Facts, candidate: Candidate) -> bool:
    return facts.exclusive is not None and facts.exclusive.buyer_id == candidate.enrollment.buyer_id


def _acceptance(policy: RoutingPolicy, local: datetime) -> Check:
    hours = policy.acceptance_hours
    is_open = hours is None or any(
        calendar.is_open(local, days=[day], start=start, end=end)
        for day, windows in hours.items()
        for start, end in windows
    )
    return Check("acceptance_hours", calendar.day_and_time(local), plain(hours), is_open)


def _price(policy: RoutingPolicy, facts: Facts, candidate: Candidate, local: datetime) -> pricing.Price:
    return pricing.price(
        offer_price=facts.offer.default_price,
        buyer_price=candidate.enrollment.buyer_price,
        premiums=policy.pricing,
        is_exclusive=_is_exclusive(facts, candidate),
        local_time=local,
        digits=facts.offer.digits,
    )


def _routed(
    winner: Candidate,
    price: pricing.Price,
    facts: Facts,
    verdicts: tuple[EligibilityVerdict, ...],
    rotation: Rotation | None,
) -> Routed:
    return Routed(
        buyer_id=winner.enrollment.buyer_id,
        buyer_offer_id=winner.enrollment.buyer_offer_id,
        price=price,
        exclusive=_is_exclusive(facts, winner),
        verdicts=verdicts,
        rotation=rotation,
    )
