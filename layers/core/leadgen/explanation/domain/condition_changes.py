"""The fewest test results that must change for a condition to hold, such that one lead could give them all."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import assert_never

from leadgen.leads.domain import conditions
from leadgen.leads.domain.conditions import All, AnyOf, Condition, Not, Observed, Test
from leadgen.leads.domain.predicates import Value, answer, as_number, kept


@dataclass(frozen=True)
class AnswerChange:
    """A test whose answer would have to change, and its new answer."""

    test: Test
    answer: bool


# How many ways to meet a part of a condition are pursued: to look at all of them can take longer than anybody waits.
_MOST_WAYS = 64

_Way = Mapping[str, AnswerChange]
"""Answers, by test, that together make a condition hold."""


def fewest_changes(condition: Condition, observed: Observed, *, wanted: bool = True) -> tuple[AnswerChange, ...] | None:
    """The fewest answers to change for the condition to hold (``wanted`` false: not to), the first among equals; no
    lead meets it without one of them.

    The answers are ones that a lead could give: each field has a value that gives all of its own. None where there are
    none, so that no lead can meet the condition.
    """
    ways = _ways(condition, observed, wanted=wanted)
    way = next((way for way in ways if is_possible(way.values())), None)
    if way is None:
        return None
    needed = _turned(way.values(), observed)
    for change in needed:
        rest = tuple(other for other in needed if other != change)
        # Two tests may be equivalent in other words: no lead can give another answer to one of them alone.
        if conditions.holds(condition, with_changes(observed, rest)) is wanted and is_possible(without(needed, change)):
            needed = rest
    return needed


def without(changes: Iterable[AnswerChange], left_out: AnswerChange) -> tuple[AnswerChange, ...]:
    """The answers to these tests when one of them stays as it is."""
    return tuple(replace(change, answer=not change.answer) if change == left_out else change for change in changes)


def is_possible(way: Iterable[AnswerChange]) -> bool:
    """Whether a lead could give all of these answers."""
    by_field: dict[str, list[AnswerChange]] = {}
    for change in way:
        by_field.setdefault(change.test.name, []).append(change)
    return all(any(_gives(value, changes) for value in _values(changes)) for changes in by_field.values())


def _gives(value: Value, changes: Iterable[AnswerChange]) -> bool:
    return all(answer(change.test.operator, change.test.operand, value) is change.answer for change in changes)


def _values(changes: Iterable[AnswerChange]) -> Iterator[Value]:
    """Values among which there is one that gives these answers about a field, if any does: what the tests name, and
    what lies at and between their edges.
    """
    operands = [(change.test.operator, change.test.operand) for change in changes]
    yield from (None, True, False, "-")
    parts = [part for _, operand in operands for part in _parts(operand)]
    yield from _numbers(number for part in parts if (number := as_number(part)) is not None)
    yield from _dates([day for _, day in operands if isinstance(day, date)])
    texts = [part for part in parts if isinstance(part, str)]
    for text in texts:
        yield text
        yield f"{text} -"
    contained = [text for operator, text in operands if operator == "contains"]
    yield tuple(contained)
    yield tuple(texts)
    for middle in ("", " ".join(contained)):
        begins = max((t for o, t in operands if o == "starts_with"), key=len, default="")
        ends = max((t for o, t in operands if o == "ends_with"), key=len, default="")
        yield f"{begins}{middle}{ends}"
        for pattern in (t for o, t in operands if o == "matches"):
            yield f"{begins}{pattern.replace('*', middle).replace('?', '0')}{ends}"
            yield pattern.replace("*", middle).replace("?", "0")


def _parts(operand: object) -> tuple[object, ...]:
    return operand if isinstance(operand, tuple) else (operand,)


def _numbers(edges: Iterable[Decimal]) -> Iterator[Value]:
    known = sorted(set(edges))
    for number in (*known, *((one + other) / 2 for one, other in pairwise(known))):
        yield kept(number)
    for edge in known:
        yield kept(edge - 1)
        yield kept(edge + 1)


def _dates(edges: Iterable[date]) -> Iterator[Value]:
    for day in edges:
        for near in (day, day + timedelta(days=1), day - timedelta(days=1)):
            yield near.isoformat()


def _ways(condition: Condition, observed: Observed, *, wanted: bool) -> list[_Way]:
    """Ways for a condition to hold (``wanted`` false: not to), those that change the fewest answers first."""
    match condition:
        case Test():
            return [{condition.key: AnswerChange(condition, wanted)}]
        case Not(not_=part):
            return _ways(part, observed, wanted=not wanted)
        case All(all=parts) | AnyOf(any=parts):
            each = [_ways(part, observed, wanted=wanted) for part in parts]
            if isinstance(condition, All) is not wanted:
                return _best((way for ways in each for way in ways), observed)
            found: list[_Way] = [{}]
            for ways in each:
                found = _best(({**one, **other} for one in found for other in ways if _agree(one, other)), observed)
            return found
        case _:
            assert_never(condition)


def _best(ways: Iterable[_Way], observed: Observed) -> list[_Way]:
    distinct = {frozenset((key, change.answer) for key, change in way.items()): way for way in ways}
    return sorted(distinct.values(), key=lambda way: len(_turned(way.values(), observed)))[:_MOST_WAYS]


def _agree(one: _Way, other: _Way) -> bool:
    return all(other[key].answer is change.answer for key, change in one.items() if key in other)


def _turned(changes: Iterable[AnswerChange], observed: Observed) -> tuple[AnswerChange, ...]:
    return tuple(change for change in changes if conditions.is_met(change.test, observed) is not change.answer)


def with_changes(observed: Observed, changes: Iterable[AnswerChange]) -> Observed:
    """The lead as it would be if the tests were answered so."""
    return Observed(observed.values, {**observed.answers, **{change.test.key: change.answer for change in changes}})
