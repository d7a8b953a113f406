"""Routing, in the specification's order: eligibility, exclusivity, strategy, and one deterministic winner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from leadgen.domain import calendar, eligibility, pricing
from leadgen.domain.eligibility import Enrolment, Standing, Verdict
from leadgen.domain.lead import Lead
from leadgen.domain.policies import RoutingPolicy, Unrouted
from leadgen.domain.trace import Check, plain


@dataclass(frozen=True)
class Offer:
    """What is sold, where: the routing facts that every candidate shares."""

    offer_id: int
    is_active: bool
    default_price: Decimal
    currency: str
    timezone: str


@dataclass(frozen=True)
class ExclusiveBuyer:
    """The active exclusivity that matches the lead; a postal code's goes before a city's."""

    buyer_id: int
    scope_type: Literal["postal_code", "city"]
    scope_value: str


@dataclass(frozen=True)
class Candidate:
    """A buyer who may be considered, as configured and as standing."""

    enrolment: Enrolment
    standing: Standing


@dataclass(frozen=True)
class Facts:
    """All that a routing decision rests on besides the lead, the policy and the time."""

    offer: Offer
    exclusive: ExclusiveBuyer | None
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Routed:
    """The lead goes to this buyer at this price."""

    buyer_id: int
    buyer_offer_id: int
    price: pricing.Price
    exclusive: bool
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class NoBuyer:
    """No buyer can take the lead now; ``verdicts`` say why for each."""

    reason: Literal["offer_inactive", "no_buyer_in_area", "no_eligible_buyer", "exclusive_buyer_ineligible"]
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class HeldUntil:
    """An unrouted lead is tried again at this time."""

    at: datetime


@dataclass(frozen=True)
class GivenUp:
    """An unrouted lead is rejected: the policy waits no longer."""


def choose(policy: RoutingPolicy, facts: Facts, *, now: datetime) -> Routed | NoBuyer:
    """Choose one of the buyers that serve a lead's place. The order of ``facts.candidates`` does not matter."""
    if not facts.offer.is_active:
        return NoBuyer("offer_inactive", ())
    ranked = sorted(facts.candidates, key=_rank)
    local = now.astimezone(ZoneInfo(facts.offer.timezone))
    prices = {candidate.enrolment.buyer_id: _price(policy, facts, candidate, local) for candidate in ranked}
    hours = _acceptance(policy, local)
    verdicts = tuple(
        eligibility.judge(
            candidate.enrolment,
            candidate.standing,
            price=prices[candidate.enrolment.buyer_id].amount,
            currency=facts.offer.currency,
            now=now,
            hours=hours,
        )
        for candidate in ranked
    )
    eligible = [candidate for candidate, verdict in zip(ranked, verdicts, strict=True) if verdict.eligible]
    if facts.exclusive is not None:
        owner = [candidate for candidate in eligible if candidate.enrolment.buyer_id == facts.exclusive.buyer_id]
        if owner:
            return _routed(owner[0], prices, exclusive=True, verdicts=verdicts)
        if policy.exclusivity.fallback == "fail_closed":
            return NoBuyer("exclusive_buyer_ineligible", verdicts)
    if not eligible:
        in_area = any(candidate.enrolment.serves_area for candidate in ranked)
        return NoBuyer("no_eligible_buyer" if in_area else "no_buyer_in_area", verdicts)
    return _routed(eligible[0], prices, exclusive=False, verdicts=verdicts)


@dataclass(frozen=True)
class Request:
    """A lead to route, with what does not change while its batch is decided."""

    lead: Lead
    policy: RoutingPolicy
    offer: Offer
    exclusive: ExclusiveBuyer | None
    enrolments: tuple[Enrolment, ...]


@dataclass(frozen=True)
class Choice:
    """A decision and the facts it rests on: enough to decide again."""

    request: Request
    facts: Facts
    decision: Routed | NoBuyer


def choose_in_turn(requests: Sequence[Request], standings: Mapping[int, Standing], *, now: datetime) -> list[Choice]:
    """Decide a batch, oldest lead first: what one lead claims is gone for the next.

    ``standings`` are by buyer_offer_id and hold every enrolment of the requests.
    """
    current = dict(standings)
    buyers = {e.buyer_offer_id: e.buyer_id for request in requests for e in request.enrolments}
    choices = []
    for request in sorted(requests, key=lambda r: (r.lead.created_at, r.lead.lead_id)):
        candidates = tuple(Candidate(e, current[e.buyer_offer_id]) for e in request.enrolments)
        facts = Facts(request.offer, request.exclusive, candidates)
        decision = choose(request.policy, facts, now=now)
        choices.append(Choice(request, facts, decision))
        if isinstance(decision, Routed):
            for buyer_offer_id, buyer_id in buyers.items():
                if buyer_id == decision.buyer_id:
                    claimed = int(buyer_offer_id == decision.buyer_offer_id)
                    current[buyer_offer_id] = _after_claim(current[buyer_offer_id], claimed, decision.price.amount)
    return choices


def _after_claim(standing: Standing, claimed: int, price: Decimal) -> Standing:
    # A buyer's money is one for all its enrolments; its capacity is each enrolment's own.
    return replace(
        standing,
        claimed_today=standing.claimed_today + claimed,
        claimed_this_hour=standing.claimed_this_hour + claimed,
        pending=standing.pending + price,
    )


def unrouted(policy: Unrouted, *, first_unrouted_at: datetime, now: datetime) -> HeldUntil | GivenUp:
    """What becomes of a lead without a buyer."""
    give_up_at = first_unrouted_at + timedelta(hours=policy.give_up_hours)
    if policy.action == "reject" or now >= give_up_at:
        return GivenUp()
    return HeldUntil(min(now + timedelta(minutes=policy.retry_minutes), give_up_at))


def _rank(candidate: Candidate) -> tuple[int, int]:
    return (-candidate.enrolment.priority, candidate.enrolment.buyer_id)


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
        buyer_price=candidate.enrolment.buyer_price,
        premiums=policy.pricing,
        is_exclusive=facts.exclusive is not None and facts.exclusive.buyer_id == candidate.enrolment.buyer_id,
        local_time=local,
    )


def _routed(
    winner: Candidate, prices: Mapping[int, pricing.Price], *, exclusive: bool, verdicts: Sequence[Verdict]
) -> Routed:
    return Routed(
        buyer_id=winner.enrolment.buyer_id,
        buyer_offer_id=winner.enrolment.buyer_offer_id,
        price=prices[winner.enrolment.buyer_id],
        exclusive=exclusive,
        verdicts=tuple(verdicts),
    )
