"""The disposition of a lead that nobody has: hold until the next chance, next buyer, review, or reject."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from leadgen.kernel import calendar
from leadgen.kernel.calendar import PERIODS
from leadgen.kernel.trace import Check
from leadgen.routing.domain.decision import Facts, NoBuyer, NoBuyerReason
from leadgen.routing.domain.eligibility import EligibilityVerdict, Enrollment
from leadgen.routing.domain.policy import RoutingPolicy

Way = Literal["next_buyer", "review", "reject"]


def way(policy: RoutingPolicy, *, released: int) -> Way:
    """Where a rejected lead goes that ``released`` buyers have given back before."""
    if policy.rejection.action == "next_buyer" and released + 1 >= policy.rejection.most_buyers:
        return "review"
    return policy.rejection.action


@dataclass(frozen=True)
class HeldUntil:
    """An unrouted lead is tried again at this time."""

    at: datetime


@dataclass(frozen=True)
class GivenUp:
    """An unrouted lead is rejected: the policy waits no longer."""


def unrouted(
    policy: RoutingPolicy, facts: Facts, decision: NoBuyer, *, first_unrouted_at: datetime, now: datetime
) -> HeldUntil | GivenUp:
    """What becomes of a lead without a buyer. It is tried again after the policy's interval, or as soon as a buyer's
    pause, hours or full cap end.
    """
    if is_given_up(policy, decision.reason, first_unrouted_at=first_unrouted_at, now=now):
        return GivenUp()
    give_up_at = _give_up_at(policy, first_unrouted_at)
    again = now + timedelta(minutes=policy.unrouted.retry_minutes)
    chance = next_chance(policy, facts, decision, now=now)
    return HeldUntil(min(again, give_up_at) if chance is None else min(again, give_up_at, chance))


def is_given_up(policy: RoutingPolicy, reason: NoBuyerReason, *, first_unrouted_at: datetime, now: datetime) -> bool:
    """Whether a lead that found no buyer now is tried no more."""
    rejects = policy.unrouted.action == "reject" or reason == "suppressed"
    return rejects or now >= _give_up_at(policy, first_unrouted_at)


def _give_up_at(policy: RoutingPolicy, first_unrouted_at: datetime) -> datetime:
    return first_unrouted_at + timedelta(hours=policy.unrouted.give_up_hours)


def next_chance(policy: RoutingPolicy, facts: Facts, decision: NoBuyer, *, now: datetime) -> datetime | None:
    """The first instant at which one of the refused buyers would be eligible if nothing but the time changed."""
    enrollments = {c.enrollment.buyer_id: c.enrollment for c in facts.candidates}
    chances = [
        chance
        for verdict in decision.verdicts
        if not verdict.eligible
        and (chance := _ends(policy, facts, enrollments[verdict.buyer_id], verdict, now)) is not None
    ]
    return min(chances, default=None)


def _ends(
    policy: RoutingPolicy, facts: Facts, enrollment: Enrollment, verdict: EligibilityVerdict, now: datetime
) -> datetime | None:
    """When the last of a buyer's obstacles ends by itself; None where one of them does not."""
    ends = [_end(policy, facts, enrollment, check, now) for check in verdict.checks if not check.passed]
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def _end(policy: RoutingPolicy, facts: Facts, enrollment: Enrollment, check: Check, now: datetime) -> datetime | None:
    if check.rule == "not_paused":
        return enrollment.pause_until
    if check.rule == "acceptance_hours":
        return calendar.next_opening(now, facts.offer.timezone, policy.acceptance_hours or {})
    return next(_period_ends(facts, enrollment, check, now), None)


def _period_ends(facts: Facts, enrollment: Enrollment, check: Check, now: datetime) -> Iterator[datetime]:
    for period in PERIODS:
        # A cap of nothing is never free again; of a budget that depends on the price then.
        if (check.rule == f"capacity_per_{period}" and enrollment.capacity[period] > 0) or (
            check.rule == f"budget_per_{period}" and enrollment.budget[period] > Decimal(0)
        ):
            yield calendar.next_period(now, facts.offer.timezone, period)
