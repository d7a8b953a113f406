"""What files say about money: exact amounts of a currency, whose they are, and what is told of what cannot be meant."""

from decimal import Decimal

import pytest

from leadgen.billing.domain.earnings import Share
from leadgen.billing.domain.terms import Dunning
from leadgen.configuration.domain import yaml_reader
from leadgen.configuration.domain.checks import contradictions
from leadgen.configuration.domain.files import ConfigurationFile, parse
from leadgen.configuration.domain.model import Configuration
from tests.support.configurations import SOUND, changed

PUBLISHED = changed(
    (
        "offers:\n  - name: Lawns\n",
        "publishers:\n  - {name: Home Pages, email: owner@example.com}\noffers:\n  - name: Lawns\n",
    ),
    ("        path_prefix: /lp/\n", "        path_prefix: /lp/\n        publisher: Home Pages\n"),
)
ELSEWHERE = (
    ("name: Springfield", "name: Shelbyville"),
    ("source_key: lawns-web", "source_key: shelbyville-web"),
    ("source_key: lawns-partner", "source_key: shelbyville-partner"),
    ("hostname: lawns.example.com", "hostname: shelbyville.example.com"),
)
YEN = changed(
    ("timezone: America/Denver", "timezone: Asia/Tokyo\n  country_code: JP\n  currency: JPY"),
    ("price: 45.10", "price: 4500"),
)


def read(text: str, name: str = "a.yaml") -> tuple[Configuration | None, list[str]]:
    """The configuration, and every problem of it, with where the ``# here`` of its text stands before each."""
    document = yaml_reader.parse(text, name, {})
    configuration, problems = parse(document)
    if configuration is not None and not problems:
        problems = contradictions([ConfigurationFile(document, configuration)])
    return configuration, [str(problem) for problem in problems]


def problems(text: str) -> list[str]:
    """What is wrong with it; every problem stands on the line that is marked."""
    here = 1 + [line.endswith("# here") for line in text.splitlines()].index(True)
    _, problems = read(text)
    assert all(problem.startswith(f"a.yaml:{here}: ") for problem in problems), problems
    return [problem.removeprefix(f"a.yaml:{here}: ") for problem in problems]


def both(one: str, other: str) -> list[str]:
    files = []
    for name, text in (("a.yaml", one), ("b.yaml", other)):
        document = yaml_reader.parse(text, name, {})
        configuration, problems = parse(document)
        assert problems == []
        assert configuration is not None
        files.append(ConfigurationFile(document, configuration))
    return [str(problem) for problem in contradictions(files)]


def test_amounts_of_billing_terms_are_exact() -> None:
    billing = "billing: {tax: {name: VAT, rate: 8.875}, auto_top_up: {below: 50.10, amount: 300}, terms_days: 30}"
    earning = "publisher: Home Pages\n        earning: {type: share, value: 12.5}"
    configuration, problems = read(
        changed(("opening_wallet_balance: 100", billing), ("publisher: Home Pages", earning), text=PUBLISHED)
    )
    assert problems == []
    assert configuration is not None
    terms = configuration.buyers[0].billing
    assert terms is not None
    assert terms.auto_top_up is not None
    assert (terms.tax.rate, terms.auto_top_up.below) == (Decimal("8.875"), Decimal("50.10"))
    assert configuration.offers[0].sources[0].earning == Share(type="share", value=Decimal("12.5"))


def test_a_seller_that_says_little_has_terms_all_the_same() -> None:
    configuration, problems = read(changed(("vertical:", "seller:\n  legal_name: Leads Inc.\nvertical:")))
    assert problems == []
    assert configuration is not None
    assert configuration.seller is not None
    assert (configuration.seller.terms_days, configuration.seller.dunning) == (14, Dunning())


@pytest.mark.parametrize("currency", ["KWD", "TND"])
def test_edge_26_a_market_in_a_currency_of_three_decimals_is_refused(currency: str) -> None:
    assert problems(
        changed(("timezone: America/Denver", f"timezone: Asia/Kuwait\n  currency: {currency}  # here"))
    ) == [
        "market.currency: cannot be kept exactly: "
        f"{currency} has more than two decimals, which amounts here cannot have"
    ]


def test_edge_26_a_market_in_yen_has_whole_prices() -> None:
    assert read(YEN)[1] == []


