"""The Buyer Scoping Contract: each rule at its boundary, none of them skipped."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from leadgen.kernel.calendar import PERIODS
from leadgen.kernel.trace import Check
from leadgen.leads.domain import conditions
from leadgen.leads.domain.consent import NO_EVIDENCE, ConsentDemand, Evidence
from leadgen.routing.domain import eligibility
from leadgen.routing.domain.eligibility import EligibilityVerdict, Terms
from tests.support.domain_values import NOON, enrollment, usage

RULES = [
    "buyer_active", "enrolled", "service_area", "filter", "consent", "not_paused",
    "capacity_per_hour", "budget_per_hour", "capacity_per_day", "budget_per_day", "capacity_per_week",
    "budget_per_week", "capacity_per_month", "budget_per_month",
    "min_balance_required", "credit_limit", "reachable", "currency", "acceptance_hours",
]  # fmt: skip
OPEN = Check("acceptance_hours", "wed 12:00", None, True)
CLOSED = Check("acceptance_hours", "wed 12:00", {"thu": [["08:00", "18:00"]]}, False)
PRICE = Decimal("45.00")
LARGE = conditions.Test(field="attributes.rooms", at_least=Decimal(3))


def judged(
    enrolled: dict[str, Any],
    stands: dict[str, Any] | None = None,
    *,
    hours: Check = OPEN,
    rooms: int = 3,
    evidence: Evidence = NO_EVIDENCE,
) -> EligibilityVerdict:
    observed = conditions.observe([LARGE], {"attributes.rooms": rooms})
    terms = Terms(PRICE, "USD", "80014", observed, evidence, NOON, hours)
    verdict = eligibility.judge(enrollment(**enrolled), usage(**stands or {}), terms)
    assert verdict.eligible is all(check.passed for check in verdict.checks)
    assert eligibility.is_eligible(enrollment(**enrolled), usage(**stands or {}), terms) is verdict.eligible
    return verdict


def failing(enrolled: dict[str, Any], stands: dict[str, Any] | None = None, **asked: Any) -> list[str]:
    return [check.rule for check in judged(enrolled, stands, **asked).checks if not check.passed]


def test_every_rule_that_asks_something_is_on_record() -> None:
    unlimited = judged({})
    assert [c.rule for c in unlimited.checks] == [
        "buyer_active", "enrolled", "service_area", "reachable", "currency", "acceptance_hours",
    ]  # fmt: skip
    limits = {f"{kind}_per_{period}": 1000 for kind in ("capacity", "budget") for period in PERIODS}
    limited = judged({
        **limits, "filter": LARGE, "consent": ConsentDemand(given=False), "pause_until": NOON,
        "min_balance_required": Decimal(0), "credit_limit": Decimal(1000),
    })  # fmt: skip
    assert limited.eligible
    assert [check.rule for check in limited.checks] == RULES


def test_outside_the_acceptance_hours_nobody_is_eligible() -> None:
    verdict = judged({}, hours=CLOSED)
    assert [check for check in verdict.checks if not check.passed] == [CLOSED]


def test_no_limit_is_really_none() -> None:
    far_beyond = {"day": 10**6, "hour": 10**6, "owed": Decimal(10**6)}
    assert failing({}, far_beyond) == []


def test_a_filter_is_held_against_the_lead() -> None:
    assert failing({"filter": LARGE}, rooms=3) == []
    assert failing({"filter": LARGE}, rooms=2) == ["filter"]


def test_a_filter_that_does_not_parse_keeps_the_buyer_out_and_says_so() -> None:
    verdict = judged({"fault": "the filter of enrollment 101: field: Field required"})
    assert [(c.rule, c.value) for c in verdict.checks if not c.passed] == [
        ("configuration", "the filter of enrollment 101: field: Field required")
    ]


def test_a_demand_for_consent_is_held_against_what_is_on_record() -> None:
    demand = {"consent": ConsentDemand(text=True, max_age_days=1)}
    assert failing(demand, evidence=NO_EVIDENCE) == ["consent"]
    assert failing(demand, evidence=Evidence(given=True, text=True, at=NOON)) == []
    verdict = judged(demand, evidence=Evidence(given=True, text=True, at=NOON - timedelta(days=1, seconds=1)))
    assert [c.value for c in verdict.checks if not c.passed] == [{"unmet": ["max_age_days"]}]


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"buyer_active": False}, "buyer_active"),
        ({"enrolled": False}, "enrolled"),
        ({"area": None}, "service_area"),
        ({"reachable": False}, "reachable"),
        ({"currency": "EUR"}, "currency"),
    ],
)
def test_each_plain_condition_keeps_a_buyer_out(values: dict[str, Any], rule: str) -> None:
    assert failing(values) == [rule]


@pytest.mark.parametrize(("offset", "fails"), [(-1, False), (0, False), (1, True)])
def test_a_pause_ends_at_its_instant(offset: int, fails: bool) -> None:
    until = NOON + timedelta(microseconds=offset)
    assert failing({"pause_until": until}) == (["not_paused"] if fails else [])


def test_a_buyer_whose_invoices_are_overdue_for_too_long_gets_nothing() -> None:
    verdict = judged({"paused_since": NOON - timedelta(hours=1)})
    assert [c for c in verdict.checks if not c.passed] == [
        Check("not_paused_for_overdue", "2026-06-17T11:00:00+00:00", None, False)
    ]


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize(("cap", "claimed", "fails"), [(3, 2, False), (3, 3, True), (3, 4, True), (0, 0, True)])
def test_a_cap_is_the_number_of_leads_that_may_be_claimed(period: str, cap: int, claimed: int, fails: bool) -> None:
    rule = f"capacity_per_{period}"
    assert failing({rule: cap}, {period: claimed}) == ([rule] if fails else [])


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize(("spent", "fails"), [("55.00", False), ("55.01", True), ("100.00", True)])
def test_a_budget_has_room_for_this_lead_too(period: str, spent: str, fails: bool) -> None:
    rule = f"budget_per_{period}"
    assert failing({rule: Decimal("100.00")}, {"spent": {period: spent}}) == ([rule] if fails else [])


def test_a_period_is_held_against_its_own_claims_only() -> None:
    assert failing({"capacity_per_day": 1}, {"hour": 5, "week": 5}) == []
    assert failing({"capacity_per_hour": 1}, {"day": 5, "month": 5}) == []


@pytest.mark.parametrize(
    ("wallet", "fails"),
    [("100.00", False), ("99.99", True), ("0.00", True)],
)
def test_a_minimum_balance_is_held_against_the_wallet(wallet: str, fails: bool) -> None:
    found = failing({"min_balance_required": Decimal("100.00")}, {"wallet": Decimal(wallet)})
    assert found == (["min_balance_required"] if fails else [])


def test_money_already_spoken_for_is_not_in_the_wallet_any_more() -> None:
    spoken_for = {"wallet": Decimal("150.00"), "owed": Decimal("30.00"), "pending": Decimal("20.00")}
    assert failing({"min_balance_required": Decimal("100.00")}, spoken_for) == []
    assert failing({"min_balance_required": Decimal("100.01")}, spoken_for) == ["min_balance_required"]


@pytest.mark.parametrize(
    ("stands", "fails"),
    [
        ({"owed": "55.00"}, False),  # 55 + 45 = the limit
        ({"owed": "55.01"}, True),
        ({"pending": "55.00"}, False),
        ({"pending": "55.01"}, True),
        ({"owed": "30.00", "pending": "25.01"}, True),
        ({"owed": "60.00", "wallet": "5.00"}, False),
        ({"owed": "60.00", "wallet": "4.99"}, True),
    ],
)
def test_the_credit_limit_counts_what_is_owed_and_pending_and_this_lead(stands: dict[str, str], fails: bool) -> None:
    amounts = {name: Decimal(amount) for name, amount in stands.items()}
    assert failing({"credit_limit": Decimal("100.00")}, amounts) == (["credit_limit"] if fails else [])


def test_a_credit_limit_of_nothing_lets_only_prepaid_leads_through() -> None:
    assert failing({"credit_limit": Decimal("0.00")}) == ["credit_limit"]
    assert failing({"credit_limit": Decimal("0.00")}, {"wallet": PRICE}) == []


def test_every_failing_rule_is_on_record() -> None:
    assert failing({"buyer_active": False, "capacity_per_day": 0, "currency": "EUR"}) == [
        "buyer_active", "capacity_per_day", "currency",
    ]  # fmt: skip
