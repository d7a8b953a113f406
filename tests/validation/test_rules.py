"""Validation: each rule, every failing one reported, the first one the reason."""

from typing import Any

import pytest

from leadgen.kernel.trace import Check
from leadgen.leads.domain.lead import Lead, filled_fields
from leadgen.validation.domain import rules as validation_rules
from leadgen.validation.domain.policy import ValidationPolicy
from leadgen.validation.domain.rules import Held, Rejected, Validated
from tests.support.domain_values import lead, seen, validation_policy

NOT_SUPPRESSED = Check("suppression", [], [], True)


def decide(policy: ValidationPolicy, subject: Lead) -> Validated | Rejected | Held:
    return validation_rules.validate(policy, seen(policy, subject))


def failing(rules: dict[str, Any], **values: Any) -> list[str]:
    decision = decide(validation_policy(**rules), lead(**values))
    return [check.rule for check in decision.checks if not check.passed]


def test_without_rules_every_lead_is_valid() -> None:
    assert decide(validation_policy(), lead()) == Validated((NOT_SUPPRESSED,))


@pytest.mark.parametrize(
    ("required", "filled", "passes"),
    [
        (("city",), {"city"}, True),
        (("city",), {"name"}, False),
        (("city", "message"), {"city"}, False),
        (("roof_age",), {"attributes.roof_age"}, True),
        (("attributes.roof_age",), {"attributes.roof_age"}, True),
        (("roof_age",), {"roof_age"}, False),
        (("city",), {"attributes.city"}, False),
    ],
)
def test_required_fields_are_the_leads_own_or_its_attributes(
    required: tuple[str, ...], filled: set[str], passes: bool
) -> None:
    assert failing({"required_fields": required}, filled=frozenset(filled)) == ([] if passes else ["required_fields"])


def test_the_missing_fields_are_named_in_the_trace() -> None:
    policy = validation_policy(required_fields=("city", "message", "name"))
    decision = decide(policy, lead(filled=frozenset({"name"})))
    assert isinstance(decision, Rejected)
    assert decision.checks[0].value == ["city", "message"]


@pytest.mark.parametrize(("code", "passes"), [("80014", True), ("SW1A 1AA", True), ("80015", False), ("8001", False)])
def test_allowed_postal_codes_compare_normalized_codes(code: str, passes: bool) -> None:
    rules = {"allowed_postal_codes": ("80014", " sw1a 1aa ")}
    assert failing(rules, postal_code=code) == ([] if passes else ["allowed_postal_codes"])


@pytest.mark.parametrize(
    ("city", "passes"),
    [("Fort Collins", True), ("FORT  collins", True), ("Collins", False), (None, False), ("", False)],
)
def test_allowed_cities_compare_without_capitals_and_extra_spaces(city: str | None, passes: bool) -> None:
    assert failing({"allowed_cities": ("Fort Collins",)}, city=city) == ([] if passes else ["allowed_cities"])


@pytest.mark.parametrize(("country", "passes"), [("US", True), ("CA", True), ("MX", False)])
def test_allowed_country_codes(country: str, passes: bool) -> None:
    assert failing({"allowed_country_codes": ("US", "CA")}, country_code=country) == (
        [] if passes else ["allowed_country_codes"]
    )


def test_every_failing_rule_is_reported_and_the_first_is_the_reason() -> None:
    policy = validation_policy(
        allowed_cities=("Denver",),
        allowed_postal_codes=("80202",),
        allowed_country_codes=("CA",),
        required_fields=("message",),
    )
    decision = decide(policy, lead())
    assert isinstance(decision, Rejected)
    assert decision.reason == "required_fields"
    assert [check.rule for check in decision.checks] == [
        "required_fields", "allowed_country_codes", "allowed_postal_codes", "allowed_cities", "suppression",
    ]  # fmt: skip
    assert not any(check.passed for check in decision.checks[:-1])


def test_the_reason_is_the_first_that_fails_not_the_first_that_was_asked() -> None:
    policy = validation_policy(required_fields=("name",), allowed_postal_codes=("80202",), allowed_cities=("Denver",))
    decision = decide(policy, lead())
    assert isinstance(decision, Rejected)
    assert decision.reason == "allowed_postal_codes"


@pytest.mark.parametrize("blank", [None, "", "  ", False, {}, []])
def test_a_blank_field_is_not_filled(blank: object) -> None:
    assert filled_fields({"city": blank}, {"roof": blank}) == frozenset()


@pytest.mark.parametrize("value", ["x", True, 0, 0.0, [0], {"a": None}])
def test_any_other_value_fills_its_field(value: object) -> None:
    assert filled_fields({"city": value}, {"roof": value}) == {"city", "attributes.roof"}


def test_a_long_list_is_cut_in_the_trace_but_not_in_the_rule() -> None:
    codes = tuple(str(80000 + n) for n in range(500))
    decision = decide(validation_policy(allowed_postal_codes=codes), lead(postal_code="80499"))
    assert isinstance(decision, Validated)
    assert decision.checks[0].limit == {"first": list(codes[:20]), "count": 500}
