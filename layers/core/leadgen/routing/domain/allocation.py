"""Routes a batch lead by lead, oldest first, so that a cap or credit taken by one lead is not there for the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from leadgen.leads.domain.conditions import NOTHING_OBSERVED, Observed
from leadgen.leads.domain.consent import NO_EVIDENCE, Evidence
from leadgen.leads.domain.lead import Lead
from leadgen.routing.domain import decision as routing_decision
from leadgen.routing.domain import rotation, strategies
from leadgen.routing.domain.decision import ExclusiveBuyer, Facts, NoBuyer, Offer, Routed
from leadgen.routing.domain.eligibility import Enrollment, Usage, is_eligible
from leadgen.routing.domain.policy import RoundRobin, RoutingPolicy, Weighted
from leadgen.routing.domain.rotation import Rotation
from leadgen.routing.domain.strategies import Candidate


@dataclass(frozen=True)
class RoutingRequest:
    """A lead to route, with what does not change while its batch is decided."""

    lead: Lead
    policy: RoutingPolicy
    offer: Offer
    exclusive: ExclusiveBuyer | None
    enrollments: tuple[Enrollment, ...]
    observed: Observed = NOTHING_OBSERVED
    evidence: Evidence = NO_EVIDENCE
    suppressed: tuple[str, ...] = ()
    assigned_to: int | None = None


@dataclass(frozen=True)
class Choice:
    """A decision and the facts it rests on: enough to decide again."""

    request: RoutingRequest
    facts: Facts
    decision: Routed | NoBuyer


@dataclass(frozen=True)
class Span:
    """The rotations that a batch may use: every set of an offer's enrollments between these two, of ``fewest`` or
    more.
    """

    offer_id: int
    at_least: tuple[int, ...]
    at_most: tuple[int, ...]
    fewest: int


Rotations = Mapping[int, Sequence[Rotation]]
"""By offer id, the rotations that had leads already."""


def allocate(
    requests: Sequence[RoutingRequest], usages: Mapping[int, Usage], stored: Rotations, *, now: datetime
) -> list[Choice]:
    """Decide a batch. ``usages`` are by buyer_offer_id and hold every enrollment of the requests."""
    current = dict(usages)
    shared = {offer_id: {(r.members, r.weights): r for r in found} for offer_id, found in stored.items()}
    choices = []
    for request in sorted(requests, key=lambda r: (r.lead.created_at, r.lead.lead_id)):
        rotations = shared.setdefault(request.offer.offer_id, {})
        facts = _facts(request, current, tuple(rotations.values()))
        decision = routing_decision.choose(request.policy, facts, now=now)
        used = decision.rotation if isinstance(decision, Routed) else None
        # On record is only the rotation that was used, so that the record does not grow with the offer's.
        choices.append(Choice(request, replace(facts, rotations=() if used is None else (used,)), decision))
        if isinstance(decision, Routed):
            _claim(current, requests, decision)
            if used is not None:
                rotations[used.members, used.weights] = rotation.after(used, decision.buyer_offer_id)
    return choices


def rotated(choices: Sequence[Choice]) -> dict[tuple[int, bytes], Rotation]:
    """The rotations as a batch leaves them, by offer id and stored key."""
    return {
        (c.request.offer.offer_id, c.decision.rotation.stored_key): rotation.after(
            c.decision.rotation, c.decision.buyer_offer_id
        )
        for c in choices
        if isinstance(c.decision, Routed) and c.decision.rotation is not None
    }


def spans(requests: Sequence[RoutingRequest], usages: Mapping[int, Usage], *, now: datetime) -> list[Span]:
    """Which rotations to load before a batch is decided. Claims only take buyers out, so every one lies between those
    eligible now and those still eligible if each had won every lead of the batch. A claim takes out one of them at
    most: without that bound, a batch would read nearly all that the offer ever had while its buyers near their caps.
    """
    rotating = [r for r in requests if isinstance(r.policy, RoundRobin | Weighted)]
    if not rotating:
        return []
    spent = _spent(requests, usages, now)
    found: dict[Span, None] = {}
    for request in rotating:
        most = _eligible(request, usages, now)
        least = _eligible(request, spent, now)
        found.update(dict.fromkeys(_spans(request, most, least, claims=len(requests) - 1)))
    return list(found)


def _facts(request: RoutingRequest, usages: Mapping[int, Usage], rotations: tuple[Rotation, ...]) -> Facts:
    return Facts(
        offer=request.offer,
        postal_code=request.lead.postal_code,
        exclusive=request.exclusive,
        candidates=tuple(Candidate(e, usages[e.buyer_offer_id]) for e in request.enrollments),
        observed=request.observed,
        evidence=request.evidence,
        suppressed=request.suppressed,
        rotations=rotations,
        assigned_to=request.assigned_to,
    )


def _claim(current: dict[int, Usage], requests: Sequence[RoutingRequest], routed: Routed) -> None:
    # A buyer's money is one for all its enrollments; its capacity is each enrollment's own.
    price = routed.price.amount
    own = {e.buyer_offer_id for r in requests for e in r.enrollments if e.buyer_id == routed.buyer_id}
    for buyer_offer_id in own:
        leads = int(buyer_offer_id == routed.buyer_offer_id)
        current[buyer_offer_id] = current[buyer_offer_id].after_claims(leads, price, of_buyer=price)


def _spent(requests: Sequence[RoutingRequest], usages: Mapping[int, Usage], now: datetime) -> dict[int, Usage]:
    dearest: dict[int, Decimal] = {}
    buyers: dict[int, int] = {}
    for request in requests:
        facts = _facts(request, usages, ())
        for buyer_id, asked in routing_decision.terms(request.policy, facts, facts.candidates, now=now).items():
            dearest[buyer_id] = max(dearest.get(buyer_id, asked.price.amount), asked.price.amount)
        buyers.update({e.buyer_offer_id: e.buyer_id for e in request.enrollments})
    return {
        buyer_offer_id: usages[buyer_offer_id].after_claims(
            len(requests), dearest[buyer_id] * len(requests), of_buyer=dearest[buyer_id] * len(requests)
        )
        for buyer_offer_id, buyer_id in buyers.items()
    }


def _eligible(request: RoutingRequest, usages: Mapping[int, Usage], now: datetime) -> list[Candidate]:
    facts = _facts(request, usages, ())
    asked = routing_decision.terms(request.policy, facts, facts.candidates, now=now)
    return [c for c in facts.candidates if is_eligible(c.enrollment, c.usage, asked[c.enrollment.buyer_id].terms)]


def _spans(
    request: RoutingRequest, most: Sequence[Candidate], least: Sequence[Candidate], *, claims: int
) -> list[Span]:
    sla = request.policy.sla
    found = []
    if sla is not None:
        found.append(
            _span(
                request,
                *([c for c in part if strategies.meets(sla, c.usage)] for part in (most, least)),
                claims=claims,
            )
        )
    if sla is None or not found[0].at_least:
        # No buyer is sure to meet the SLA to the batch's end, and then all of them count.
        found.append(_span(request, most, least, claims=claims))
    return [span for span in found if span.at_most]


def _span(request: RoutingRequest, most: Sequence[Candidate], least: Sequence[Candidate], *, claims: int) -> Span:
    ids = [tuple(sorted(c.enrollment.buyer_offer_id for c in part)) for part in (least, most)]
    return Span(request.offer.offer_id, ids[0], ids[1], max(len(least), len(most) - claims))
