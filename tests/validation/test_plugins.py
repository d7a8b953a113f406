"""The plugins that look at a person's address, number and consent, and the scores."""

from typing import Any

import pytest

from leadgen.kernel.trace import Check
from leadgen.validation.domain import policy as validation_policy
from leadgen.validation.domain import rules as validation_rules
from leadgen.validation.domain.policy import ValidationPolicy
from leadgen.validation.domain.rules import Held, Rejected, Validated
from tests.support.domain_values import NOON, lead, seen

FIELDS = {"email": "jane@example.com", "phone": "+13038662471", "postal_code": "80014", "region_code": "CO"}
Decision = Validated | Rejected | Held


def decide(rules: dict[str, Any], fields: dict[str, Any] | None = None, **values: Any) -> Decision:
    policy = validation_policy.parse_validation(rules, label="under test")
    subject = lead(**{name: values.pop(name) for name in ("postal_code", "country_code", "filled") if name in values})
    return validation_rules.validate(policy, seen(policy, subject, fields={**FIELDS, **(fields or {})}, **values))


def failing(rules: dict[str, Any], fields: dict[str, Any] | None = None, **values: Any) -> list[str]:
    return [check.rule for check in decide(rules, fields, **values).checks if not check.passed]


def check(decision: Decision, rule: str) -> Check:
    (found,) = [check for check in decision.checks if check.rule == rule]
    return found


@pytest.mark.parametrize(
    ("email", "passes"), [("jane@example.com", True), ("jane@", False), ("jane@example", False), ("", True)]
)
def test_email_validation_asks_for_an_address(email: str, passes: bool) -> None:
    assert failing({"email_validation": True}, {"email": email}) == ([] if passes else ["email_validation"])


@pytest.mark.parametrize(
    ("phone", "passes"),
    [
        ("+13038662471", True), ("+442079460018", True), ("", True),
        ("303-555-0123", False), ("5555555555", False), ("1234567890", False), ("55501", False), ("call me", False),
    ],
)  # fmt: skip
def test_phone_validation_asks_for_a_number_that_can_be_somebody_s(phone: str, passes: bool) -> None:
    assert failing({"phone_validation": True}, {"phone": phone}) == ([] if passes else ["phone_validation"])


def test_a_name_of_an_attribute_that_looks_personal_is_on_record_only_where_the_policy_asks_for_it() -> None:
    asked = {"attributes.question_30355577", "attributes.trap_30355577"}
    filled = frozenset({"name", "attributes.rooms", "attributes.jane@example.com", "attributes." + "x" * 200, *asked})
    policy = validation_policy.parse_validation(
        {
            "required_fields": ["question_30355577", "rooms"],
            "fraud_detection": {"honeypot": {"field": "trap_30355577", "points": 5}, "reject_at": 5},
        },
        label="under test",
    )
    observed = seen(policy, lead(filled=filled), fields=FIELDS)
    assert observed.lead.filled == {"name", "attributes.rooms", *asked}
    assert [check.passed for check in validation_rules.validate(policy, observed).checks] == [True, True, False]


def test_the_trace_says_what_is_wrong_with_a_number_without_telling_it() -> None:
    decision = decide({"phone_validation": True}, {"phone": "303-555-0123"})
    value = check(decision, "phone_validation").value
    assert isinstance(value, dict)
    assert (value["valid"], value["fictional"], value["area_code"]) == (True, True, "303")
    assert "0123" not in str(decision)


@pytest.mark.parametrize(
    ("code", "country", "region", "passes"),
    [
        ("80014", "US", "CO", True), ("80014", "US", None, True), ("80014", "US", "TX", False),
        ("8001", "US", None, False), ("8001", "XX", None, True), ("", "US", None, True),
    ],
)  # fmt: skip
def test_zip_validation_asks_for_a_code_of_the_country_and_region(
    code: str, country: str, region: str | None, passes: bool
) -> None:
    found = failing({"zip_validation": True}, {"region_code": region}, postal_code=code, country_code=country)
    assert found == ([] if passes else ["zip_validation"])


@pytest.mark.parametrize(
    ("phone", "passes"),
    [("303-866-2471", True), ("303-555-0123", True), ("", True), ("+442079460018", False), ("55501", False)],
)
def test_phone_region_is_where_the_number_belongs(phone: str, passes: bool) -> None:
    assert failing({"phone_region": "US"}, {"phone": phone}) == ([] if passes else ["phone_region"])