FLAT = "pricing: {exclusivity_premium: {type: flat, value: 0.5}}  # here"
WINDOW = "{type: flat, value: 0.5, days: [mon], start: '18:00', end: '24:00'}"
FRACTIONS = [
    ("price: 4500", "price: 4500.50  # here", "offers[0].price"),
    ("price: 4500", "price: 4500\n    invoice_threshold: 0.5  # here", "offers[0].invoice_threshold"),
    (
        "strategy: priority_based",
        f"strategy: priority_based\n        {FLAT}",
        "offers[0].routing_policy.config.pricing.exclusivity_premium.value",
    ),
    (
        "strategy: priority_based",
        f"strategy: priority_based\n        pricing: {{time_of_day_premiums: [{WINDOW}]}}  # here",
        "offers[0].routing_policy.config.pricing.time_of_day_premiums[0].value",
    ),
    ("balance: 100", "balance: 100.01  # here", "buyers[0].opening_wallet_balance"),
    ("balance: 100", "balance: 100\n    credit_limit: 0.01  # here", "buyers[0].credit_limit"),
    ("price: 50", "price: 50.5  # here", "buyers[0].offers[0].price"),
    ("price: 50", "price: 50\n        budget_per_hour: 99.9  # here", "buyers[0].offers[0].budget_per_hour"),
    ("price: 50", "price: 50\n        min_balance_required: 9.9  # here", "buyers[0].offers[0].min_balance_required"),
    (
        "balance: 100",
        "balance: 100\n    billing: {auto_top_up: {below: 5.5, amount: 10}}  # here",
        "buyers[0].billing.auto_top_up.below",
    ),
    (
        "balance: 100",
        "balance: 100\n    billing: {auto_top_up: {below: 5, amount: 10.1}}  # here",
        "buyers[0].billing.auto_top_up.amount",
    ),
]


@pytest.mark.parametrize(("old", "new", "field"), FRACTIONS, ids=[field for _, _, field in FRACTIONS])
def test_edge_26_a_part_of_a_yen_is_refused_wherever_it_stands(old: str, new: str, field: str) -> None:
    assert problems(changed((old, new), text=YEN)) == [
        f"{field}: must be a whole amount: JPY has no smaller unit than 1"
    ]


def test_edge_26_a_percentage_in_yen_may_have_decimals() -> None:
    percent = "strategy: priority_based\n        pricing: {exclusivity_premium: {type: percent, value: 12.5}}"
    assert read(changed(("strategy: priority_based", percent), text=YEN))[1] == []


@pytest.mark.parametrize(("old", "field"), [("price: 45.10", "offers[0]"), ("price: 50", "buyers[0].offers[0]")])
def test_edge_16_a_lead_for_nothing_is_not_sold(old: str, field: str) -> None:
    assert problems(changed((old, "price: 0  # here"))) == [f"{field}.price: must be greater than 0"]


def test_edge_12_no_threshold_is_the_platforms_and_one_of_nothing_is_kept() -> None:
    for threshold, expected in (("", None), ("0", Decimal(0))):
        configuration, problems = read(changed(("price: 45.10", f"price: 45.10\n    invoice_threshold: {threshold}")))
        assert problems == []
        assert configuration is not None
        assert configuration.offers[0].invoice_threshold == expected


def billing(written: str) -> tuple[str, str]:
    return "opening_wallet_balance: 100", f"billing: {written}  # here"


FAULTS = [
    (*billing("{tax: {rate: 19, reverse_charge: true}}"), "buyers[0].billing.tax",
     "reverse_charge goes with a rate of 0: the buyer accounts for the tax"),
    (*billing("{tax: {rate: 101}}"), "buyers[0].billing.tax.rate", "must be less than or equal to 100"),
    (*billing("{tax: {rate: 8.2501}}"), "buyers[0].billing.tax.rate", "must have no more than 3 decimal places"),
    (*billing("{tax: {rate: plenty}}"), "buyers[0].billing.tax.rate", "must be a number such as 45.00"),
    (*billing("{terms_days: 14.5}"), "buyers[0].billing.terms_days", "must be a whole number"),
    (*billing("{auto_top_up: {below: 0, amount: 5}}"), "buyers[0].billing.auto_top_up.below", "must be greater than 0"),
    (*billing("{auto_top_up: {below: 1, amount: 5.005}}"), "buyers[0].billing.auto_top_up.amount",
     "must have at most two decimals"),
    (*billing("{auto_top_up: {below: 1, amount: 100000000}}"), "buyers[0].billing.auto_top_up.amount",
     "must be less than or equal to 99999999.99"),
    (*billing("{dunning: {reminders: [3, 0]}}"), "buyers[0].billing.dunning", "reminders must rise, each day once"),
    (*billing("{email: accounts at example}"), "buyers[0].billing.email", "must be an e-mail address"),
    (*billing("{address: {line1: a, postal_code: 07030, city: b, country: usa}}"), "buyers[0].billing.address.country",
     "must be an ISO 3166-1 country code such as US"),
    (*billing("{vat: 19}"), "buyers[0].billing.vat",
     "is no field here; there are legal_name, address, tax_id, tax, po_number, email, terms_days, approval, "
     "auto_top_up, dunning"),
    ("vertical:", "seller: {bank: {iban: de89 3704 0044 0532 0130 00}}  # here\nvertical:", "seller.bank.iban",
     "must be an IBAN in capitals and without spaces, such as DE89370400440532013000"),
    ("vertical:", "seller: {bank: {routing_number: 1234}}  # here\nvertical:", "seller.bank.routing_number",
     "must be a routing number of nine digits"),
    ("vertical:", "seller: {email: nobody}  # here\nvertical:", "seller.email", "must be an e-mail address"),
    ("price: 45.10", "price: 45.10\n    returns: {reasons: [other], auto_approve: [duplicate]}  # here",
     "offers[0].returns", "auto_approve has duplicate, which reasons does not"),
    ("price: 45.10", "price: 45.10\n    returns: {reasons: []}  # here", "offers[0].returns.reasons",
     "must have at least 1 entry"),
    ("price: 45.10", "price: 45.10\n    returns: {window_hours: 0, reasons: [other]}  # here",
     "offers[0].returns.window_hours", "must be greater than 0"),
    ("priority: 20", "returns: {reasons: [other], quota: {type: share, value: 5}}  # here",
     "buyers[0].offers[0].returns.quota.type", "must be 'count' or 'percent'"),
    ("        path_prefix: /lp/", "        earning: {type: flat, value: 5}  # here",
     "offers[0].sources[0].earning", "needs a publisher beside it: whose it is"),
    ("        path_prefix: /lp/", "        publisher: Home Pages  # here",
     "offers[0].sources[0].publisher", "is no publisher of this file; name it in publishers"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "field", "message"), FAULTS, ids=[f"{f[2]} {n}" for n, f in enumerate(FAULTS)])
