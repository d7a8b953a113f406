"""What files must not say of one thing: two things, or something of what is not there."""

import pytest

from leadgen.configuration.domain import yaml_reader
from leadgen.configuration.domain.checks import contradictions
from leadgen.configuration.domain.files import ConfigurationFile, parse
from tests.support.configurations import SOUND, changed

# A second market with offers, sources and exclusivities of its own, and the same buyers.
ELSEWHERE = changed(
    ("name: Springfield", "name: Shelbyville"),
    ("source_key: lawns-web", "source_key: shelbyville-web"),
    ("source_key: lawns-partner", "source_key: shelbyville-partner"),
    ("hostname: lawns.example.com", "hostname: shelbyville.example.com"),
)


def file(text: str, name: str = "a.yaml") -> ConfigurationFile:
    document = yaml_reader.parse(text, name, {})
    configuration, problems = parse(document)
    assert problems == []
    assert configuration is not None
    return ConfigurationFile(document, configuration)


def problems_of(*texts: str) -> list[str]:
    files = [file(text, f"{name}.yaml") for name, text in zip("ab", texts, strict=False)]
    return [str(problem) for problem in contradictions(files)]


def test_sound_files_that_share_buyers_and_policies_agree() -> None:
    assert problems_of(SOUND) == []
    assert problems_of(SOUND, ELSEWHERE) == []


def test_files_that_name_one_buyer_must_say_the_same_of_it() -> None:
    other = changed(("phone: +1 303-555-0101", "phone: +1 303-555-0199\n    credit_limit: 100"), text=ELSEWHERE)
    assert problems_of(SOUND, other) == [
        "b.yaml:46: buyers[1]: differs from a.yaml:46 in phone, credit_limit; both name blue@example.com"
    ]


def test_a_difference_in_a_secret_is_told_without_the_secret() -> None:
    other = changed(("a-secret-of-green-gardens", "another-secret-of-green"), text=ELSEWHERE)
    (problem,) = problems_of(SOUND, other)
    assert "differs from a.yaml:32 in webhook_secret" in problem
    assert "another-secret" not in problem


def test_a_buyer_serves_other_places_in_another_market_but_not_in_the_same() -> None:
    elsewhere = changed(("cities: [Aurora]", "cities: [Ogdenville]"), text=ELSEWHERE)
    assert problems_of(SOUND, elsewhere) == []
    same_market = changed(
        ("slug: gardening", "slug: paving"),
        ("name: Shelbyville", "name: Springfield"),
        text=elsewhere,
    )
    assert problems_of(SOUND, same_market) == [
        "b.yaml:38: buyers[0].service_areas: differs from a.yaml:38 in cities; both name green@example.com"
    ]


def test_a_policy_of_one_name_is_one_policy() -> None:
    other = changed(("allowed_postal_codes: [07030, 80014]", "allowed_cities: [Aurora]"), text=ELSEWHERE)
    assert problems_of(SOUND, other) == [
        "b.yaml:10: offers[0].validation_policy: differs from a.yaml:10 in rules; both name lawn rules"
    ]


def test_a_buyer_is_billed_in_one_currency() -> None:
    other = changed(("timezone: America/Denver", "timezone: Europe/Berlin\n  currency: EUR"), text=ELSEWHERE)
    assert problems_of(SOUND, other) == [
        "b.yaml:1: market: differs from a.yaml:1 in currency; both name green@example.com",
        "b.yaml:1: market: differs from a.yaml:1 in currency; both name blue@example.com",
    ]


def test_the_same_file_twice_is_refused() -> None:
    assert "b.yaml:8: offers[0]: the offer of this market, vertical and name stands on a.yaml:8 already" in problems_of(
        SOUND, SOUND
    )


def test_a_source_key_stands_once_in_all_files() -> None:
    other = changed(("source_key: shelbyville-partner", "source_key: lawns-partner"), text=ELSEWHERE)
    assert problems_of(SOUND, other) == [
        "b.yaml:24: offers[0].sources[1].source_key: this source_key stands on a.yaml:24 already"
    ]


@pytest.mark.parametrize(
    ("prefix", "ambiguous"), [("/lp/", True), ("/lp", False), ("/lp/roses/", False), ("/other/", False)]
)
def test_active_sources_of_one_hostname_need_different_paths(prefix: str, ambiguous: bool) -> None:
    mapping = f"hostname: LAWNS.example.com\n        path_prefix: {prefix}"
    text = changed(("name: Lawn partner", f"name: Lawn partner\n        {mapping}"))
    told = "an active source of this hostname and path_prefix stands on a.yaml:22 already"
    assert problems_of(text) == ([f"a.yaml:27: offers[0].sources[1].hostname: {told}"] if ambiguous else [])
    inactive = changed(
        ("path_prefix: /lp/\n      - ", "path_prefix: /lp/\n        is_active: false\n      - "), text=text
    )
    assert problems_of(inactive) == []


def test_a_place_has_one_owner_whatever_its_capitals() -> None:
    pair = "{city: Aurora, buyer: green@example.com}\n      - {city: AURORA, buyer: blue@example.com}"
    assert problems_of(changed(("exclusivities:", f"exclusivities:\n      - {pair}"))) == [
        "a.yaml:30: offers[0].exclusivities[1]: an exclusivity of this area stands on a.yaml:29 already"
    ]


def test_a_buyer_stands_once_in_a_file_and_once_in_an_offer() -> None:
    again = "phone: 3035550101\n    service_areas: {cities: [Aurora]}\n  - name: Blue\n    email: blue@example.com\n"
    text = changed(("email: blue@example.com\n", f"email: blue@example.com\n    {again}"))
    assert any("the buyer of this e-mail address stands on a.yaml:47 already" in told for told in problems_of(text))
    twice = changed(("      - offer: Lawns\n        priority: 20", "      - offer: Lawns\n      - offer: Lawns"))
    assert problems_of(twice) == [
        "a.yaml:43: buyers[0].offers[1].offer: this buyer's enrollment in the offer stands on a.yaml:42 already"
    ]


def test_an_enrollment_is_in_an_offer_of_the_file() -> None:
    text = changed(("      - offer: Lawns\n        priority: 20", "      - offer: Hedges\n        priority: 20"))
    assert problems_of(text) == [
        "a.yaml:42: buyers[0].offers[0].offer: is no offer of this file; there are 'Lawns'",
        "a.yaml:30: offers[0].exclusivities[0].buyer: green@example.com is no buyer of this file enrolled in 'Lawns'",
    ]


def test_an_exclusivity_belongs_to_a_buyer_enrolled_in_the_offer() -> None:
    text = changed(("        buyer: green@example.com", "        buyer: red@example.com"))
    assert problems_of(text) == [
        "a.yaml:30: offers[0].exclusivities[0].buyer: red@example.com is no buyer of this file enrolled in 'Lawns'"
    ]
