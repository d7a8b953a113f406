"""What is recorded of a decision is enough to make it again: the same record, byte for byte."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.trace import Json, plain
from leadgen.leads.domain.lead import Contact, filled_fields
from leadgen.validation.domain import duplicates, screening
from leadgen.validation.domain import policy as validation_policy
from leadgen.validation.domain import rules as validation_rules
from leadgen.validation.domain.observations import LookedUp
from leadgen.validation.domain.screening import Screened, ScreeningRequest
from tests.support.domain_values import NOON, lead, seen

TESTS = st.sampled_from(
    [
        {"field": "roof_age", "at_least": 10},
        {"field": "roof_age", "present": True},
        {"field": "city", "in": ["Aurora", "Denver"]},
        {"field": "email", "ends_with": ".com"},
        {"field": "message", "contains": "leak"},
        {"field": "fraud_score", "less_than": 50},
        {"field": "lead_score", "between": [0, 10.5]},
        {"field": "is_duplicate", "equals": True},
        {"field": "attributes.since", "before": "2026-01-01"},
    ]
)
CONDITIONS = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=5,
)
POINTS = st.integers(1, 60)
FRAUD = st.fixed_dictionaries(
    {},
    optional={
        "ip_velocity": POINTS.map(lambda points: {"points": points, "more_than": 2, "within_minutes": 60}),
        "phone_velocity": POINTS.map(lambda points: {"points": points, "more_than": 1, "within_minutes": 5}),
        "disposable_email": POINTS.map(lambda points: {"points": points}),
        "phone_country_mismatch": POINTS.map(lambda points: {"points": points}),
        "phone_area_mismatch": POINTS.map(lambda points: {"points": points, "postal_prefixes": {"303": ["80"]}}),
        "postal_region_mismatch": POINTS.map(lambda points: {"points": points}),
        "ip_country_mismatch": POINTS.map(lambda points: {"points": points}),
        "honeypot": POINTS.map(lambda points: {"points": points, "field": "website"}),
        "time_to_fill": POINTS.map(lambda points: {"points": points, "field": "seconds", "under_seconds": 2.5}),
        "flag_at": st.integers(0, 20),
        "review_at": st.integers(30, 50),
        "reject_at": st.integers(60, 90),
    },
)
SCORING = st.fixed_dictionaries(
    {"parts": CONDITIONS.map(lambda when: [{"name": "part", "points": -7, "when": when}])},
    optional={"base": st.integers(-10, 10), "flag_below": st.integers(1, 9), "review_below": st.integers(-9, 0)},
)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "email_validation": st.booleans(),
        "phone_validation": st.booleans(),
        "zip_validation": st.booleans(),
        "required_fields": st.lists(st.sampled_from(["city", "message", "roof_age"]), max_size=3),
        "allowed_postal_codes": st.just(["80014"]),
        "allowed_cities": st.just(["Denver"]),
        "allowed_country_codes": st.just(["US"]),
        "phone_region": st.sampled_from(["US", "CA"]),
        "disposable_email_blocklist_enabled": st.booleans(),
        "mx_lookup_enabled": st.booleans(),
        "duplicate_window_hours": st.integers(1, 48),
        "conditions": CONDITIONS,
        "consent": st.fixed_dictionaries(
            {},
            optional={
                "given": st.booleans(), "text": st.booleans(), "text_contains": st.just("may call"),
                "max_age_days": st.integers(1, 9), "certificate": st.booleans(),
                "certificate_hosts": st.just(["cert.example"]),
            },
        ),
        "fraud_detection": FRAUD,
        "lead_scoring": SCORING,
    },
)  # fmt: skip
FIELDS = st.fixed_dictionaries(
    {
        "email": st.sampled_from(["jane@example.com", "x@mailinator.com", "nobody", ""]),
        "phone": st.sampled_from(["303-866-2471", "303-555-0123", "+442079460018", "5555555555", "55501", ""]),
    },
    optional={
        "city": st.sampled_from(["Denver", "denver ", "Aurora", ""]),
        "region_code": st.sampled_from(["CO", "US-TX", "?"]),
        "message": st.text(max_size=10) | st.just("It leaks"),
        "consent": st.booleans(),
        "attributes.roof_age": st.integers(-5, 50) | st.floats(0, 30) | st.just("12"),
        "attributes.since": st.sampled_from(["2020-02-29", "2030-01-01T00:00:00Z", "soon"]),
        "attributes.seconds": st.floats() | st.integers() | st.text(max_size=5) | st.booleans(),
        "attributes.website": st.sampled_from(["", "http://x"]),
        "attributes.consent_text": st.sampled_from(["You may call", ""]),
        "attributes.consent_at": st.sampled_from(["2026-06-17T11:00:00+05:00", "2026-06-01T00:00:00Z", "then"]),
        "attributes.consent_certificate_url": st.sampled_from(["https://cert.example/1", "http://cert.example", "x"]),
    },
)
LOOKED_UP = st.builds(
    LookedUp,
    suppressed=st.sampled_from([(), ("email",), ("email", "phone of the offer")]),
    ip_posts=st.none() | st.integers(1, 5),
    phone_posts=st.none() | st.integers(1, 5),
    ip_country=st.sampled_from([None, "US", "NG"]),
    disposable=st.sampled_from([{}, {"mailinator.com": False}, {"example.com": True}]),
    accepts_mail=st.booleans(),
    is_released=st.booleans(),
)


def stored(value: Json) -> Any:
    """As the database gives it back."""
    return json.loads(json.dumps(value))


def stored_inputs(inputs: validation_rules.Inputs | validation_rules.UnreadableInputs) -> Any:
    return stored(plain(inputs))


def as_bytes(verdict: screening.RecordedVerdict) -> bytes:
    return json.dumps([verdict.outcome, verdict.reason, verdict.trace], sort_keys=True).encode()


@given(
    rules=RULES, fields=FIELDS, looked_up=LOOKED_UP, is_duplicate=st.booleans(), code=st.sampled_from(["80014", "x"])
)
def test_a_validation_is_decided_again_from_its_record(
    rules: dict[str, Any], fields: dict[str, Any], looked_up: LookedUp, is_duplicate: bool, code: str
) -> None:
    policy = validation_policy.parse_validation(rules, label="under test")
    filled = filled_fields({name: value for name, value in fields.items() if "." not in name}, {})
    subject = lead(postal_code=code, filled=filled | {name for name in fields if "." in name})
    observed = seen(policy, subject, fields=fields, is_duplicate=is_duplicate, **vars(looked_up))
    decision = validation_rules.validate(policy, observed)
    inputs = stored_inputs(validation_rules.inputs(policy, observed))
    assert validation_rules.decide_recorded(inputs) == decision
    again = screening.verify_validation(inputs)
    assert as_bytes(again) == as_bytes(screening.validation_verdict(decision))
    # And what was read again is recorded as it was.
    assert (
        stored_inputs(
            validation_rules.inputs(validation_policy.parse_validation(inputs["policy"], label="again"), observed)
        )
        == inputs
    )


@given(
    leads=st.lists(
        st.tuples(st.integers(0, 100), st.sampled_from([None, "1", "2"]), st.sampled_from([None, "a", "b"])),
        min_size=1,
        max_size=6,
    ),
    detection=st.fixed_dictionaries(
        {"enabled": st.booleans()},
        optional={
            "window_hours": st.integers(1, 2),
            "keys": st.sampled_from([["phone"], ["email"], ["phone", "email"]]),
            "match_mode": st.sampled_from(["any", "all"]),
            "action": st.sampled_from(["reject", "flag", "accept"]),
            "min_fields": st.sampled_from([[], ["phone"]]),
        },
    ),
)
def test_a_duplicate_is_found_again_from_its_record(
    leads: list[tuple[int, str | None, str | None]], detection: dict[str, Any]
) -> None:
    policy = validation_policy.parse_validation({"duplicate_detection": detection}, label="under test")
    requests = []
    for number, (minutes, phone, email) in enumerate(leads, start=1):
        subject, contact = lead(lead_id=number, created_at=NOON + timedelta(minutes=minutes)), Contact(phone, email)
        search = duplicates.search_for(policy.detection, subject, contact, default_window_hours=1)
        requests.append(ScreeningRequest(subject, contact, policy, search))
    for result in screening.screen(requests, {}):
        assert isinstance(result, Screened)
        request = result.request
        inputs = stored(plain(duplicates.inputs(policy.detection, request.contact, request.search, result.found)))
        again = screening.verify_duplicates(inputs)
        assert as_bytes(again) == as_bytes(screening.duplicate_verdict(result.duplicate))


def test_a_policy_that_did_not_parse_is_held_again() -> None:
    rules = {"weight": 0.5, "phone_region": 7}
    try:
        validation_policy.parse_validation(rules, label="'x' version 3")
    except PolicyInvalid as problem:
        held = validation_rules.unreadable(problem)
    inputs = stored_inputs(validation_rules.unreadable_inputs(rules, label="'x' version 3"))
    assert validation_rules.decide_recorded(inputs) == held


def test_inputs_that_are_none_are_refused() -> None:
    recorded: list[Json] = [{}, [], "text", None, {"policy": {}}, {"rules": 7, "label": "x"}, {"rules": "{}"}]
    for inputs in recorded:
        with pytest.raises(ValidationError):
            validation_rules.decide_recorded(inputs)
    with pytest.raises(PolicyInvalid, match="parses now"):
        validation_rules.decide_recorded({"rules": "{}", "label": "x"})
