"""What becomes of a lead that found no buyer: when it is tried again, and when it is given up."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import pytest

from leadgen.routing.domain import decision as routing_decision
from leadgen.routing.domain import disposition
from leadgen.routing.domain.decision import Facts, NoBuyer
from leadgen.routing.domain.disposition import GivenUp, HeldUntil
from leadgen.routing.domain.eligibility import Enrollment, Usage
from leadgen.routing.domain.policy import PriorityBased, Unrouted
from leadgen.routing.domain.strategies import Candidate
from tests.support.domain_values import NOON, enrollment, offer, usage

HOURS: dict[Any, Any] = {"wed": (("08:00", "11:00"), ("15:30", "16:00")), "thu": (("06:00", "07:00"),)}


def refused(
    *candidates: tuple[Enrollment, Usage], policy: PriorityBased, now: datetime = NOON
) -> tuple[Facts, NoBuyer]:
    facts = Facts(offer(), "80014", None, tuple(Candidate(*parts) for parts in candidates))
    decision = routing_decision.choose(policy, facts, now=now)
    assert isinstance(decision, NoBuyer)
    return facts, decision


@pytest.mark.parametrize(
    ("action", "hours_since", "expected"),
    [
        ("hold", 0, HeldUntil(NOON + timedelta(minutes=15))),
        ("hold", 23.9, HeldUntil(NOON + timedelta(hours=0.1))),  # never beyond the end of patience
        ("hold", 24, GivenUp()),
        ("hold", 48, GivenUp()),
        ("reject", 0, GivenUp()),
    ],
)
def test_an_unrouted_lead_is_held_until_patience_ends(
    action: Literal["hold", "reject"], hours_since: float, expected: HeldUntil | GivenUp
) -> None:
    policy = PriorityBased(
        strategy="priority_based", unrouted=Unrouted(action=action, retry_minutes=15, give_up_hours=24)
    )
    facts, decision = refused(policy=policy)
    first = NOON - timedelta(hours=hours_since)
    assert disposition.unrouted(policy, facts, decision, first_unrouted_at=first, now=NOON) == expected


def test_a_suppressed_lead_waits_for_nobody() -> None:
    policy = PriorityBased(strategy="priority_based")
    facts = Facts(offer(), "80014", None, (), suppressed=("phone",))
    decision = routing_decision.choose(policy, facts, now=NOON)
    assert isinstance(decision, NoBuyer)
    assert disposition.unrouted(policy, facts, decision, first_unrouted_at=NOON, now=NOON) == GivenUp()


# Denver is six hours behind: noon UTC is Wednesday 06:00 there.
@pytest.mark.parametrize(
    ("enrolled", "stands", "chance"),
    [
        ({"pause_until": NOON + timedelta(minutes=7)}, {}, NOON + timedelta(minutes=7)),
        ({"capacity_per_hour": 1}, {"hour": 1}, NOON + timedelta(hours=1)),
        ({"capacity_per_day": 1}, {"day": 1}, NOON.replace(hour=6) + timedelta(days=1)),
        ({"capacity_per_week": 1}, {"week": 1}, datetime(2026, 6, 22, 6, tzinfo=UTC)),
        ({"capacity_per_month": 1}, {"month": 1}, datetime(2026, 7, 1, 6, tzinfo=UTC)),
        ({"budget_per_day": Decimal(50)}, {"spent": {"day": "45.00"}}, NOON.replace(hour=6) + timedelta(days=1)),
        ({"capacity_per_hour": 0}, {}, None),
        ({"capacity_per_hour": 1, "capacity_per_day": 1}, {"hour": 1, "day": 1}, datetime(2026, 6, 18, 6, tzinfo=UTC)),
        ({"capacity_per_hour": 1, "buyer_active": False}, {"hour": 1}, None),
        ({"credit_limit": Decimal(0)}, {}, None),
    ],
)  # fmt: skip
def test_the_next_chance_is_when_the_last_obstacle_of_a_buyer_ends_by_itself(
    enrolled: dict[str, Any], stands: dict[str, Any], chance: datetime | None
) -> None:
    policy = PriorityBased(strategy="priority_based")
    facts, decision = refused((enrollment(**enrolled), usage(**stands)), policy=policy)
    assert disposition.next_chance(policy, facts, decision, now=NOON) == chance


def test_the_next_chance_is_the_soonest_of_all_buyers() -> None:
    policy = PriorityBased(strategy="priority_based")
    facts, decision = refused(
        (enrollment(buyer_id=1, capacity_per_day=1), usage(day=1)),
        (enrollment(buyer_id=2, pause_until=NOON + timedelta(minutes=3)), usage()),
        policy=policy,
    )
    assert disposition.unrouted(policy, facts, decision, first_unrouted_at=NOON, now=NOON) == HeldUntil(
        NOON + timedelta(minutes=3)
    )


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        (NOON, datetime(2026, 6, 17, 14, tzinfo=UTC)),
        (datetime(2026, 6, 17, 17, tzinfo=UTC), datetime(2026, 6, 17, 21, 30, tzinfo=UTC)),
        (datetime(2026, 6, 17, 22, tzinfo=UTC), datetime(2026, 6, 18, 12, tzinfo=UTC)),
        (datetime(2026, 6, 18, 13, tzinfo=UTC), datetime(2026, 6, 24, 14, tzinfo=UTC)),
    ],
)
def test_outside_the_hours_the_next_chance_is_the_next_opening(now: datetime, opens: datetime) -> None:
    policy = PriorityBased(strategy="priority_based", acceptance_hours=HOURS)
    facts, decision = refused((enrollment(), usage()), policy=policy, now=now)
    assert disposition.next_chance(policy, facts, decision, now=now) == opens