def test_disposable_mail_is_refused_where_the_policy_says_so() -> None:
    thrown_away = {"email": "jane@mailinator.com"}
    assert failing({"disposable_email_blocklist_enabled": True}, thrown_away) == ["disposable_email"]
    assert failing({"disposable_email_blocklist_enabled": True}) == []
    assert failing({}, thrown_away) == []


@pytest.mark.parametrize(("accepts", "passes"), [(True, True), (False, False)])
def test_mx_lookup_asks_whether_the_domain_takes_mail(accepts: bool, passes: bool) -> None:
    assert failing({"mx_lookup_enabled": True}, accepts_mail=accepts) == ([] if passes else ["mx_lookup"])


def test_what_is_no_address_takes_no_mail_and_needs_no_resolver() -> None:
    rules = {"mx_lookup_enabled": True}
    policy = validation_policy.parse_validation(rules, label="under test")
    assert failing(rules, {"email": "jane"}) == ["mx_lookup"]
    assert failing(rules, {"email": ""}) == []
    for email, known in (("jane", True), ("", True), ("jane@example.com", False)):
        assert validation_rules.is_known_to_take_mail(policy, seen(policy, lead(), fields={"email": email})) is known


def test_conditions_are_asked_over_fields_and_attributes() -> None:
    rules = {"conditions": {"any": [{"field": "roof_age", "at_least": 10}, {"field": "email", "ends_with": ".org"}]}}
    assert failing(rules, {"attributes.roof_age": 12}) == []
    assert failing(rules, {"attributes.roof_age": 3}) == ["conditions"]
    decision = decide(rules, {"attributes.roof_age": 3})
    assert check(decision, "conditions").value == {"roof_age": 3, "email": "withheld"}
    assert check(decision, "conditions").limit == {
        "any": [{"field": "roof_age", "at_least": "10"}, {"field": "email", "ends_with": ".org"}]
    }


def test_conditions_may_ask_for_what_was_found_before() -> None:
    rules = {
        "fraud_detection": {"ip_velocity": {"points": 30, "more_than": 2, "within_minutes": 60}},
        "lead_scoring": {"parts": [{"name": "calm", "points": 5, "when": {"field": "fraud_score", "less_than": 10}}]},
        "conditions": {
            "all": [
                {"field": "fraud_score", "equals": 30},
                {"field": "lead_score", "equals": 0},
                {"field": "is_duplicate", "equals": True},
            ]
        },
    }
    assert failing(rules, ip_posts=3, is_duplicate=True) == []
    assert failing(rules, ip_posts=2, is_duplicate=True) == ["conditions"]


def test_consent_is_demanded_as_the_policy_says() -> None:
    rules = {"consent": {"text_contains": "may call", "max_age_days": 30, "certificate_hosts": ["cert.example"]}}
    given = {
        "consent": True,
        "attributes.consent_text": "You  May Call me about plumbing",
        "attributes.consent_at": NOON.isoformat(),
        "attributes.consent_certificate_url": "https://cert.example/1",
    }
    assert failing(rules, given) == []
    decision = decide(rules, {"consent": False})
    assert isinstance(decision, Rejected)
    assert decision.reason == "consent"
    assert check(decision, "consent").value == ["given", "text_contains", "max_age_days", "certificate_hosts"]


def test_who_is_on_a_list_is_refused_by_every_policy() -> None:
    decision = decide({}, suppressed=("email", "phone of the offer"))
    assert isinstance(decision, Rejected)
    assert decision.reason == "suppression"
    assert decision.checks[0].value == ["email", "phone of the offer"]


