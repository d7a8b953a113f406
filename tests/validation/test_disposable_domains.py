"""Disposable mail: the list, what lies under its domains, and what operators say otherwise."""

import pytest

from leadgen.validation.domain import disposable_domains


@pytest.mark.parametrize(
    ("domain", "overrides", "thrown_away"),
    [
        ("mailinator.com", {}, True),
        ("inbox.mailinator.com", {}, True),
        ("a-mailinator.com", {}, False),
        ("gmail.com", {}, False),
        ("mailinator.com", {"mailinator.com": False}, False),
        ("inbox.mailinator.com", {"mailinator.com": False}, False),
        ("gmail.com", {"gmail.com": True}, True),
        ("a.b.example.net", {"example.net": True}, True),
        ("ours.example.net", {"example.net": True, "ours.example.net": False}, False),
        ("example.net", {"ours.example.net": True}, False),
        ("gmail.com", {"com": True}, False),
    ],
)
def test_the_nearest_word_of_an_operator_wins_over_the_list(
    domain: str, overrides: dict[str, bool], thrown_away: bool
) -> None:
    assert disposable_domains.is_disposable(domain, overrides) is thrown_away


def test_a_domain_s_parents_end_before_the_top_level() -> None:
    assert disposable_domains.parents("a.b.example.net") == ("a.b.example.net", "b.example.net", "example.net")
    assert disposable_domains.parents("localhost") == ("localhost",)
