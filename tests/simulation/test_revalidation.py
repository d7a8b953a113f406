"""Drafts of validation, held against what is on record."""

import json
from typing import Any

import pytest

from leadgen.kernel.trace import plain
from leadgen.simulation.domain.revalidation import Revalidated, validate_again
from leadgen.validation.domain import policy as validation_policy
from leadgen.validation.domain import rules as validation_rules
from leadgen.validation.domain.extraction import observe
from leadgen.validation.domain.observations import NOTHING_LOOKED_UP
from leadgen.validation.domain.policy import ValidationPolicy
from tests.support.domain_values import lead

FIELDS = {
    "phone": "+13035550142",
    "email": "person@example.com",
    "postal_code": "80014",
    "city": "Aurora",
    "message": "Please call",
    "consent": True,
    "attributes.consent_text": "You may call me",
    "attributes.rooms": 3,
}
ROOMS = {"field": "rooms", "at_least": 3}
POLICIES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "phone": {"phone_validation": True},
    "region": {"phone_region": "CA"},
    "email": {"email_validation": True},
    "places": {"zip_validation": True, "allowed_cities": ["Denver"]},
    "conditions": {"conditions": {"all": [ROOMS, {"field": "message", "contains": "call"}]}},
    "consent": {"consent": {"text_contains": "may"}},
    "score": {"lead_scoring": {"parts": [{"name": "rooms", "points": 5, "when": ROOMS}], "reject_below": 3}},
    "fraud": {"fraud_detection": {"honeypot": {"field": "trap", "points": 9}, "reject_at": 5}},
}


def policy(rules: dict[str, Any]) -> ValidationPolicy:
    return validation_policy.parse_validation(rules, label="of a test")


def recorded(rules: dict[str, Any]) -> str:
    seen = observe(policy(rules), lead(), FIELDS, NOTHING_LOOKED_UP, is_duplicate=False)
    return json.dumps(plain(validation_rules.inputs(policy(rules), seen)))


@pytest.mark.parametrize("rules", POLICIES.values(), ids=list(POLICIES))
def test_the_policy_of_the_time_is_answered_and_decides_as_it_did(rules: dict[str, Any]) -> None:
    decided = validation_rules.decide_recorded(json.loads(recorded(rules)))
    refused = None if isinstance(decided, validation_rules.Validated) else decided.reason
    assert validate_again(recorded(rules), policy(rules)) == Revalidated(refused, ())


@pytest.mark.parametrize("then", POLICIES.values(), ids=list(POLICIES))
def test_what_the_lead_itself_says_is_always_answered(then: dict[str, Any]) -> None:
    draft = policy({"allowed_cities": ["Boulder"], "required_fields": ["city"], "consent": {"text": True}})
    assert validate_again(recorded(then), draft) == Revalidated("allowed_cities", ())


@pytest.mark.parametrize(
    ("then", "draft", "expected"),
    [
        ("nothing", {"phone_validation": True}, Revalidated(None, ("phone_validation",))),
        ("region", {"phone_validation": True}, Revalidated("phone_validation", ())),
        ("phone", {"phone_region": "CA"}, Revalidated("phone_region", ())),
        ("email", {"mx_lookup_enabled": True}, Revalidated(None, ("mx_lookup_enabled",))),
        ("nothing", {"zip_validation": True}, Revalidated(None, ("zip_validation",))),
        ("conditions", {"conditions": {"field": "rooms", "more_than": 3}}, Revalidated("conditions", ())),
        (
            "conditions",
            {"conditions": {"field": "message", "contains": "write"}, "allowed_cities": ["Denver"]},
            Revalidated("allowed_cities", ("conditions",)),
        ),
        (
            "conditions",
            {"conditions": {"not": {"field": "message", "contains": "call"}}},
            Revalidated("conditions", ()),
        ),
        ("nothing", {"conditions": ROOMS}, Revalidated(None, ("conditions",))),
        ("consent", {"consent": {"text_contains": "never"}}, Revalidated(None, ("consent",))),
        ("nothing", {"consent": {"certificate": True}}, Revalidated("consent", ())),
        (
            "fraud",
            {"fraud_detection": {"honeypot": {"field": "trap", "points": 9}, "reject_at": 1}},
            Revalidated(None, ()),
        ),
        (
            "fraud",
            {"fraud_detection": {"honeypot": {"field": "other", "points": 9}, "reject_at": 1}},
            Revalidated(None, ("fraud_detection",)),
        ),
        (
            "score",
            {"lead_scoring": {"parts": [{"name": "rooms", "points": 5, "when": ROOMS}], "review_below": 6}},
            Revalidated("lead_score", ()),
        ),
    ],
)
def test_a_rule_that_the_record_does_not_answer_is_left_out_and_named(
    then: str, draft: dict[str, Any], expected: Revalidated
) -> None:
    assert validate_again(recorded(POLICIES[then]), policy(draft)) == expected
