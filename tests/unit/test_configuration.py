"""A file's fields: what each takes, and what is told of each it does not take."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from leadgen.operations import documents
from leadgen.operations.configuration import Configuration
from leadgen.operations.configuration_files import parse
from tests.configurations import SOUND, changed


def sound(text: str) -> Configuration:
    configuration, problems = parse(documents.parse(text, "a.yaml", {}))
    assert problems == []
    assert configuration is not None
    return configuration


def problems_of(text: str) -> list[str]:
    return [str(problem) for problem in parse(documents.parse(text, "a.yaml", {}))[1]]


def test_amounts_are_exact_and_have_two_decimals() -> None:
    configuration = sound(SOUND)
    assert configuration.offers[0].price == Decimal("45.10")
    assert str(configuration.buyers[0].offers[0].price) == "50.00"


def test_an_unquoted_postal_code_keeps_its_zero() -> None:
    configuration = sound(SOUND)
    assert configuration.offers[0].validation_policy.rules.allowed_postal_codes == ("07030", "80014")
    assert configuration.offers[0].exclusivities[0].place == ("postal_code", "07030")
    assert ("postal_code", "07030") in configuration.buyers[0].service_areas.places()


def test_each_value_gets_its_one_spelling() -> None:
    configuration = sound(
        changed(
            ("email: blue@example.com", "email: ' Blue@Example.COM '"),
            ("hostname: lawns.example.com", "hostname: Lawns.Example.COM:8443"),
            ("postal_codes: [80014]", "postal_codes: [' sw1a 1aa ', 'SW1A 1AA']\n      cities: [Fort  Collins, FORT COLLINS]"),
        )
    )
    assert configuration.buyers[1].email == "blue@example.com"
    assert configuration.offers[0].sources[0].hostname == "lawns.example.com"
    assert configuration.buyers[1].service_areas.places() == {("postal_code", "SW1A 1AA"), ("city", "Fort Collins")}


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


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("timezone: America/Denver", "timezone: Mountain", "3: market.timezone: must be an IANA time zone such as America/New_York"),
        ("timezone: America/Denver", "timezone: ../../etc/passwd", "3: market.timezone: must be an IANA time zone such as America/New_York"),
        ("timezone: America/Denver", "currency: USD", "1: market.timezone: is missing"),
        ("timezone: America/Denver", "timezone: UTC\n  currency: usd", "4: market.currency: must be an ISO 4217 currency code such as USD"),
        ("timezone: America/Denver", "timezone: UTC\n  country_code: USA", "4: market.country_code: must be an ISO 3166-1 country code such as US"),
        ("timezone: America/Denver", "timezone: UTC\n  region_code: Colorado", "4: market.region_code: must be an ISO 3166-2 region code such as US-NY"),
        ("timezone: America/Denver", "timezone: UTC\n  region_code: CA-BC", "4: market.region_code: must begin with US-, the market's country"),
        ("slug: gardening", "slug: Lawn Care", "5: vertical.slug: must be lower-case letters, digits and hyphens"),
        ("price: 45.10", "price: 45.105", "9: offers[0].price: must have no more than 2 decimal places"),
        ("price: 45.10", "price: $45", "9: offers[0].price: must be an amount such as 45.00"),
        ("price: 45.10", "price: 0", "9: offers[0].price: must be greater than 0"),
        ("price: 45.10", "price: NaN", "9: offers[0].price: must be a finite number"),
        ("price: 45.10", "price: 45.10\n    invoice_threshold: -1", "10: offers[0].invoice_threshold: must be greater than or equal to 0"),
        ("strategy: priority_based", "strategy: random", "17: offers[0].routing_policy.config.strategy: must be 'priority_based'"),
        ("[07030, 80014]\n    routing", "[]\n    routing", "13: offers[0].validation_policy.rules.allowed_postal_codes: must have at least 1 item after validation, not 0"),
        ("kind: partner_api", "kind: partner", "25: offers[0].sources[1].kind: must be 'landing_page', 'partner_api' or 'embed_form'"),
        ("source_key: lawns-web", "source_key: lawns web", "19: offers[0].sources[0].source_key: must match /^[A-Za-z0-9][A-Za-z0-9._:-]{1,127}$/ after trimming"),
        ("hostname: lawns.example.com", "hostname: https://lawns.example.com/", "22: offers[0].sources[0].hostname: must be a host name such as www.example.com, without a scheme or a path"),
        ("path_prefix: /lp/", "path_prefix: lp", "23: offers[0].sources[0].path_prefix: must be a path that begins with / and holds no ? or #"),
        ("hostname: lawns.example.com\n", "is_active: true\n", "23: offers[0].sources[0].path_prefix: needs a hostname beside it"),
        ("${LAWN_KEY:-a-key-of-the-partner}", "${LAWN_KEY}", "27: offers[0].sources[1].api_key: needs the environment variable LAWN_KEY, which is not set"),
        ("${LAWN_KEY:-a-key-of-the-partner}", "short", "27: offers[0].sources[1].api_key: must have at least 16 characters"),
        ("- postal_code: 07030\n", "- city: Aurora\n        postal_code: 07030\n", "29: offers[0].exclusivities[0]: needs either postal_code or city"),
        ("email: blue@example.com", "email: blue at example.com", "51: buyers[1].email: must be an e-mail address"),
        ("phone: +1 303-555-0101", "phone: 303", "52: buyers[1].phone: must be a telephone number of at least seven digits"),
        ("https://green.example.com/leads", "green.example.com/leads", "35: buyers[0].webhook_url: must be a URL such as https://crm.example.com/leads"),
        ("https://green.example.com/leads", "https://user:pw@green.example.com/", "35: buyers[0].webhook_url: must be a URL such as https://crm.example.com/leads"),
        ("phone: +1 303-555-0101", "phone: 3035550101\n    billing_cycle: daily", "53: buyers[1].billing_cycle: must be 'weekly', 'biweekly' or 'monthly'"),
        ("phone: +1 303-555-0101", "phone: 3035550101\n    sms_notifications: often", "53: buyers[1].sms_notifications: must be true or false"),
        ("      postal_codes: [80014]\n", "      postal_codes:\n", "53: buyers[1].service_areas: is missing"),
        ("capacity_per_day: 3", "capacity_per_day: three", "48: buyers[0].offers[0].capacity_per_day: must be a whole number"),
        ("capacity_per_day: 3", "capacity_per_day: -1", "48: buyers[0].offers[0].capacity_per_day: must be greater than or equal to 0"),
        ("priority: 20", "priority: 0", "46: buyers[0].offers[0].priority: must be greater than or equal to 1"),
        ("priority: 20", "pause_until: 2099-01-01", "46: buyers[0].offers[0].pause_until: must be a date and time with its offset, such as 2030-01-31T18:00:00-06:00"),
        ("priority: 20", "priorty: 20", "46: buyers[0].offers[0].priorty: is no field here; there are offer, is_active, priority, price, capacity_per_day, capacity_per_hour, min_balance_required, pause_until, webhook_url, email, sms"),
        ("vertical:\n  slug: gardening\n  name: Gardening\n", "vertical: gardening\n", "4: vertical: must be a section of fields"),
        ("    offers:\n      - offer: Lawns\n        priority: 20\n        price: 50\n        capacity_per_day: 3\n", "    offers: Lawns\n", "44: buyers[0].offers: must be a list"),
    ],
)  # fmt: skip
def test_a_faulty_field_is_told_with_its_file_line_and_what_is_allowed(old: str, new: str, problem: str) -> None:
    assert problems_of(changed((old, new))) == [f"a.yaml:{problem}"]


def test_every_problem_is_told_at_once_in_the_files_order() -> None:
    text = changed(
        ("timezone: America/Denver", "timezone: Mountain"),
        ("price: 45.10", "price: a lot"),
        ("${LAWN_KEY:-a-key-of-the-partner}", "${LAWN_KEY}"),
        ("capacity_per_day: 3", "capacity_per_week: 3"),
    )
    lines = [int(problem.split(":")[1]) for problem in problems_of(text)]
    assert lines == [3, 9, 27, 48]


def test_a_secret_is_never_repeated_in_a_problem() -> None:
    assert not any("hunter2" in problem for problem in problems_of(changed(("a-secret-of-green-gardens", "hunter2"))))