FRAUD: dict[str, Any] = {
    "ip_velocity": {"points": 40, "more_than": 3, "within_minutes": 60},
    "phone_velocity": {"points": 30, "more_than": 2, "within_minutes": 60},
    "disposable_email": {"points": 20},
    "phone_country_mismatch": {"points": 10},
    "phone_area_mismatch": {"points": 9, "postal_prefixes": {"303": ["800", "80"], "512": ["787"]}},
    "postal_region_mismatch": {"points": 8},
    "ip_country_mismatch": {"points": 7},
    "honeypot": {"points": 6, "field": "website"},
    "time_to_fill": {"points": 5, "field": "seconds", "under_seconds": "2.5"},
}
ONE_SIGN_EACH: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("ip_velocity", {}, {"ip_posts": 4}),
    ("phone_velocity", {}, {"phone_posts": 3}),
    ("disposable_email", {"email": "jane@mailinator.com"}, {}),
    ("phone_country_mismatch", {"phone": "+442079460018"}, {}),
    ("phone_area_mismatch", {"phone": "512-866-2471"}, {}),
    ("postal_region_mismatch", {"region_code": "TX"}, {}),
    ("ip_country_mismatch", {}, {"ip_country": "NG"}),
    ("honeypot", {}, {"filled": frozenset({"attributes.website"})}),
    ("time_to_fill", {"attributes.seconds": 2.4}, {}),
]
NO_SIGN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({}, {"ip_posts": 3, "phone_posts": 2, "ip_country": "US"}),
    ({"phone": ""}, {}),
    ({"phone": "55501"}, {}),
    ({"phone": "206-866-2471"}, {}),  # an area the policy says nothing of
    ({"region_code": None}, {}),
    ({"attributes.seconds": 2.5}, {}),
    ({"attributes.seconds": "soon"}, {}),
    ({"attributes.seconds": True}, {}),
    ({"attributes.seconds": None}, {}),
    ({"attributes.seconds": "NaN"}, {}),
]


@pytest.mark.parametrize(("sign", "fields", "values"), ONE_SIGN_EACH, ids=lambda value: str(value)[:20])
def test_each_sign_of_fraud_counts_its_points(sign: str, fields: dict[str, Any], values: dict[str, Any]) -> None:
    decision = decide({"fraud_detection": FRAUD}, fields, **values)
    points = FRAUD[sign]["points"]
    assert decision.fraud_score == points
    assert check(decision, "fraud_detection").value == {"score": points, "parts": {sign: points}, "level": "pass"}


@pytest.mark.parametrize(("fields", "values"), NO_SIGN, ids=str)
def test_without_a_sign_nothing_counts(fields: dict[str, Any], values: dict[str, Any]) -> None:
    assert decide({"fraud_detection": FRAUD}, fields, **values).fraud_score == 0


def test_signs_that_the_policy_does_not_name_do_not_count() -> None:
    every = {name: value for _, fields, _ in ONE_SIGN_EACH for name, value in fields.items()}
    assert decide({"fraud_detection": {"ip_velocity": FRAUD["ip_velocity"]}}, every, phone_posts=9).fraud_score == 0


@pytest.mark.parametrize(("ip_posts", "level"), [(3, "pass"), (4, "review")], ids=["under", "at the threshold"])
def test_a_fraud_score_at_its_threshold_is_held(ip_posts: int, level: str) -> None:
    decision = decide({"fraud_detection": {**FRAUD, "review_at": 40, "reject_at": 41}}, ip_posts=ip_posts)
    value = check(decision, "fraud_detection").value
    assert isinstance(value, dict)
    assert value["level"] == level
    assert isinstance(decision, Held if level == "review" else Validated)


def test_a_held_lead_has_its_reason_and_what_counted() -> None:
    decision = decide({"fraud_detection": {**FRAUD, "review_at": 60}}, ip_posts=9, phone_posts=9)
    assert isinstance(decision, Held)
    assert (decision.reason, decision.detail) == ("fraud_score", "70 (ip_velocity 40, phone_velocity 30)")
    assert decision.fraud_score == 70


def test_a_lead_that_a_person_released_is_marked_and_not_held_again() -> None:
    rules = {"fraud_detection": {**FRAUD, "review_at": 40}}
    decision = decide(rules, ip_posts=9, is_released=True)
    assert isinstance(decision, Validated)
    assert decision.flags == ("fraud_detection",)


def test_a_flagged_lead_goes_on_with_its_mark() -> None:
    decision = decide({"fraud_detection": {**FRAUD, "flag_at": 40, "review_at": 41}}, ip_posts=9)
    assert isinstance(decision, Validated)
    assert decision.flags == ("fraud_detection",)
    assert check(decision, "fraud_detection").passed


def test_a_score_that_rejects_is_a_rule_that_fails() -> None:
    decision = decide({"fraud_detection": {**FRAUD, "review_at": 30, "reject_at": 40}}, ip_posts=9)
    assert isinstance(decision, Rejected)
    assert (decision.reason, decision.fraud_score) == ("fraud_detection", 40)
    assert check(decision, "fraud_detection").limit == {"review_at": 30, "reject_at": 40}


def test_a_rule_that_fails_comes_before_a_review() -> None:
    rules = {"fraud_detection": {**FRAUD, "review_at": 40}, "required_fields": ["message"]}
    decision = decide(rules, ip_posts=9)
    assert isinstance(decision, Rejected)
    assert decision.reason == "required_fields"


