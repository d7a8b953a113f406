"""What differs between two states, as a person reads it."""

from decimal import Decimal
from typing import Any

import pytest

from leadgen.configuration.domain.differences import differences


def shown(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [str(difference) for difference in differences(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (Decimal("45.10"), Decimal("47.00"), "45.10 → 47.00"),
        (None, 3, "nothing → 3"),
        (True, False, "true → false"),
        (["a", "b"], ["b", "c", "d"], "+c +d −a"),
        (["a", "b"], ["b", "a"], "[a, b] → [b, a]"),
        (None, {"field": "city", "in": ["a"]}, "nothing → {field: city, in: [a]}"),
        ("a", ["a"], "a → [a]"),
    ],
)
def test_a_fields_change_is_old_and_new(before: Any, after: Any, said: str) -> None:
    assert shown({"x": before}, {"x": after}) == [f"x: {said}"]


def test_sections_and_lists_of_sections_are_told_by_path() -> None:
    before = {"conditions": {"all": [{"field": "a", "equals": "1"}, {"field": "b", "equals": "2"}]}, "same": 1}
    after = {"conditions": {"all": [{"field": "a", "equals": "3"}]}, "same": 1}
    assert shown(before, after) == [
        "conditions.all[0].equals: 1 → 3",
        "conditions.all[1]: {field: b, equals: 2} → nothing",
    ]


def test_a_long_list_is_told_by_its_first_entries_and_how_many_more() -> None:
    assert shown({"codes": []}, {"codes": [str(code) for code in range(100)]}) == [
        f"codes: {' '.join(f'+{code}' for code in range(12))} (+88 more)"
    ]


def test_equal_states_differ_in_nothing() -> None:
    assert shown({"a": [{"b": 1}]}, {"a": [{"b": 1}]}) == []
