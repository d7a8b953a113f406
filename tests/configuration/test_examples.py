"""The example files: sound, consistent with the example leads, and the only place that knows their markets."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leadgen.configuration.domain.checks import contradictions
from leadgen.configuration.domain.files import load
from leadgen.configuration.domain.model import Configuration

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
OUTCOMES = {"billed", "rejected", "unrouted", "in_review", "error"}


def configurations() -> list[Configuration]:
    files, problems = load(sorted(EXAMPLES.glob("*.yaml")), {})
    assert problems == []
    assert contradictions(files) == []
    return [file.configuration for file in files]


def leads() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (EXAMPLES / "leads.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_examples_apply_without_any_environment_and_together() -> None:
    assert [configuration.vertical.slug for configuration in configurations()] == ["plumbing", "roofing"]


def test_the_examples_say_nothing_that_depends_on_the_hour() -> None:
    enrollments = [enrollment for c in configurations() for buyer in c.buyers for enrollment in buyer.offers]
    assert all(enrollment.capacity_per_hour is None for enrollment in enrollments)
    assert all(enrollment.pause_until is None or enrollment.pause_until.year >= 2099 for enrollment in enrollments)
    assert all(
        offer.invoice_threshold is None or offer.invoice_threshold > 0 for c in configurations() for offer in c.offers
    )


def test_every_example_lead_says_what_is_posted_and_what_comes_of_it() -> None:
    for number, lead in enumerate(leads(), start=1):
        assert set(lead) == {"note", "post", "expect"}, number
        assert set(lead["post"]) <= {"path", "host", "headers", "json", "form"}, number
        assert ("json" in lead["post"]) != ("form" in lead["post"]), number
        expect = lead["expect"]
        assert expect["outcome"] in OUTCOMES, number
        assert set(expect) - {"replay_of", "duplicate"} == {"status", "outcome", "buyer", "price", "reason", "error"}, (
            number
        )
        assert (expect["outcome"] == "error") == (expect["error"] is not None) == (expect["status"] != 202), number
        assert (expect["buyer"] is None) == (expect["price"] is None), number
        assert expect.get("replay_of", 1) < number or number == 1, number


def test_a_replay_is_expected_to_have_the_outcome_of_the_lead_it_repeats() -> None:
    examples = leads()
    for lead in examples:
        if "replay_of" in lead["expect"]:
            expected = {key: value for key, value in lead["expect"].items() if key != "replay_of"}
            assert expected == examples[lead["expect"]["replay_of"] - 1]["expect"], lead["note"]


def test_the_example_leads_name_only_sources_hosts_and_buyers_that_the_examples_configure() -> None:
    offers = [(c, offer) for c in configurations() for offer in c.offers]
    sources = {source.source_key for _, offer in offers for source in offer.sources}
    hosts = {source.hostname for _, offer in offers for source in offer.sources}
    sold = {
        (buyer.name, str(enrollment.price or offer.price))
        for c, offer in offers
        for buyer in c.buyers
        for enrollment in buyer.offers
        if enrollment.offer == offer.name
    }
    for lead in leads():
        post, expect = lead["post"], lead["expect"]
        key = post.get("json", {}).get("source_key", "").strip()
        host = post.get("host", "").partition(":")[0].lower()
        if expect["outcome"] != "error":
            assert key in sources if key else host in hosts, lead["note"]
        if expect["buyer"] is not None:
            assert (expect["buyer"], expect["price"]) in sold, lead["note"]


def names_of_the_examples() -> Iterator[str]:
    for configuration in configurations():
        yield configuration.vertical.slug
        yield configuration.vertical.name
        yield configuration.market.name
        yield configuration.market.name.partition(",")[0]
        for offer in configuration.offers:
            rules = offer.validation_policy.rules
            yield from rules.allowed_postal_codes or ()
            yield from rules.allowed_cities or ()
            yield from (value for exclusivity in offer.exclusivities for _, value in [exclusivity.area])
        for buyer in configuration.buyers:
            yield from (value for _, value in buyer.service_areas.areas())


@pytest.mark.parametrize("folder", ["functions", "layers"])
def test_no_market_vertical_or_place_of_the_examples_occurs_in_the_code(folder: str) -> None:
    names = sorted({name.lower() for name in names_of_the_examples()} | {"denver", "hvac"})
    known = re.compile(r"(?<![a-z0-9])(" + "|".join(map(re.escape, names)) + r")(?![a-z0-9])")
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
        for match in known.finditer(path.read_text(encoding="utf-8").lower())
    ]
    assert found == []