SCORING: dict[str, Any] = {
    "base": 10,
    "parts": [
        {"name": "roof", "points": 15, "when": {"field": "roof_age", "at_least": 15}},
        {"name": "far", "points": -30, "when": {"field": "city", "equals": "Nowhere"}},
    ],
}


@pytest.mark.parametrize(
    ("limits", "fields", "outcome", "flags"),
    [
        ({}, {}, Validated, ()),
        ({"flag_below": 10}, {}, Validated, ()),
        ({"flag_below": 11}, {}, Validated, ("lead_scoring",)),
        ({"flag_below": 26}, {"attributes.roof_age": 20}, Validated, ("lead_scoring",)),
        ({"flag_below": 25}, {"attributes.roof_age": 20}, Validated, ()),
        ({"review_below": 0}, {"city": "nowhere"}, Held, ()),
        ({"review_below": 0, "reject_below": -20}, {"city": "nowhere"}, Held, ()),
        ({"review_below": 0, "reject_below": -19}, {"city": "nowhere"}, Rejected, ()),
    ],
)
def test_a_lead_below_a_threshold_of_its_score_is_flagged_held_or_rejected(
    limits: dict[str, int], fields: dict[str, Any], outcome: type, flags: tuple[str, ...]
) -> None:
    decision = decide({"lead_scoring": {**SCORING, **limits}}, fields)
    assert isinstance(decision, outcome)
    assert getattr(decision, "flags", ()) == flags


def test_the_scores_are_told_with_their_parts() -> None:
    decision = decide({"lead_scoring": SCORING}, {"attributes.roof_age": 20, "city": "Nowhere"})
    assert decision.lead_score == -5
    assert check(decision, "lead_scoring").value == {
        "score": -5, "parts": {"roof": 15, "far": -30}, "level": "pass",
    }  # fmt: skip


def test_the_rules_are_asked_in_one_order_and_every_one_is_told() -> None:
    rules = {
        "lead_scoring": {**SCORING, "reject_below": 100},
        "fraud_detection": {**FRAUD, "reject_at": 1},
        "consent": {},
        "conditions": {"field": "message", "present": True},
        "mx_lookup_enabled": True,
        "disposable_email_blocklist_enabled": True,
        "phone_region": "CA",
        "allowed_country_codes": ["CA"],
        "allowed_cities": ["Denver"],
        "allowed_postal_codes": ["80202"],
        "required_fields": ["message"],
        "zip_validation": True,
        "phone_validation": True,
        "email_validation": True,
    }
    everything_wrong = {"phone": "+12225550123", "email": "jane@mailinator", "region_code": "TX"}
    failed = failing(rules, everything_wrong, suppressed=("email",), ip_posts=9)
    order = [
        "email_validation", "phone_validation", "zip_validation", "required_fields", "allowed_country_codes",
        "allowed_postal_codes", "allowed_cities", "phone_region", "disposable_email", "mx_lookup", "conditions",
        "consent", "suppression", "fraud_detection", "lead_scoring",
    ]  # fmt: skip
    assert failed == [rule for rule in order if rule != "disposable_email"]  # what is no address is not disposable
    told = [check.rule for check in decide(rules, everything_wrong, suppressed=("email",)).checks]
    assert told == order


def test_a_policy_that_does_not_ask_does_not_look() -> None:
    policy = ValidationPolicy()
    observed = seen(policy, lead(), fields=FIELDS, ip_country="NG")
    assert (observed.phone, observed.email, observed.postal_code, observed.ip_country) == (None, None, None, None)


def test_a_domain_is_kept_only_where_a_rule_is_about_domains() -> None:
    for rule, kept in (
        ("email_validation", None), ("mx_lookup_enabled", "example.com"),
        ("disposable_email_blocklist_enabled", "example.com"),
    ):  # fmt: skip
        observed = seen(validation_policy.parse_validation({rule: True}, label="under test"), lead(), fields=FIELDS)
        assert observed.email is not None
        assert (observed.email.valid, observed.email.domain) == (True, kept)


def test_a_number_in_the_field_for_seconds_is_not_kept() -> None:
    policy = validation_policy.parse_validation({"fraud_detection": FRAUD}, label="under test")
    for number in ("5125550102", 5125550102, "-5125550102"):
        assert "512555" not in str(seen(policy, lead(), fields={**FIELDS, "attributes.seconds": number}))
