"""The strategies of a routing policy: which eligible buyer comes first. None is random."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, assert_never

from leadgen.kernel.calendar import Period
from leadgen.kernel.model import renamed
from leadgen.routing.domain import rotation as routing_rotation
from leadgen.routing.domain.eligibility import UNUSED, Enrollment, Usage
from leadgen.routing.domain.policy import (
    CapacityBased,
    ExclusiveZip,
    PerformanceBased,
    PriorityBased,
    RoundRobin,
    RoutingPolicy,
    Sla,
    Weighted,
)
from leadgen.routing.domain.rotation import Rotation, Rotations

Merit = Mapping[str, str | int | bool]
_PLACES = Decimal("0.0001")


@dataclass(frozen=True)
class Candidate:
    """A buyer who may be considered: its configured terms, and what it has used of them."""

    enrollment: Annotated[Enrollment, renamed("enrollment", "enrolment")]
    usage: Annotated[Usage, renamed("usage", "standing")]


@dataclass(frozen=True)
class Pick:
    """The strategy's choice. ``merits`` is by buyer id what it went by; ``rotation`` is the one used, before it."""

    winner: Candidate
    merits: Mapping[int, Merit]
    rotation: Rotation | None


def rank(candidate: Candidate) -> tuple[int, int]:
    """The order that settles every tie: the highest ``routing_priority``, then the lowest buyer id."""
    return (-candidate.enrollment.priority, candidate.enrollment.buyer_id)


def preferred(sla: Sla | None, eligible: Sequence[Candidate]) -> Sequence[Candidate]:
    """Of the eligible those that meet the SLA; all of them where none does, or there is no SLA."""
    return [c for c in eligible if sla is not None and meets(sla, c.usage)] or eligible


def meets(sla: Sla, usage: Usage) -> bool:
    """Whether a buyer took enough of its deliveries in time."""
    return usage.record.on_time * 100 >= usage.record.delivered * sla.percent


def pick(policy: RoutingPolicy, eligible: Sequence[Candidate], rotations: Rotations) -> Pick:
    """Choose from the eligible, in ``rank`` order and at least one. ``rotations`` are those that had leads already."""
    match policy:
        case PriorityBased() | ExclusiveZip():
            return Pick(
                eligible[0], {c.enrollment.buyer_id: {"priority": c.enrollment.priority} for c in eligible}, None
            )
        case RoundRobin() | Weighted():
            return _next_in_rotation(eligible, weights(policy, eligible), rotations)
        case CapacityBased(period=period):
            left = {c.enrollment.buyer_id: _capacity_left(c, period) for c in eligible}
            best = max(eligible, key=lambda c: left[c.enrollment.buyer_id])
            return Pick(best, {buyer_id: {"capacity_left": _text(part)} for buyer_id, part in left.items()}, None)
        case PerformanceBased():
            rates = {c.enrollment.buyer_id: _accept_rate(policy, c.usage) for c in eligible}
            best = max(eligible, key=lambda c: rates[c.enrollment.buyer_id])
            return Pick(best, {buyer_id: {"accept_rate": _text(rate)} for buyer_id, rate in rates.items()}, None)
        case _:
            assert_never(policy)


def weights(policy: RoundRobin | Weighted, members: Sequence[Candidate]) -> dict[int, int]:
    """What each member weighs, by buyer_offer_id."""
    named = policy.weights if isinstance(policy, Weighted) else {}
    return {c.enrollment.buyer_offer_id: named.get(str(c.enrollment.buyer_id), 1) for c in members}


def _next_in_rotation(eligible: Sequence[Candidate], of_members: dict[int, int], rotations: Rotations) -> Pick:
    new = routing_rotation.fresh(of_members)
    so_far = rotations.get(new.key, new)
    chosen = routing_rotation.choose(so_far, [c.enrollment.buyer_offer_id for c in eligible])
    taken = dict(zip(so_far.members, so_far.taken, strict=True))
    merits = {
        c.enrollment.buyer_id: {
            "weight": of_members[c.enrollment.buyer_offer_id],
            "taken": taken[c.enrollment.buyer_offer_id],
        }
        for c in eligible
    }
    return Pick(next(c for c in eligible if c.enrollment.buyer_offer_id == chosen), merits, so_far)


def _capacity_left(candidate: Candidate, period: Period) -> Decimal:
    capacity = candidate.enrollment.capacity.get(period)
    if capacity is None:
        return Decimal(1)
    return Decimal(capacity - candidate.usage.used.get(period, UNUSED).leads) / capacity


def _accept_rate(policy: PerformanceBased, usage: Usage) -> Decimal:
    record = usage.record
    return (record.accepted + policy.prior_rate * policy.prior_leads) / (record.answered + policy.prior_leads)


def _text(part: Decimal) -> str:
    return str(part.quantize(_PLACES, ROUND_HALF_UP))
