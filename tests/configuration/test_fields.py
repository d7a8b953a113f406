"""A file's fields: what each takes, and what is told of each it does not take."""

from datetime import UTC, datetime
from decimal import Decimal

from leadgen.configuration.domain import yaml_reader
from leadgen.configuration.domain.files import parse
from leadgen.configuration.domain.model import Configuration
from tests.support.configurations import SOUND, changed


def sound(text: str) -> Configuration:
    configuration, problems = parse(yaml_reader.parse(text, "a.yaml", {}))
    assert problems == []
    assert configuration is not None
    return configuration


def problems_of(text: str) -> list[str]:
    return [str(problem) for problem in parse(yaml_reader.parse(text, "a.yaml", {}))[1]]


def test_amounts_are_exact_and_have_two_decimals() -> None:
    configuration = sound(SOUND)
    assert configuration.offers[0].price == Decimal("45.10")
    assert str(configuration.buyers[0].offers[0].price) == "50.00"


def test_an_unquoted_postal_code_keeps_its_zero() -> None:
    configuration = sound(SOUND)
    assert configuration.offers[0].validation_policy.rules.allowed_postal_codes == ("07030", "80014")
    assert configuration.offers[0].exclusivities[0].area == ("postal_code", "07030")
    assert ("postal_code", "07030") in configuration.buyers[0].service_areas.areas()


def test_each_value_gets_its_one_spelling() -> None:
    configuration = sound(
        changed(
            ("email: blue@example.com", "email: ' Blue@Example.COM '"),
            ("hostname: lawns.example.com", "hostname: Lawns.Example.COM:8443"),
            (
                "postal_codes: [80014]",
                "postal_codes: [' sw1a 1aa ', 'SW1A 1AA']\n      cities: [Fort  Collins, FORT COLLINS]",
            ),
        )
    )
    assert configuration.buyers[1].email == "blue@example.com"
    assert configuration.offers[0].sources[0].hostname == "lawns.example.com"
    assert configuration.buyers[1].service_areas.areas() == {("postal_code", "SW1A 1AA"), ("city", "Fort Collins")}


def test_what_a_file_leaves_out_is_no_limit_or_the_platforms_own() -> None:
    configuration = sound(SOUND)
    assert (configuration.market.country_code, configuration.market.currency) == ("US", "USD")
    assert configuration.offers[0].invoice_threshold is None
    blue = configuration.buyers[1]
    assert (blue.billing_cycle, blue.email_notifications, blue.sms_notifications, blue.is_active) == (
        "weekly", True, False, True,
    )  # fmt: skip
    terms = blue.offers[0]
    assert (terms.priority, terms.price, terms.capacity_per_day, terms.pause_until) == (1, None, None, None)


def test_a_policys_numbers_and_flags_are_read_from_text() -> None:
    rules = "rules:\n        duplicate_detection: {enabled: true, window_hours: 36, keys: [email]}\n"
    policy = sound(changed(("rules:\n", rules))).offers[0].validation_policy.rules
    assert (policy.duplicate_detection.enabled, policy.duplicate_detection.window_hours) == (True, 36)


def test_a_pause_is_an_instant() -> None:
    text = changed(("priority: 20", "pause_until: 2099-01-01T00:00:00-06:00"))
    assert sound(text).buyers[0].offers[0].pause_until == datetime(2099, 1, 1, 6, tzinfo=UTC)


def test_an_unknown_field_is_refused_and_the_known_ones_are_named() -> None:
    assert problems_of(changed(("name: Blue Gardens", "nmae: Blue Gardens"))) == [
        "a.yaml:46: buyers[1].name: is missing",
        "a.yaml:46: buyers[1].nmae: is no field here; there are name, email, phone, company, webhook_url, "
        "webhook_secret, webhook_secret_sha256, email_notifications, sms_notifications, is_active, credit_limit, "
        "billing_cycle, opening_wallet_balance, billing, service_areas, offers",
    ]
    assert problems_of(changed(("      config:\n", "      config:\n        startegy: x\n"))) == [
        "a.yaml:17: offers[0].routing_policy.config.startegy: is no field here; "
        "there are acceptance_hours, exclusivity, pricing, sla, unrouted, rejection, strategy"
    ]


def test_every_problem_is_told_at_once_in_the_files_order() -> None:
    text = changed(
        ("timezone: America/Denver", "timezone: Mountain"),
        ("price: 45.10", "price: a lot"),
        ("${LAWN_KEY:-a-key-of-the-partner}", "${LAWN_KEY}"),
        ("capacity_per_day: 3", "capacity_per_year: 3"),
    )
    lines = [int(problem.split(":")[1]) for problem in problems_of(text)]
    assert lines == sorted(lines) == [3, 9, 27, 45]


def test_a_secret_is_never_repeated_in_a_problem() -> None:
    assert not any("hunter2" in problem for problem in problems_of(changed(("a-secret-of-green-gardens", "hunter2"))))
