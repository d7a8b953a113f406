"""Conditions: every operator at its edge, nesting, what is kept of a lead, and the fewest answers to change."""

from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from leadgen.explanation.domain import condition_changes
from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.trace import plain
from leadgen.leads.domain import conditions
from leadgen.leads.domain.conditions import All, AnyOf, Condition, Not, Observed, parse_filter

OBSERVED: TypeAdapter[Observed] = TypeAdapter(Observed)


def answer(test: dict[str, Any], **fields: object) -> bool:
    """Whether a lead with these attributes (``own_…`` for fields of its own) meets the test."""
    condition = parse_filter(test, label="a test")
    flat = {
        name.removeprefix("own_") if name.startswith("own_") else f"attributes.{name}": value
        for name, value in fields.items()
    }
    return conditions.holds(condition, conditions.observe([condition], flat))


@pytest.mark.parametrize(
    ("test", "value", "expected"),
    [
        ({"equals": "Roof"}, " roof ", True),
        ({"equals": "roof"}, "roofs", False),
        ({"equals": 3}, 3, True),
        ({"equals": "3.0"}, 3, True),
        ({"equals": "7030"}, "07030", False),  # text stays text: a postal code is no number
        ({"equals": 2.5}, 2.5, True),
        ({"equals": True}, True, True),
        ({"equals": "yes"}, True, True),
        ({"equals": "no"}, False, True),
        ({"equals": True}, "true", True),
        ({"equals": True}, "on", True),  # as a form posts a ticked box
        ({"equals": True}, "Yes", True),
        ({"equals": True}, "no", False),
        ({"equals": False}, "off", True),
        ({"equals": "yes"}, "true", False),
        ({"in": [True]}, "on", True),
        ({"not_equals": True}, "on", False),
        ({"equals": 1}, True, False),
        ({"equals": "x"}, None, False),
        ({"not_equals": "roof"}, "window", True),
        ({"not_equals": "roof"}, None, True),
        ({"not_equals": "roof"}, "ROOF", False),
        ({"in": ["a", 2, True]}, "A", True),
        ({"in": ["a", 2, True]}, 2, True),
        ({"in": ["a", 2, True]}, "b", False),
        ({"not_in": ["a", 2]}, 3, True),
        ({"not_in": ["a", 2]}, None, True),
        ({"not_in": ["a", 2]}, "a", False),
        ({"contains": "LEAK"}, "a leaking tap", True),
        ({"contains": "leak"}, ["Leak", "tap"], True),
        ({"contains": "lea"}, ["leak", "tap"], False),  # of a list, a whole entry
        ({"starts_with": "St"}, "st. Johns", True),
        ({"ends_with": "hns"}, "St. Johns", True),
        ({"ends_with": "st"}, "St. Johns", False),
        ({"matches": "787*"}, "78701", True),
        ({"matches": "787??"}, "7870", False),
        ({"matches": "a[bc]d"}, "abd", False),  # a bracket is only a bracket
        ({"matches": "a[bc]d"}, "A[BC]D", True),
        ({"more_than": 2}, 2, False),
        ({"more_than": 2}, 2.001, True),
        ({"at_least": 2}, "2", True),
        ({"at_least": 2}, "two", False),
        ({"at_least": 0}, True, False),
        ({"less_than": "1.5"}, 1, True),
        ({"at_most": 2}, 2, True),
        ({"at_most": 2}, None, False),
        ({"between": [1, 3]}, 3, True),
        ({"between": [1, 3]}, "3.01", False),
        ({"before": "2026-06-17"}, "2026-06-16", True),
        ({"before": "2026-06-17"}, "2026-06-17T00:00:00+00:00", False),
        ({"after": "2026-06-17"}, "2026-06-18", True),
        ({"after": "2026-06-17"}, "soon", False),
        ({"present": True}, "x", True),
        ({"present": True}, "  ", False),
        ({"present": True}, [], False),
        ({"present": True}, False, True),
        ({"present": False}, None, True),
        ({"present": False}, 0, False),
    ],
    ids=str,
)
def test_a_test_is_answered_by_the_type_of_the_leads_value(test: dict[str, Any], value: object, expected: bool) -> None:
    assert answer({"field": "asked", **test}, asked=value) is expected


