"""Consent as a rule: what is demanded, what is on record, and what is missing."""

from datetime import timedelta
from typing import Any

import pytest

from leadgen.kernel.trace import plain
from leadgen.leads.domain import consent
from leadgen.leads.domain.consent import NO_EVIDENCE, ConsentDemand
from tests.support.domain_values import NOON

ALL = ConsentDemand(
    text=True, text_contains="Acme Plumbing", max_age_days=7, certificate=True, certificate_hosts=("cert.example",)
)
FULL = {
    "consent": True,
    "attributes.consent_text": "I agree that ACME\n plumbing may call me",
    "attributes.consent_at": (NOON - timedelta(days=1)).isoformat(),
    "attributes.consent_certificate_url": "https://Cert.example/abc",
}


def unmet(changes: dict[str, Any], demand: ConsentDemand = ALL) -> tuple[str, ...]:
    return consent.unmet(demand, consent.evidence({**FULL, **changes}, [demand]), now=NOON)


def test_evidence_of_everything_meets_every_demand() -> None:
    assert unmet({}) == ()


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"consent": None}, ("given",)),
        ({"consent": "yes"}, ("given",)),
        ({"attributes.consent_text": "  "}, ("text", "text_contains")),
        ({"attributes.consent_text": "I agree that others call"}, ("text_contains",)),
        ({"attributes.consent_at": None}, ("max_age_days",)),
        ({"attributes.consent_at": "yesterday"}, ("max_age_days",)),
        ({"attributes.consent_at": "2026-06-16T12:00:00"}, ("max_age_days",)),  # no offset: no instant
        ({"attributes.consent_at": (NOON - timedelta(days=7)).isoformat()}, ()),
        ({"attributes.consent_at": (NOON - timedelta(days=7, seconds=1)).isoformat()}, ("max_age_days",)),
        ({"attributes.consent_at": (NOON + timedelta(minutes=5)).isoformat()}, ()),
        ({"attributes.consent_at": (NOON + timedelta(minutes=6)).isoformat()}, ("max_age_days",)),
        ({"attributes.consent_certificate_url": None}, ("certificate", "certificate_hosts")),
        ({"attributes.consent_certificate_url": "http://cert.example/abc"}, ("certificate", "certificate_hosts")),
        ({"attributes.consent_certificate_url": "https://elsewhere.example/abc"}, ("certificate_hosts",)),
        ({"attributes.consent_certificate_url": "https://[broken"}, ("certificate", "certificate_hosts")),
    ],
)
def test_each_demand_is_met_or_named(changes: dict[str, Any], missing: tuple[str, ...]) -> None:
    assert unmet(changes) == missing


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_an_instant_outside_the_years_there_are_is_none(at: str) -> None:
    found = consent.evidence({**FULL, "attributes.consent_at": at}, [ALL])
    assert plain(found)["at"] is None  # type: ignore[index,call-overload]
    assert consent.unmet(ALL, found, now=NOON) == ("max_age_days",)


def test_without_evidence_all_that_is_demanded_is_missing_and_no_more() -> None:
    assert consent.unmet(ConsentDemand(), NO_EVIDENCE, now=NOON) == ("given",)
    assert consent.unmet(ConsentDemand(given=False, text=True), NO_EVIDENCE, now=NOON) == ("text",)
    assert consent.unmet(ConsentDemand(given=False), NO_EVIDENCE, now=NOON) == ()


def test_the_text_itself_is_not_kept() -> None:
    assert "agree" not in repr(consent.evidence(FULL, [ALL]))
