"""The record of a decision: plain JSON, the same value always the same text."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.kernel import trace
from leadgen.kernel.trace import Check


@dataclass(frozen=True)
class Sample:
    amount: Decimal
    names: frozenset[str]
    inner: tuple[Check, ...]


def test_every_kind_of_value_has_one_plain_form() -> None:
    noon = datetime(2026, 6, 17, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    sample = Sample(Decimal("45.00"), frozenset({"b", "a", "c"}), (Check("cap", 1, None, True),))
    assert trace.plain({"sample": sample, "at": noon, 5: [None, True, "x"]}) == {
        "sample": {
            "amount": "45.00",
            "names": ["a", "b", "c"],
            "inner": [{"rule": "cap", "value": 1, "limit": None, "passed": True}],
        },
        "at": "2026-06-17T12:00:00+00:00",
        "5": [None, True, "x"],
    }


def test_the_same_instant_and_the_same_set_give_the_same_text() -> None:
    east = datetime(2026, 6, 17, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    assert trace.plain(east) == trace.plain(east.astimezone(UTC))
    assert trace.plain({"b", "a"}) == trace.plain(frozenset(("a", "b")))


@pytest.mark.parametrize("value", [1.5, float("nan"), b"bytes", object(), Sample, 2j])
def test_what_has_no_exact_text_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        trace.plain({"deep": [value]})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.datetimes(timezones=st.just(UTC)) | st.frozensets(st.text(max_size=5), max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@given(VALUES)
def test_what_is_plain_survives_json_and_stays_as_it_is(value: object) -> None:
    plain = trace.plain(value)
    assert json.loads(json.dumps(plain)) == plain
    assert trace.plain(plain) == plain


def test_a_long_list_is_shown_by_its_beginning_and_its_length() -> None:
    assert trace.limited(["a", "b"], most=2) == ["a", "b"]
    assert trace.limited(["a", "b", "c"], most=2) == {"first": ["a", "b"], "count": 3}