def test_a_field_is_the_leads_own_or_an_attribute() -> None:
    assert answer({"field": "city", "equals": "austin"}, own_city="Austin")
    assert not answer({"field": "city", "equals": "austin"}, city="Austin")
    assert answer({"field": "attributes.city", "equals": "austin"}, city="Austin")
    assert answer({"field": "rooms", "equals": 2}, rooms=2)


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ({"field": "a"}, "needs exactly one operator beside field, and has none"),
        ({"field": "a", "equals": "x", "in": ["y"]}, "and has equals and in"),
        ({"field": "a", "between": [3, 1]}, "between 3 and 1 lies no number"),
        ({"all": []}, "at least 1 entry"),
        ({"field": "a", "at_least": "many"}, "at_least"),
        ({"field": "a", "like": "x"}, "like"),
    ],
)
def test_what_asks_nothing_clear_is_refused(condition: dict[str, Any], says: str) -> None:
    with pytest.raises(PolicyInvalid, match=says):
        parse_filter(condition, label="a test")


def test_what_nobody_could_read_is_refused() -> None:
    deep: dict[str, Any] = {"field": "a", "present": True}
    for _ in range(10):
        deep = {"not": deep}
    with pytest.raises(PolicyInvalid, match="deeper than 10 levels"):
        parse_filter(deep, label="a test")
    with pytest.raises(PolicyInvalid, match="more than 100 tests"):
        parse_filter({"all": [{"field": "a", "equals": str(n)} for n in range(101)]}, label="a test")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Zebedee"), ("email", "z@example.com"), ("phone", "+13035557731"), ("message", "call Zebedee"),
        ("attributes.second", "z@example.com"), ("attributes.second", "303 555-7731"),
        ("attributes.second", 13035557731), ("attributes.second", 303.5557731),
        ("attributes.first_name", "Zebedee"), ("attributes.Name", "Zebedee"), ("attributes.home-email", "none"),
        ("attributes.second", ["z@example.com"]), ("attributes.second", "x" * 201),
    ],
    ids=str,
)  # fmt: skip
def test_of_what_is_or_looks_personal_only_the_answer_is_kept(field: str, value: object) -> None:
    test = conditions.Test(field=field, present=True)
    observed = conditions.observe([test], {field: value})
    assert observed.values == {}
    assert list(observed.answers.values()) == [True]
    assert conditions.holds(test, observed)
    assert conditions.shown(test, observed) == {field: "withheld"}


@pytest.mark.parametrize("value", ["2026-06-17", "roof", 250_000, True, "78701", ["a", "b"], 2.5])
def test_other_values_are_kept_to_be_shown(value: object) -> None:
    observed = conditions.observe([conditions.Test(field="asked", present=True)], {"attributes.asked": value})
    assert observed.answers == {}
    assert "attributes.asked" in observed.values


FIELDS = ("rooms", "city", "email", "urgency")
TESTS = st.builds(
    lambda field, test: conditions.Test(field=field, **test),
    st.sampled_from(FIELDS),
    st.sampled_from([
        {"present": True}, {"present": False}, {"equals": "a"}, {"not_equals": "2"}, {"in_": ("a", "2", "true")},
        {"at_least": Decimal(2)}, {"less_than": Decimal(3)}, {"contains": "@"}, {"starts_with": "a"},
    ]),
)  # fmt: skip
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    TESTS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: All(all=tuple(parts)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(any=tuple(parts)))
        | inner.map(lambda part: Not(not_=part))
    ),
    max_leaves=8,
)
LEADS = st.fixed_dictionaries(
    {},
    optional={
        field: st.sampled_from([None, "", "a", "2", 2, 3, 2.5, True, "a@example.com", ["a", "@"]])
        for field in ("attributes.rooms", "city", "email", "attributes.urgency")
    },
)


@given(CONDITIONS, LEADS)
def test_what_is_kept_of_a_lead_decides_as_the_lead_does_and_survives_json(
    condition: Condition, lead: dict[str, Any]
) -> None:
    observed = conditions.observe([condition], lead)
    again = OBSERVED.validate_json(OBSERVED.dump_json(observed))
    assert again == observed
    written = parse_filter(plain(condition), label="itself")
    assert conditions.holds(written, again) == conditions.holds(condition, observed)
    assert plain(written) == plain(condition)


@given(CONDITIONS, LEADS, st.booleans())
def test_changing_the_fewest_answers_turns_the_condition(
    condition: Condition, lead: dict[str, Any], wanted: bool
) -> None:
    observed = conditions.observe([condition], lead)
    turned = condition_changes.fewest_changes(condition, observed, wanted=wanted)
    assert (turned == ()) is (conditions.holds(condition, observed) is wanted)
    if turned is not None:
        assert conditions.holds(condition, condition_changes.with_changes(observed, turned)) is wanted
        for left_out in turned:
            rest = [answer_change for answer_change in turned if answer_change is not left_out]
            assert conditions.holds(condition, condition_changes.with_changes(observed, rest)) is not wanted


def test_one_answer_may_do_for_several_places() -> None:
    a, b = conditions.Test(field="a", equals="1"), conditions.Test(field="b", equals="1")
    condition = All(all=(a, AnyOf(any=(b, a))))
    turned = condition_changes.fewest_changes(condition, conditions.observe([condition], {})) or ()
    assert [str(answer_change.test) for answer_change in turned] == ["a equals 1"]


