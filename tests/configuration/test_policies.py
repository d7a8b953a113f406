"""Policies in files: what each takes from text, and what is told of what it does not take, in plain words."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from leadgen.configuration.domain import yaml_reader
from leadgen.configuration.domain.checks import contradictions
from leadgen.configuration.domain.files import ConfigurationFile, parse
from leadgen.configuration.domain.json_schema import schema
from leadgen.configuration.domain.model import Configuration
from leadgen.kernel.model_errors import PATTERNS
from leadgen.leads.domain import conditions
from leadgen.leads.domain.conditions import OPERATORS
from tests.support.configurations import changed

RULES, CONFIG = "offers[0].validation_policy.rules", "offers[0].routing_policy.config"


def with_rules(rules: str) -> str:
    return changed(("        allowed_postal_codes: [07030, 80014]\n    routing", f"        {rules}\n    routing"))


def with_config(config: str) -> str:
    return changed(("        strategy: priority_based\n", f"        {config}\n"))


def problems_of(text: str) -> list[str]:
    document = yaml_reader.parse(text, "a.yaml", {})
    configuration, problems = parse(document)
    if configuration is not None:
        problems += contradictions([ConfigurationFile(document, configuration)])
    return [str(problem) for problem in problems]


WRITTEN: dict[str, tuple[str, Any]] = {
    "present": ("no", False),
    "equals": ("07030", "07030"),
    "not_equals": ("yes", "yes"),
    "in": ("[1, true]", ("1", "true")),
    "not_in": ("[a b]", ("a b",)),
    "contains": ("12:30", "12:30"),
    "starts_with": ("1e3", "1e3"),
    "ends_with": ("null-ish", "null-ish"),
    "matches": ("'* roof ?'", "* roof ?"),
    "more_than": ("10", Decimal(10)),
    "at_least": ("-2.50", Decimal("-2.50")),
    "less_than": ("'3'", Decimal(3)),
    "at_most": ("0", Decimal(0)),
    "between": ("[1, 2.5]", (Decimal(1), Decimal("2.5"))),
    "before": ("2030-01-31", date(2030, 1, 31)),
    "after": ("'2030-01-31'", date(2030, 1, 31)),
}


def test_every_operator_is_written_here() -> None:
    assert set(WRITTEN) == set(OPERATORS)


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_takes_its_operand_from_text(operator: str) -> None:
    written, operand = WRITTEN[operator]
    text = with_rules(f"conditions: {{not: {{field: roof_age, {operator}: {written}}}}}")
    configuration, problems = parse(yaml_reader.parse(text, "a.yaml", {}))
    assert problems == []
    assert configuration is not None
    condition: Any = configuration.offers[0].validation_policy.rules.conditions
    test = condition.not_
    assert isinstance(test, conditions.Test)
    assert (test.operator, test.operand) == (operator, operand)


PLACE = "{postal_code: A, latitude: 1, longitude: 2}"
WEIGHTED = "strategy: weighted\n        weights: "
ROUND_ROBIN = "strategy: round_robin\n        "
OPERANDS = ", ".join(OPERATORS)
FAULTS = [
    (with_rules("allowed_towns: [Aurora]"), f"{RULES}.allowed_towns: is no field here; there are email_validation, "),
    (with_config("strategy: fair"), f"{CONFIG}.strategy: must be 'priority_based', 'round_robin', 'weighted', "),
    (with_config("unrouted: {action: hold}"), f"{CONFIG}.strategy: is missing"),
    (
        with_config(WEIGHTED + "{green@example.com: 1}\n        weight: 1"),
        f"{CONFIG}.weight: is no field here; there are acceptance_hours, exclusivity, pricing, sla, unrouted, "
        "rejection, strategy, weights",
    ),
    (with_config(WEIGHTED + "{a@b.c: lots}"), f"{CONFIG}.weights.a@b.c: must be a whole number"),
    (with_config(WEIGHTED + "{}"), f"{CONFIG}.weights: must have at least 1 entry"),
    (
        with_config(ROUND_ROBIN + "acceptance_hours: {monday: [['08:00', '18:00']]}"),
        f"{CONFIG}.acceptance_hours.monday: must be 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun'",
    ),
    (
        with_config(ROUND_ROBIN + "acceptance_hours: {mon: [[8 am, '18:00']]}"),
        f"{CONFIG}.acceptance_hours.mon[0][0]: must be a time of day such as 08:00",
    ),
    (
        with_config(ROUND_ROBIN + "acceptance_hours: {mon: [[08:00, 08:00]]}"),
        f"{CONFIG}.acceptance_hours.mon[0]: a window that starts and ends at the same time never opens",
    ),
    (
        with_config(ROUND_ROBIN + "acceptance_hours: {mon: []}"),
        f"{CONFIG}.acceptance_hours.mon: must have at least 1 entry",
    ),
    (
        with_config(ROUND_ROBIN + "pricing: {exclusivity_premium: {type: percent, value: 100001}}"),
        f"{CONFIG}.pricing.exclusivity_premium.value: must be less than or equal to 100000",
    ),
    (
        with_config(ROUND_ROBIN + "pricing: {exclusivity_premium: {type: percent, vlaue: 5, value: 1}}"),
        f"{CONFIG}.pricing.exclusivity_premium.vlaue: is no field here; there are type, value",
    ),
    (
        with_config(
            "strategy: round_robin\n        pricing: {time_of_day_premiums: "
            "[{type: flat, value: 1, days: [mon], start: '09:00', end: '09:00'}]}"
        ),
        f"{CONFIG}.pricing.time_of_day_premiums[0]: a window that starts and ends at the same time never opens",
    ),
    (
        with_rules("conditions: {all: [{field: city, equal: Aurora}]}"),
        f"{RULES}.conditions.all[0].equal: is no field here; there are field, {OPERANDS}",
    ),
    (
        with_rules("conditions: {any: [{not: {field: city}}]}"),
        f"{RULES}.conditions.any[0].not: needs exactly one operator beside field, and has none; there are {OPERANDS}",
    ),
    (
        with_rules("conditions: {any: [{field: city, present: true}], all: [{field: city, present: true}]}"),
        f"{RULES}.conditions.any: stands beside all: put one inside the other, as in all: [any: […], …]",
    ),
    (
        with_rules("conditions: {field: built, before: 20300131}"),
        f"{RULES}.conditions.before: must be a date such as 2030-01-31",
    ),
    (with_rules("conditions: {field: age, between: [2]}"), f"{RULES}.conditions.between[1]: is missing"),
    (with_rules("conditions: {field: age, between: [2, 1]}"), f"{RULES}.conditions: between 2 and 1 lies no number"),
    (with_rules("conditions: [a]"), f"{RULES}.conditions: must be a section of fields"),
    (
        with_rules("conditions: " + "{not: " * 10 + "{field: city, present: true}" + "}" * 10),
        f"{RULES}.conditions: is nested deeper than 10 levels",
    ),
    (
        with_rules("conditions: {all: [" + "{field: city, present: true}, " * 101 + "]}"),
        f"{RULES}.conditions: has more than 100 tests",
    ),
    (
        with_rules("fraud_detection: {flag_at: 10, review_at: 5}"),
        f"{RULES}.fraud_detection: flag_at, review_at and reject_at must rise in this order",
    ),
    (
        with_rules("duplicate_window_hours: 5\n        duplicate_detection: {enabled: true}"),
        f"{RULES}: duplicate_window_hours is the short form of duplicate_detection: give one of them",
    ),
    (
        with_rules("fraud_detection: {honeypot: {points: 5, field: two words}}"),
        f"{RULES}.fraud_detection.honeypot.field: must be a field's name, at most 80 characters without spaces",
    ),
    (
        changed(("capacity_per_day: 3", "filter: {field: city, is: Aurora}")),
        f"buyers[0].offers[0].filter.is: is no field here; there are field, {OPERANDS}",
    ),
    (
        changed(("capacity_per_day: 3", "consent: {texts: true}")),
        "buyers[0].offers[0].consent.texts: is no field here; there are given, text, text_contains, max_age_days, "
        "certificate, certificate_hosts",
    ),
    (changed(("capacity_per_day: 3", "budget_per_day: -1")), "buyers[0].offers[0].budget_per_day: must be"),
    (
        changed(("      postal_codes: [80014]\n", "      postal_codes: [80014]\n      whole_market: true\n")),
        "buyers[1].service_areas: whole_market leaves nothing for postal_codes to add: give one or the other",
    ),
    (
        changed(("      postal_codes: [80014]\n", "      regions: [CA-BC]\n")),
        "buyers[1].service_areas.regions[0]: must begin with US-, the market's country",
    ),
    (
        changed(("      postal_codes: [80014]\n", "      radius: [{postal_code: 80014, km: 5}]\n")),
        "buyers[1].service_areas.radius[0].postal_code: the market has no place 80014: add it to market.places, ",
    ),
    (
        changed(("      postal_codes: [80014]\n", "      radius: [{postal_code: 80014, km: 0}]\n")),
        "buyers[1].service_areas.radius[0].km: must be greater than 0",
    ),
    (
        changed(
            ("timezone: America/Denver", "timezone: UTC\n  places: [{postal_code: A, latitude: 1, longitude: 2}]"),
            ("      postal_codes: [80014]\n", "      radius: [{postal_code: A, km: 1}, {postal_code: a, km: 2}]\n"),
        ),
        "buyers[1].service_areas.radius[1].postal_code: has a radius already: of two around A the larger covers the ",
    ),
    (
        changed(("timezone: America/Denver", f"timezone: UTC\n  places: [{PLACE.replace('1', '91', 1)}]")),
        "market.places[0].latitude: must be less than or equal to 90",
    ),
    (
        changed((
            "timezone: America/Denver",
            "timezone: UTC\n  places: [{postal_code: A, latitude: 1, longitude: 2}, "
            "{postal_code: a, latitude: 1, longitude: 2}]",
        )),
        "market.places[1].postal_code: A has a place on line 4 already",
    ),
    (
        changed(("a-secret-of-green-gardens", "a-secret-of-green-gardens\n    webhook_secret_sha256: " + "0" * 64)),
        "buyers[0].webhook_secret_sha256: stands instead of webhook_secret: give one of them",
    ),
    (
        changed(("a-key-of-the-partner}", "a-key-of-the-partner}\n        api_key_sha256: abc")),
        "offers[0].sources[1].api_key_sha256: must be a SHA-256 fingerprint as `leadgen config export` writes it, ",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"), FAULTS, ids=[told.split(" ")[0] + str(n) for n, (_, told) in enumerate(FAULTS)]
)
def test_a_fault_is_told_once_at_its_field_in_plain_words(text: str, told: str) -> None:
    (problem,) = problems_of(text)
    place, _, said = problem.partition(": ")
    assert said.startswith(told)
    # On the line that the innermost field stands on, or would.
    assert place.startswith("a.yaml:")
    assert not any(
        jargon in problem for jargon in ("Value error", " tag", "Input", "after validation", "tuple", "dict")
    )


def test_every_pattern_of_the_models_has_words() -> None:
    found = set()

    def collect(part: Any) -> None:
        if isinstance(part, dict):
            found.update([part["pattern"]] if isinstance(part.get("pattern"), str) else [])
            found.update(part.get("patternProperties", ()))
            for inner in part.values():
                collect(inner)
        elif isinstance(part, list):
            for inner in part:
                collect(inner)

    collect(Configuration.model_json_schema())
    assert {pattern for pattern in found if not pattern.startswith("^(?!")} == set(PATTERNS)
    assert schema()


PREMIUMS = (
    "strategy: priority_based\n        pricing:\n          exclusivity_premium: {type: percent, value: 100}\n"
    "          time_of_day_premiums: [{type: flat, value: 100, days: [mon], start: '09:00', end: '10:00'}]"
)


@pytest.mark.parametrize(
    ("price", "most"), [("49999949.99", None), ("49999950.00", "100000000.00"), ("90000000.00", "180000100.00")]
)
def test_a_price_that_its_premiums_could_make_too_large_is_refused(price: str, most: str | None) -> None:
    told = f"could become {most} with all its premiums; a price is at most 99999999.99: lower one of them"
    text = changed(("strategy: priority_based", PREMIUMS), ("price: 45.10", f"price: {price}"))
    assert problems_of(text) == ([f"a.yaml:9: offers[0].price: {told}"] if most else [])
    text = changed(("strategy: priority_based", PREMIUMS), ("price: 50", f"price: {price}"))
    assert problems_of(text) == ([f"a.yaml:47: buyers[0].offers[0].price: {told}"] if most else [])
