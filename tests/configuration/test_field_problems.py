"""What a field does not take, and what is told of it. Each case marks the faulty line with ``# here``."""

import pytest

from leadgen.configuration.domain import yaml_reader
from leadgen.configuration.domain.files import parse
from tests.support.configurations import changed

FAULTS = [
    (
        "timezone: America/Denver",
        "timezone: Mountain  # here",
        "market.timezone",
        "must be an IANA time zone such as America/New_York",
    ),
    (
        "timezone: America/Denver",
        "timezone: ../../etc/passwd  # here",
        "market.timezone",
        "must be an IANA time zone such as America/New_York",
    ),
    (
        "market:\n  name: Springfield\n  timezone: America/Denver",
        "market:  # here\n  name: Springfield",
        "market.timezone",
        "is missing",
    ),
    (
        "timezone: America/Denver",
        "timezone: UTC\n  currency: usd  # here",
        "market.currency",
        "must be an ISO 4217 currency code such as USD",
    ),
    (
        "timezone: America/Denver",
        "timezone: UTC\n  country_code: USA  # here",
        "market.country_code",
        "must be an ISO 3166-1 country code such as US",
    ),
    (
        "timezone: America/Denver",
        "timezone: UTC\n  region_code: Colorado  # here",
        "market.region_code",
        "must be an ISO 3166-2 region code such as US-NY",
    ),
    (
        "timezone: America/Denver",
        "timezone: UTC\n  region_code: CA-BC  # here",
        "market.region_code",
        "must begin with US-, the market's country",
    ),
    ("slug: gardening", "slug: Lawn Care  # here", "vertical.slug", "must be lower-case letters, digits and hyphens"),
    (
        "vertical:\n  slug: gardening\n  name: Gardening\n",
        "vertical: gardening  # here\n",
        "vertical",
        "must be a section of fields",
    ),
    ("price: 45.10", "price: 45.105  # here", "offers[0].price", "must have no more than 2 decimal places"),
    ("price: 45.10", "price: $45  # here", "offers[0].price", "must be a number such as 45.00"),
    ("price: 45.10", "price: 0  # here", "offers[0].price", "must be greater than 0"),
    ("price: 45.10", "price: NaN  # here", "offers[0].price", "must be a finite number"),
    (
        "price: 45.10",
        "price: 100000000.00  # here",
        "offers[0].price",
        "must have no more than 8 digits before the decimal point",
    ),
    (
        "price: 45.10",
        "price: 45.10\n    invoice_threshold: -1  # here",
        "offers[0].invoice_threshold",
        "must be greater than or equal to 0",
    ),
    (
        "strategy: priority_based",
        "strategy: random  # here",
        "offers[0].routing_policy.config.strategy",
        "must be 'priority_based', 'round_robin', 'weighted', 'capacity_based', 'performance_based' or 'exclusive_zip'",
    ),
    (
        "rules:\n",
        "rules:\n        duplicate_detection: {keys: [fax]}  # here\n",
        "offers[0].validation_policy.rules.duplicate_detection.keys[0]",
        "must be 'phone' or 'email'",
    ),
    (
        "rules:\n",
        "rules:\n        allowed_cities: []  # here\n",
        "offers[0].validation_policy.rules.allowed_cities",
        "must have at least 1 entry",
    ),
    (
        "kind: partner_api",
        "kind: partner  # here",
        "offers[0].sources[1].kind",
        "must be 'landing_page', 'partner_api' or 'embed_form'",
    ),
    (
        "source_key: lawns-web",
        "source_key: lawns web  # here",
        "offers[0].sources[0].source_key",
        "must match /^[A-Za-z0-9][A-Za-z0-9._:-]{1,127}$/ after trimming",
    ),
    (
        "hostname: lawns.example.com",
        "hostname: https://lawns.example.com/  # here",
        "offers[0].sources[0].hostname",
        "must be a host name such as www.example.com, without a scheme or a path",
    ),
    (
        "path_prefix: /lp/",
        "path_prefix: lp  # here",
        "offers[0].sources[0].path_prefix",
        "must be a path that begins with / and holds no ? or #",
    ),
    (
        "hostname: lawns.example.com\n        path_prefix: /lp/",
        "path_prefix: /lp/  # here",
        "offers[0].sources[0].path_prefix",
        "needs a hostname beside it",
    ),
    (
        "${LAWN_KEY:-a-key-of-the-partner}",
        "${LAWN_KEY}  # here",
        "offers[0].sources[1].api_key",
        "needs the environment variable LAWN_KEY, which is not set",
    ),
    (
        "${LAWN_KEY:-a-key-of-the-partner}",
        "short  # here",
        "offers[0].sources[1].api_key",
        "must have at least 16 characters",
    ),
    (
        "- postal_code: 07030\n",
        "- city: Aurora  # here\n        postal_code: 07030\n",
        "offers[0].exclusivities[0]",
        "needs either postal_code or city",
    ),
    ("email: blue@example.com", "email: blue at example.com  # here", "buyers[1].email", "must be an e-mail address"),
    (
        "phone: +1 303-555-0101",
        "phone: 303  # here",
        "buyers[1].phone",
        "must be a telephone number of at least seven digits",
    ),
    (
        "https://green.example.com/leads",
        "green.example.com/leads  # here",
        "buyers[0].webhook_url",
        "must be a URL such as https://crm.example.com/leads",
    ),
    (
        "https://green.example.com/leads",
        "https://user:pw@green.example.com/  # here",
        "buyers[0].webhook_url",
        "must be a URL such as https://crm.example.com/leads",
    ),
    (
        "phone: +1 303-555-0101",
        "phone: 3035550101\n    billing_cycle: daily  # here",
        "buyers[1].billing_cycle",
        "must be 'weekly', 'biweekly' or 'monthly'",
    ),
    (
        "phone: +1 303-555-0101",
        "phone: 3035550101\n    sms_notifications: often  # here",
        "buyers[1].sms_notifications",
        "must be true or false",
    ),
    (
        "service_areas:\n      postal_codes: [80014]\n",
        "service_areas: {}  # here\n",
        "buyers[1].service_areas",
        "needs postal_codes, cities, regions, radius or whole_market: true",
    ),
    (
        "capacity_per_day: 3",
        "capacity_per_day: three  # here",
        "buyers[0].offers[0].capacity_per_day",
        "must be a whole number",
    ),
    (
        "capacity_per_day: 3",
        "capacity_per_day: -1  # here",
        "buyers[0].offers[0].capacity_per_day",
        "must be greater than or equal to 0",
    ),
    ("priority: 20", "priority: 0  # here", "buyers[0].offers[0].priority", "must be greater than or equal to 1"),
    (
        "priority: 20",
        "pause_until: 2099-01-01  # here",
        "buyers[0].offers[0].pause_until",
        "must be a date and time with its offset, such as 2030-01-31T18:00:00-06:00",
    ),
    (
        "priority: 20",
        "pause_until: 9999-12-31T23:59:59-06:00  # here",
        "buyers[0].offers[0].pause_until",
        "must lie in the years 2 to 9998",
    ),
]


@pytest.mark.parametrize(("old", "new", "field", "message"), FAULTS)
def test_a_faulty_field_is_told_with_its_line_and_what_it_takes(old: str, new: str, field: str, message: str) -> None:
    text = changed((old, new))
    line = next(number for number, line in enumerate(text.splitlines(), start=1) if line.endswith("# here"))
    _, problems = parse(yaml_reader.parse(text, "a.yaml", {}))
    assert [str(problem) for problem in problems] == [f"a.yaml:{line}: {field}: {message}"]
