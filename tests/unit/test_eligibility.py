"""The Buyer Scoping Contract: each rule at its boundary, none of them skipped."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from leadgen.domain import eligibility
from leadgen.domain.trace import Check
from tests.domain_values import NOON, enrolment, standing

RULES = [
    "buyer_active", "enrolled", "service_area", "not_paused", "capacity_per_day", "capacity_per_hour",
    "min_balance_required", "credit_limit", "reachable", "currency", "acceptance_hours",
]  # fmt: skip
OPEN = Check("acceptance_hours", "wed 12:00", None, True)
CLOSED = Check("acceptance_hours", "wed 12:00", {"thu": [["08:00", "18:00"]]}, False)
PRICE = Decimal("45.00")


def failing(enrolled: dict[str, Any], stands: dict[str, Any] | None = None) -> list[str]:
    verdict = eligibility.judge(
        enrolment(**enrolled), standing(**stands or {}), price=PRICE, currency="USD", now=NOON, hours=OPEN
    )  # fmt: skip
    failed = [check.rule for check in verdict.checks if not check.passed]
    assert verdict.eligible is not bool(failed)
    return failed


def test_a_buyer_without_limits_is_eligible_and_every_rule_is_on_record() -> None:
    verdict = eligibility.judge(enrolment(), standing(), price=PRICE, currency="USD", now=NOON, hours=OPEN)
    assert verdict.eligible
    assert [check.rule for check in verdict.checks] == RULES


def test_outside_the_acceptance_hours_nobody_is_eligible() -> None:
    verdict = eligibility.judge(enrolment(), standing(), price=PRICE, currency="USD", now=NOON, hours=CLOSED)
    assert not verdict.eligible
    assert [check for check in verdict.checks if not check.passed] == [CLOSED]


def test_no_limit_is_really_none() -> None:
    far_beyond = {"claimed_today": 10**6, "claimed_this_hour": 10**6, "owed": Decimal(10**6)}
    assert failing({}, far_beyond) == []


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"buyer_active": False}, "buyer_active"),
        ({"enrolled": False}, "enrolled"),
        ({"serves_area": False}, "service_area"),
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


@pytest.mark.parametrize(("cap", "claimed", "fails"), [(3, 2, False), (3, 3, True), (3, 4, True), (0, 0, True)])
def test_a_cap_is_the_number_of_leads_that_may_be_claimed(cap: int, claimed: int, fails: bool) -> None:
    day = failing({"capacity_per_day": cap}, {"claimed_today": claimed})
    hour = failing({"capacity_per_hour": cap}, {"claimed_this_hour": claimed})
    assert (day, hour) == ((["capacity_per_day"], ["capacity_per_hour"]) if fails else ([], []))


def test_the_hours_claims_do_not_count_against_the_day_nor_the_days_against_the_hour() -> None:
    assert failing({"capacity_per_day": 1}, {"claimed_this_hour": 5}) == []
    assert failing({"capacity_per_hour": 1}, {"claimed_today": 5}) == []


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
