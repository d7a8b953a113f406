"""The Duplicate Detection Contract: what is searched for, what matches, and what is done about it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import pytest

from leadgen.leads.domain.lead import Contact
from leadgen.validation.domain import duplicates
from leadgen.validation.domain.duplicates import Duplicate, Match, NotDuplicate, Prior, Search
from tests.support.domain_values import NOON, detection, lead

BOTH = Contact("+13035550100", "jane@example.com")
PHONE_ONLY = Contact("+13035550100", None)
EMAIL_ONLY = Contact(None, "jane@example.com")
NEITHER = Contact(None, None)


def search_of(contact: Contact = BOTH, **policy: Any) -> Search | NotDuplicate:
    return duplicates.search_for(detection(**policy), lead(), contact, default_window_hours=24)


def a_search(contact: Contact = BOTH, **policy: Any) -> Search:
    found = search_of(contact, **policy)
    assert isinstance(found, Search)
    return found


def a_prior(**values: Any) -> Prior:
    defaults: dict[str, Any] = {
        "lead_id": 0,
        "created_at": NOON - timedelta(hours=1),
        "status": "validated",
        "source_id": 20,
        "offer_id": 10,
        "contact": BOTH,
    }
    return Prior(**defaults | values)


def test_a_policy_that_is_off_searches_for_nothing() -> None:
    assert search_of(enabled=False) == NotDuplicate("disabled")


@pytest.mark.parametrize(
    ("min_fields", "contact", "searched"),
    [
        ((), PHONE_ONLY, True),
        (("phone",), PHONE_ONLY, True),
        (("phone",), EMAIL_ONLY, False),
        (("email",), PHONE_ONLY, False),
        (("phone", "email"), PHONE_ONLY, False),
        (("phone", "email"), BOTH, True),
    ],
)
def test_a_lead_without_the_minimum_fields_is_not_checked(
    min_fields: tuple[str, ...], contact: Contact, searched: bool
) -> None:
    found = search_of(contact, min_fields=min_fields)
    assert isinstance(found, Search) if searched else found == NotDuplicate("missing_fields")


@pytest.mark.parametrize(
    ("mode", "contact", "searched"),
    [
        ("any", PHONE_ONLY, True),
        ("any", EMAIL_ONLY, True),
        ("any", NEITHER, False),
        ("all", BOTH, True),
        ("all", PHONE_ONLY, False),
        ("all", EMAIL_ONLY, False),
        ("all", NEITHER, False),
    ],
)
def test_mode_any_needs_one_key_and_mode_all_needs_every_key(mode: str, contact: Contact, searched: bool) -> None:
    found = search_of(contact, match_mode=mode)
    assert isinstance(found, Search) if searched else found == NotDuplicate("missing_fields")


def test_only_the_policys_keys_are_looked_for() -> None:
    assert (a_search(keys=("phone",)).phone, a_search(keys=("phone",)).email) == ("+13035550100", None)
    assert (a_search(keys=("email",)).phone, a_search(keys=("email",)).email) == (None, "jane@example.com")
    assert search_of(PHONE_ONLY, keys=("email",)) == NotDuplicate("missing_fields")
    assert isinstance(search_of(PHONE_ONLY, keys=("phone",), match_mode="all"), Search)


def test_the_window_ends_where_the_lead_itself_begins() -> None:
    search = a_search(window_hours=2)
    assert (search.since, search.created_at) == (NOON - timedelta(hours=2), NOON)


def test_a_policy_without_a_window_takes_the_platforms() -> None:
    assert a_search().since == NOON - timedelta(hours=24)


def test_the_source_is_looked_at_only_where_the_policy_says_so() -> None:
    assert a_search().source_id is None
    assert a_search(include_sources="same_source_only").source_id == 20


@pytest.mark.parametrize(
    ("prior", "matches"),
    [
        ({"created_at": NOON - timedelta(hours=24)}, True),
        ({"created_at": NOON - timedelta(hours=24, microseconds=1)}, False),
        ({"created_at": NOON - timedelta(microseconds=1), "lead_id": 99}, True),
        ({"created_at": NOON, "lead_id": 0}, True),  # the same instant: the lower id came first
        ({"created_at": NOON, "lead_id": 1}, False),  # the lead itself
        ({"created_at": NOON, "lead_id": 2}, False),
        ({"created_at": NOON + timedelta(microseconds=1)}, False),
        ({"offer_id": 11}, False),
        ({"source_id": 21}, True),
        ({"status": "rejected"}, False),
        ({"status": "received"}, True),
        ({"status": "delivered"}, True),
        ({"contact": PHONE_ONLY}, True),
        ({"contact": EMAIL_ONLY}, True),
        ({"contact": NEITHER}, False),
        ({"contact": Contact("+13035550199", "joe@example.com")}, False),
    ],
    ids=str,
)
def test_a_prior_lead_matches_within_window_offer_and_states(prior: dict[str, Any], matches: bool) -> None:
    assert (duplicates.matches(a_search(), a_prior(**prior)) is not None) is matches


def test_two_simultaneous_leads_never_reject_each_other() -> None:
    first, second = a_search(), replace(a_search(), lead_id=2)
    assert duplicates.matches(first, a_prior(lead_id=2, created_at=NOON)) is None
    assert duplicates.matches(second, a_prior(lead_id=1, created_at=NOON)) is not None


@pytest.mark.parametrize(
    ("contact", "keys"),
    [(BOTH, ("phone", "email")), (PHONE_ONLY, ("phone",)), (EMAIL_ONLY, ("email",))],
)
def test_a_match_names_the_keys_it_matched_by(contact: Contact, keys: tuple[str, ...]) -> None:
    found = duplicates.matches(a_search(), a_prior(contact=contact))
    assert found is not None
    assert found.keys == keys


@pytest.mark.parametrize(("contact", "matches"), [(BOTH, True), (PHONE_ONLY, False), (EMAIL_ONLY, False)])
def test_mode_all_matches_only_where_every_key_matches(contact: Contact, matches: bool) -> None:
    found = duplicates.matches(a_search(match_mode="all"), a_prior(contact=contact))
    assert (found is not None) is matches


def test_same_source_only_ignores_other_sources() -> None:
    search = a_search(include_sources="same_source_only")
    assert duplicates.matches(search, a_prior(source_id=20)) is not None
    assert duplicates.matches(search, a_prior(source_id=21)) is None


def test_no_excluded_status_means_that_rejected_leads_match_too() -> None:
    assert duplicates.matches(a_search(exclude_statuses=()), a_prior(status="rejected")) is not None


def test_a_prior_without_a_value_does_not_match_a_lead_without_it() -> None:
    assert duplicates.matches(a_search(PHONE_ONLY), a_prior(contact=EMAIL_ONLY)) is None


@pytest.mark.parametrize("action", ["reject", "flag", "accept"])
def test_the_policys_action_is_taken_on_the_most_recent_match(action: Literal["reject", "flag", "accept"]) -> None:
    found = [
        Match(4, NOON - timedelta(hours=2), ("phone",)),
        Match(7, NOON - timedelta(hours=1), ("email",)),
        Match(6, NOON - timedelta(hours=1), ("phone", "email")),
    ]
    policy = detection(action=action, reason_code="seen_before")
    assert duplicates.judge(policy, found) == Duplicate(action, "seen_before", 7, ("email",))
    assert duplicates.judge(policy, found[::-1]) == Duplicate(action, "seen_before", 7, ("email",))


def test_no_match_is_no_duplicate() -> None:
    assert duplicates.judge(detection(), []) == NotDuplicate("no_match")