def test_a_condition_that_contradicts_itself_takes_no_answer() -> None:
    roof = conditions.Test(field="job", equals="roof")
    condition = All(all=(roof, Not(not_=roof)))
    assert condition_changes.fewest_changes(condition, conditions.observe([condition], {})) is None


ANYTHING = (None, "", "a", "b", "ab", "2", 1, 2, 2.5, 3, 4, True, False, "true", "a@x", ["a"], ["a", "@"])


@given(CONDITIONS.filter(lambda c: len({test.name for test in conditions.tests(c)}) <= 2), LEADS)
def test_the_answers_told_are_ones_that_a_lead_could_give_and_none_are_told_where_no_lead_could(
    condition: Condition, lead: dict[str, Any]
) -> None:
    turned = condition_changes.fewest_changes(condition, conditions.observe([condition], lead))
    names = sorted({test.name for test in conditions.tests(condition)})
    found = []
    for values in product(ANYTHING, repeat=len(names)):
        observed = conditions.observe([condition], dict(zip(names, values, strict=True)))
        if conditions.holds(condition, observed):
            found.append(observed)
    if turned is None:
        assert found == []
    else:
        assert any(all(conditions.is_met(f.test, lead) is f.answer for f in turned) for lead in found)


@pytest.mark.parametrize(
    "tests",
    [
        [{"at_least": 100}, {"less_than": 80}],
        [{"equals": "roof"}, {"equals": "window"}],
        [{"present": False}, {"equals": "roof"}],
        [{"before": "2026-01-01"}, {"after": "2026-01-01"}],
        [{"starts_with": "a"}, {"equals": "b"}],
    ],
)
def test_no_answer_is_told_that_one_field_cannot_give_together(tests: list[dict[str, Any]]) -> None:
    condition = parse_filter({"all": [{"field": "asked", **test} for test in tests]}, label="a test")
    assert condition_changes.fewest_changes(condition, conditions.observe([condition], {})) is None


@pytest.mark.parametrize(
    "tests",
    [
        [{"more_than": 2}, {"less_than": "2.000002"}],
        [{"at_least": 3}, {"at_most": 3}],
        [{"more_than": 1}, {"not_in": [2, 3]}],
        [{"starts_with": "St"}, {"contains": "joh"}, {"ends_with": "ns"}],
        [{"after": "2026-01-01"}, {"before": "2026-01-03"}],
        [{"matches": "787??"}, {"not_equals": "78700"}],
        [{"contains": "a"}, {"contains": "b"}],
    ],
)
def test_answers_that_one_field_can_give_together_are_told(tests: list[dict[str, Any]]) -> None:
    condition = parse_filter({"all": [{"field": "asked", **test} for test in tests]}, label="a test")
    turned = condition_changes.fewest_changes(condition, conditions.observe([condition], {}))
    assert turned
    assert conditions.holds(condition, condition_changes.with_changes(conditions.observe([condition], {}), turned))


def test_of_several_ways_the_one_with_the_fewest_changes_is_told() -> None:
    condition = AnyOf(
        any=(
            All(all=(conditions.Test(field="a", equals="1"), conditions.Test(field="b", equals="1"))),
            All(all=(conditions.Test(field="c", equals="1"), conditions.Test(field="d", equals="1"))),
        )
    )
    observed = conditions.observe([condition], {"attributes.d": "1"})
    assert [
        str(answer_change.test) for answer_change in condition_changes.fewest_changes(condition, observed) or ()
    ] == ["c equals 1"]


def test_two_tests_that_ask_the_same_in_other_words_are_answered_alike() -> None:
    rooms, same = (
        conditions.Test(field="rooms", at_least=Decimal(2)),
        conditions.Test(field="attributes.rooms", at_least=Decimal(2)),
    )
    small = conditions.Test(field="rooms", less_than=Decimal(3))
    condition = AnyOf(any=(All(all=(same, small, rooms)), All(all=(same, Not(not_=rooms)))))
    turned = condition_changes.fewest_changes(condition, conditions.observe([condition], {}))
    assert {str(answer_change.test) for answer_change in turned or ()} == {
        "rooms at least 2",
        "attributes.rooms at least 2",
        "rooms less than 3",
    }


def test_a_test_reads_as_a_person_would_say_it() -> None:
    assert str(conditions.Test(field="rooms", between=(Decimal(2), Decimal(4)))) == "rooms between 2 and 4"
    assert str(conditions.Test(field="job", in_=("roof", "window"))) == "job in roof, window"
    assert str(conditions.Test(field="note", present=True)) == "note present true"
