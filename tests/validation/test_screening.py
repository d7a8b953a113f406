"""A batch of received leads: decided in turn, whatever order they arrived in."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from leadgen.leads.domain.lead import Contact
from leadgen.validation.domain import duplicates, screening
from leadgen.validation.domain.duplicates import Duplicate, Match, NotDuplicate
from leadgen.validation.domain.observations import LookedUp
from leadgen.validation.domain.policy import ValidationPolicy
from leadgen.validation.domain.screening import Deferred, Screened, ScreeningRequest
from tests.support.domain_values import NOON, detection, lead

POLICY = ValidationPolicy(allowed_postal_codes=("80014",), duplicate_detection=detection())


def a_request(
    lead_id: int, *, minutes: int = 0, phone: str | None = "1", policy: ValidationPolicy = POLICY, **values: Any
) -> ScreeningRequest:
    subject = lead(lead_id=lead_id, created_at=NOON + timedelta(minutes=minutes), **values)
    contact = Contact(phone, None)
    search = duplicates.search_for(policy.detection, subject, contact, default_window_hours=24)
    return ScreeningRequest(subject, contact, policy, search)


def screened(requests: Sequence[ScreeningRequest], stored: dict[int, Match] | None = None) -> dict[int, Screened]:
    results = screening.screen(requests, stored or {})
    return {s.request.lead.lead_id: s for s in results if isinstance(s, Screened)}


def test_the_earlier_of_two_is_kept_and_the_later_is_its_duplicate() -> None:
    result = screened([a_request(1, minutes=1), a_request(2, minutes=0)])
    assert (result[2].status, result[2].reason) == ("validated", None)
    assert (result[1].status, result[1].reason) == ("rejected", "duplicate_recent")
    assert result[1].duplicate == Duplicate("reject", "duplicate_recent", 2, ("phone",))


def test_a_duplicate_of_a_rejected_lead_is_none_where_rejected_is_excluded() -> None:
    result = screened([a_request(1, postal_code="99999"), a_request(2, minutes=1)])
    assert (result[1].status, result[1].reason) == ("rejected", "allowed_postal_codes")
    assert (result[2].status, result[2].duplicate) == ("validated", NotDuplicate("no_match"))


def test_a_duplicate_of_a_rejected_lead_is_one_where_no_state_is_excluded() -> None:
    policy = POLICY.model_copy(update={"duplicate_detection": detection(exclude_statuses=())})
    result = screened([a_request(1, postal_code="99999", policy=policy), a_request(2, minutes=1, policy=policy)])
    assert (result[2].status, result[2].reason) == ("rejected", "duplicate_recent")


def test_a_rejected_duplicate_is_not_validated_and_the_next_one_matches_the_original() -> None:
    result = screened([a_request(1), a_request(2, minutes=1, postal_code="99999"), a_request(3, minutes=2)])
    assert result[2].validation is None
    assert result[2].reason == "duplicate_recent"
    assert isinstance(result[3].duplicate, Duplicate)
    assert result[3].duplicate.matched_lead_id == 1


def test_flag_and_accept_go_on_to_validation() -> None:
    for action in ("flag", "accept"):
        policy = POLICY.model_copy(update={"duplicate_detection": detection(action=action)})
        requests = [
            a_request(1, policy=policy),
            a_request(2, minutes=1, policy=policy),
            a_request(3, minutes=2, policy=policy, postal_code="99999"),
        ]
        result = screened(requests)
        assert isinstance(result[2].duplicate, Duplicate)
        assert (result[2].status, result[2].reason) == ("validated", None)
        assert isinstance(result[3].duplicate, Duplicate)
        assert result[3].duplicate.matched_lead_id == 2
        assert (result[3].status, result[3].reason) == ("rejected", "allowed_postal_codes")


def test_the_most_recent_of_a_stored_match_and_one_in_the_batch_counts() -> None:
    old, recent = Match(500, NOON - timedelta(hours=1), ("phone",)), Match(501, NOON + timedelta(seconds=5), ("phone",))
    requests = [a_request(1), a_request(2, minutes=1)]
    stored_is_older = screened(requests, {2: old})[2].duplicate
    stored_is_newer = screened(requests, {2: recent})[2].duplicate
    assert isinstance(stored_is_older, Duplicate)
    assert isinstance(stored_is_newer, Duplicate)
    assert (stored_is_older.matched_lead_id, stored_is_newer.matched_lead_id) == (1, 501)


def test_a_lead_without_a_search_is_never_a_duplicate() -> None:
    assert screened([a_request(1, phone=None), a_request(2, phone=None)])[2].duplicate == NotDuplicate("missing_fields")


@given(
    leads=st.lists(
        st.tuples(st.integers(0, 3000), st.sampled_from(["1", "2", None]), st.sampled_from(["80014", "99999"])),
        min_size=1,
        max_size=8,
    ),
    action=st.sampled_from(["reject", "flag", "accept"]),
    excluded=st.sampled_from([(), ("rejected",), ("validated",), ("rejected", "validated")]),
    seed=st.randoms(use_true_random=False),
)
def test_the_order_of_a_batch_does_not_matter(
    leads: list[tuple[int, str | None, str]], action: str, excluded: tuple[str, ...], seed: random.Random
) -> None:
    policy = POLICY.model_copy(update={"duplicate_detection": detection(action=action, exclude_statuses=excluded)})
    requests = [
        a_request(lead_id, minutes=minutes, phone=phone, postal_code=code, policy=policy)
        for lead_id, (minutes, phone, code) in enumerate(leads, start=1)
    ]
    shuffled = seed.sample(requests, len(requests))
    assert screening.screen(shuffled, {}) == screening.screen(requests, {})


@given(
    leads=st.lists(st.tuples(st.integers(0, 3000), st.sampled_from(["1", "2"])), min_size=2, max_size=8),
    cut=st.integers(1, 7),
)
def test_a_batch_decides_as_two_batches_one_after_the_other(leads: list[tuple[int, str]], cut: int) -> None:
    ordered = sorted(leads, key=lambda entry: entry[0])
    requests = [a_request(n, minutes=minutes, phone=phone) for n, (minutes, phone) in enumerate(ordered, start=1)]
    whole = screened(requests)
    first = screened(requests[:cut])
    stored = {}
    for request in requests[cut:]:
        priors = [
            duplicates.Prior(
                s.request.lead.lead_id, s.request.lead.created_at, s.status, 20, 10, s.request.contact
            )
            for s in first.values()
        ]  # fmt: skip
        assert isinstance(request.search, duplicates.Search)
        found = [match for prior in priors if (match := duplicates.matches(request.search, prior))]
        if found:
            stored[request.lead.lead_id] = max(found, key=lambda match: (match.created_at, match.lead_id))
    second = screened(requests[cut:], stored)
    assert {i: (s.status, s.duplicate) for i, s in {**first, **second}.items()} == {
        i: (s.status, s.duplicate) for i, s in whole.items()
    }


MAIL = {"email": "jane@example.com"}
WAITING = ValidationPolicy(mx_lookup_enabled=True, duplicate_window_hours=24)


def unknown(lead_id: int, *, minutes: int, phone: str | None = "1", **values: Any) -> ScreeningRequest:
    """A request whose mail domain nobody could tell of."""
    return replace(a_request(lead_id, minutes=minutes, phone=phone, policy=WAITING, **values), fields=MAIL)


def known(lead_id: int, *, minutes: int, phone: str | None = "1") -> ScreeningRequest:
    return replace(unknown(lead_id, minutes=minutes, phone=phone), looked_up=LookedUp(accepts_mail=True))


def outcomes(requests: Sequence[ScreeningRequest]) -> dict[int, str]:
    return {
        result.request.lead.lead_id: result.why if isinstance(result, Deferred) else result.status
        for result in screening.screen(requests, {})
    }


def test_what_nobody_could_tell_of_is_deferred_and_so_are_the_same_person_s_later_leads() -> None:
    batch = [unknown(1, minutes=0), known(2, minutes=1), known(3, minutes=2, phone="2"), known(4, minutes=3)]
    assert outcomes(batch) == {
        1: "mail_domain_unknown", 2: "earlier_lead_undecided", 3: "validated", 4: "earlier_lead_undecided",
    }  # fmt: skip


def test_an_earlier_lead_does_not_wait_for_a_later_one() -> None:
    assert outcomes([known(1, minutes=0), unknown(2, minutes=1)]) == {1: "validated", 2: "rejected"}


def test_outside_the_window_nobody_waits() -> None:
    assert outcomes([unknown(1, minutes=0), known(2, minutes=24 * 60 + 1)]) == {
        1: "mail_domain_unknown",
        2: "validated",
    }


def test_one_whose_policy_searches_for_nobody_waits_for_nobody() -> None:
    alone = [
        replace(request, search=NotDuplicate("disabled")) for request in (unknown(1, minutes=0), known(2, minutes=1))
    ]
    assert outcomes(alone) == {1: "mail_domain_unknown", 2: "validated"}