def test_what_cannot_be_meant_is_told_with_its_line_and_field(old: str, new: str, field: str, message: str) -> None:
    assert problems(changed((old, new))) == [f"{field}: {message}"]


@pytest.mark.parametrize(
    ("earning", "told_of"),
    [
        ("{type: share, value: 100.5}", "value: must be less than or equal to 100"),
        ("{type: share, value: 0}", "value: must be greater than 0"),
        ("{type: flat, value: -5}", "value: must be greater than 0"),
        ("{type: flat, value: 5.005}", "value: must have at most two decimals"),
        ("{type: percent, value: 5}", "type: must be 'flat' or 'share'"),
    ],
)
def test_what_an_owner_cannot_earn_is_refused(earning: str, told_of: str) -> None:
    text = changed(
        ("publisher: Home Pages\n", f"publisher: Home Pages\n        earning: {earning}  # here\n"), text=PUBLISHED
    )
    assert problems(text) == [f"offers[0].sources[0].earning.{told_of}"]


def test_the_publishers_of_a_file_are_named_where_another_is_meant() -> None:
    text = changed(("publisher: Home Pages", "publisher: Home Page  # here"), text=PUBLISHED)
    assert problems(text) == ["offers[0].sources[0].publisher: is no publisher of this file; there are 'Home Pages'"]


def test_a_publisher_stands_once_in_a_file() -> None:
    twice = "- {name: Home Pages, email: owner@example.com}"
    text = changed((twice, f"{twice}\n  {twice}  # here"), text=PUBLISHED)
    assert problems(text) == ["publishers[1]: the publisher of this name stands on a.yaml:8 already"]


def test_files_that_name_one_publisher_say_the_same_of_it_and_pay_it_in_one_currency() -> None:
    assert both(PUBLISHED, changed(*ELSEWHERE, text=PUBLISHED)) == []
    other = changed(*ELSEWHERE, ("owner@example.com", "boss@example.com"), text=PUBLISHED)
    assert both(PUBLISHED, other) == ["b.yaml:8: publishers[0]: differs from a.yaml:8 in email; both name Home Pages"]
    abroad = changed(*ELSEWHERE, ("timezone: America/Denver", "timezone: UTC\n  currency: EUR"), text=PUBLISHED)
    assert "b.yaml:1: market: differs from a.yaml:1 in currency; both name Home Pages" in both(PUBLISHED, abroad)


def test_two_files_cannot_name_two_sellers() -> None:
    one = changed(("vertical:", "seller: {legal_name: Leads Inc.}\nvertical:"))
    other = changed(*ELSEWHERE, ("vertical:", "seller: {legal_name: Leads LLC}\nvertical:"))
    assert both(one, changed(*ELSEWHERE, text=one)) == []
    assert both(one, changed(*ELSEWHERE)) == []
    assert both(one, other) == [
        "b.yaml:4: seller: differs from a.yaml:4 in legal_name; both name the one seller of the installation"
    ]


def test_edge_27_one_buyer_in_markets_of_two_currencies_is_refused() -> None:
    abroad = changed(*ELSEWHERE, ("timezone: America/Denver", "timezone: Europe/Berlin\n  currency: EUR"))
    assert both(SOUND, abroad) == [
        "b.yaml:1: market: differs from a.yaml:1 in currency; both name green@example.com",
        "b.yaml:1: market: differs from a.yaml:1 in currency; both name blue@example.com",
    ]
