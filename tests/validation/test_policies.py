"""Policies: typed once, and what is not exactly as documented is refused."""

from typing import Any

import pytest

from leadgen.kernel.errors import PolicyInvalid
from leadgen.routing.domain import policy as routing_policy
from leadgen.validation.domain import policy as validation_policy

# The Duplicate Detection Contract's own example.
SPECIFIED = {
    "enabled": True,
    "window_hours": 24,
    "scope": "offer",
    "keys": ["phone", "email"],
    "match_mode": "any",
    "exclude_statuses": ["rejected"],
    "include_sources": "any",
    "action": "reject",
    "reason_code": "duplicate_recent",
    "min_fields": ["phone"],
    "normalize": {"email": "lower_trim", "phone": "e164_or_digits", "postal_code": "upper_trim"},
}


def refusal_of_rules(rules: object) -> str:
    with pytest.raises(PolicyInvalid) as refused:
        validation_policy.parse_validation(rules, label="'Rules' version 3")
    return str(refused.value)


def refusal_of_config(config: object) -> str:
    with pytest.raises(PolicyInvalid) as refused:
        routing_policy.parse_routing(config, label="'Routing' version 3")
    return str(refused.value)


def test_the_contracts_example_is_read_as_it_stands() -> None:
    parsed = validation_policy.parse_validation({"duplicate_detection": SPECIFIED}, label="x").duplicate_detection
    assert parsed.model_dump(mode="json") == SPECIFIED


def test_no_rules_ask_nothing_and_detect_no_duplicates() -> None:
    parsed = validation_policy.parse_validation({}, label="x")
    assert parsed.duplicate_detection.enabled is False
    assert parsed.required_fields == ()
    assert parsed.allowed_postal_codes is parsed.allowed_cities is parsed.allowed_country_codes is None


def test_detection_that_does_not_say_enabled_is_skipped() -> None:
    parsed = validation_policy.parse_validation({"duplicate_detection": {"window_hours": 24}}, label="x")
    assert parsed.duplicate_detection.enabled is False


def test_a_fault_names_the_policy_its_version_and_the_field() -> None:
    message = refusal_of_rules({"duplicate_detection": SPECIFIED | {"window_hours": 0}})
    assert "'Rules' version 3" in message
    assert "duplicate_detection.window_hours" in message


def test_what_is_missing_or_unknown_is_told_in_plain_words() -> None:
    assert refusal_of_rules({"nonsense": 1}).endswith(": nonsense: is no field here")
    assert refusal_of_rules({"conditions": {"not": {"present": True}}}).endswith("field: is missing")


@pytest.mark.parametrize(
    "change",
    [
        {"window_hours": 0}, {"window_hours": 8761}, {"window_hours": "24"}, {"window_hours": 1.5},
        {"scope": "market"}, {"keys": []}, {"keys": ["name"]}, {"keys": "phone"}, {"match_mode": "none"},
        {"exclude_statuses": ["lost"]}, {"include_sources": "some"}, {"action": "drop"}, {"reason_code": ""},
        {"reason_code": "Has Blanks"}, {"reason_code": "x" * 65}, {"min_fields": ["name"]}, {"enabled": "yes"},
        {"enabled": 1}, {"normalize": {"email": "none"}}, {"normalize": {"name": "lower_trim"}}, {"windows_hours": 24},
    ],
    ids=str,
)  # fmt: skip
def test_detection_out_of_its_bounds_is_refused(change: dict[str, Any]) -> None:
    assert next(iter(change)) in refusal_of_rules({"duplicate_detection": SPECIFIED | change})


@pytest.mark.parametrize("hours", [1, 8760])
def test_a_window_is_one_hour_to_a_year(hours: int) -> None:
    rules = {"duplicate_detection": SPECIFIED | {"window_hours": hours}}
    assert validation_policy.parse_validation(rules, label="x").duplicate_detection.window_hours == hours


@pytest.mark.parametrize(
    "rules",
    [
        {"allowed_postcodes": ["80014"]}, {"allowed_postal_codes": []}, {"allowed_postal_codes": [80014]},
        {"allowed_postal_codes": [""]}, {"allowed_cities": ["x" * 129]}, {"allowed_cities": "Aurora"},
        {"allowed_country_codes": ["us"]}, {"allowed_country_codes": ["USA"]}, {"allowed_country_codes": []},
        {"required_fields": "name"}, {"required_fields": [1]},
    ],
    ids=str,
)  # fmt: skip
def test_validation_rules_out_of_their_bounds_are_refused(rules: dict[str, Any]) -> None:
    assert next(iter(rules)) in refusal_of_rules(rules)


@pytest.mark.parametrize("rules", [None, [], "text", 5])
def test_rules_that_are_no_object_are_refused(rules: object) -> None:
    assert "'Rules' version 3" in refusal_of_rules(rules)


def test_routing_needs_a_strategy_and_has_the_documented_defaults() -> None:
    parsed = routing_policy.parse_routing({"strategy": "priority_based"}, label="x")
    assert parsed.exclusivity.fallback == "fail_closed"
    assert (parsed.unrouted.action, parsed.unrouted.retry_minutes, parsed.unrouted.give_up_hours) == ("hold", 15, 24)
    assert "strategy" in refusal_of_config({})


@pytest.mark.parametrize(
    "config",
    [
        {"strategy": "random"},
        {"strategy": "priority_based", "weights": {"1": 2}},
        {"strategy": "priority_based", "exclusivity": {"fallback": "maybe"}},
        {"strategy": "priority_based", "unrouted": {"retry_minutes": 0}},
        {"strategy": "priority_based", "unrouted": {"give_up_hours": 8761}},
        {"strategy": "priority_based", "unrouted": {"action": "wait"}},
        {"strategy": "priority_based", "unrouted": {"retries": 3}},
    ],
    ids=str,
)
def test_routing_out_of_its_bounds_is_refused(config: dict[str, Any]) -> None:
    assert "'Routing' version 3" in refusal_of_config(config)


def test_a_policy_cannot_be_changed_once_read() -> None:
    parsed = validation_policy.parse_validation({}, label="x")
    with pytest.raises(ValueError, match="frozen"):
        parsed.required_fields = ("name",)  # type: ignore[misc]
