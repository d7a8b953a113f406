"""Conditions on a lead: nested all, any and not over its fields and attributes, in policies and in buyers' filters.

A condition is decided in two steps, so that a decision's record can be complete without personal data. ``observe``
looks at the lead and keeps the values that may be shown, and of the others only the answers; ``holds`` decides by that
alone.
"""

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Self, assert_never

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from leadgen.domain.model import Model
from leadgen.domain.trace import Json

# What a condition may ask about; any other name is looked for in the lead's attributes.
FIELDS = (
    "name", "email", "phone", "country_code", "postal_code", "city", "region_code", "message", "source",
    "utm_source", "utm_medium", "utm_campaign", "consent", "gdpr_consent", "is_duplicate", "fraud_score", "lead_score",
)  # fmt: skip

# Whose values never stand in a decision's record.
PERSONAL = frozenset({"name", "email", "phone", "message"})

# Nor do those of attributes that by their own name are such a field: first_name, contactEmail, phone, message.
_NAMED_PERSONAL = re.compile(r"attributes\..*(?:name|e-?mail|phone|message)", re.IGNORECASE)

# Attributes are what the vertical makes them: a value that could be an address or a number to call is not shown either.
_LOOKS_PERSONAL = re.compile(r"@|(?:\d[\s().+-]*){7}")
_LARGEST_SHOWN = 999_999  # seven digits can be a number to call
_LONGEST_SHOWN = 200
# What people and forms write for the two flags of JSON and YAML.
_FLAGS = {"true": ("true", "yes", "on"), "false": ("false", "no", "off")}
_MOST_TESTS = 100
_DEEPEST = 10


def _written(value: object) -> object:
    """Operands are compared as text; JSON's numbers and flags are taken for the text a person would write."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float | Decimal) else value


Text = Annotated[str, BeforeValidator(_written), Field(min_length=1, max_length=200)]
Texts = Annotated[tuple[Text, ...], Field(min_length=1, max_length=1000)]
Number = Annotated[Decimal, Field(allow_inf_nan=False, max_digits=20, decimal_places=6)]


class Test(Model):
    """One question about one field: exactly one operator beside ``field``.

    Text is compared without regard to capitals and surrounding spaces. A field that is absent or blank fails every
    test but ``present: false``, ``not_equals`` and ``not_in``.
    """

    field: Annotated[str, Field(pattern=r"^\S{1,80}$")]
    present: bool | None = None
    equals: Text | None = None
    not_equals: Text | None = None
    in_: Annotated[Texts | None, Field(alias="in")] = None
    not_in: Texts | None = None
    contains: Text | None = None
    starts_with: Text | None = None
    ends_with: Text | None = None
    matches: Annotated[Text | None, Field(description="A pattern of the whole text: * for anything, ? for one.")] = None
    more_than: Number | None = None
    at_least: Number | None = None
    less_than: Number | None = None
    at_most: Number | None = None
    between: Annotated[tuple[Number, Number] | None, Field(description="Both ends included.")] = None
    before: date | None = None
    after: date | None = None

    @model_validator(mode="after")
    def _has_one_operator(self) -> Self:
        given = [name for name in OPERATORS if getattr(self, _attribute(name)) is not None]
        if len(given) != 1:
            said = " and ".join(given) if given else "none"
            raise ValueError(
                f"needs exactly one operator beside field, and has {said}; there are {', '.join(OPERATORS)}"
            )
        if self.between is not None and self.between[0] > self.between[1]:
            raise ValueError(f"between {self.between[0]} and {self.between[1]} lies no number")
        return self

    @property
    def operator(self) -> str:
        """The one operator's name."""
        return next(name for name in OPERATORS if getattr(self, _attribute(name)) is not None)

    @property
    def operand(self) -> Any:
        """What the field is held against."""
        return getattr(self, _attribute(self.operator))

    @property
    def name(self) -> str:
        """The field as the lead knows it: its own, or ``attributes.<name>``."""
        return lead_field(self.field)

    def __str__(self) -> str:
        operand = self.operand
        said = " and ".join(map(str, operand)) if self.operator == "between" else None
        said = said or (", ".join(map(str, operand)) if isinstance(operand, tuple) else str(operand).lower())
        return f"{self.field} {self.operator.replace('_', ' ')} {said}"


OPERATORS = tuple((field.alias or name) for name, field in Test.model_fields.items() if name != "field")


def _attribute(operator: str) -> str:
    return "in_" if operator == "in" else operator


def _tag(value: object) -> str:
    if isinstance(value, Mapping):
        return next((name for name in ("all", "any", "not") if name in value), "test")
    match value:
        case All():
            return "all"
        case AnyOf():
            return "any"
        case Not():
            return "not"
        case _:
            return "test"


class All(Model):
    """Every one of them holds."""

    all: Annotated[tuple["Condition", ...], Field(min_length=1)]


class AnyOf(Model):
    """At least one of them holds."""

    any: Annotated[tuple["Condition", ...], Field(min_length=1)]


class Not(Model):
    """It does not hold."""

    not_: Annotated["Condition", Field(alias="not")]


Condition = Annotated[
    Annotated[All, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[Not, Tag("not")]
    | Annotated[Test, Tag("test")],
    Discriminator(_tag),
]
All.model_rebuild()
AnyOf.model_rebuild()
Not.model_rebuild()


def refuse_unwieldy(condition: Condition) -> Condition:
    """Raises ValueError on a condition nested too deeply or with too many tests."""
    if _depth(condition) > _DEEPEST:
        raise ValueError(f"is nested deeper than {_DEEPEST} levels")
    if sum(1 for _ in tests(condition)) > _MOST_TESTS:
        raise ValueError(f"has more than {_MOST_TESTS} tests")
    return condition


def _depth(condition: Condition) -> int:
    return 1 + max((_depth(part) for part in _parts(condition)), default=0)


def _parts(condition: Condition) -> Sequence[Condition]:
    match condition:
        case All(all=parts) | AnyOf(any=parts):
            return parts
        case Not(not_=part):
            return (part,)
        case Test():
            return ()
        case _:
            assert_never(condition)


def tests(condition: Condition) -> Iterator[Test]:
    """Every test of a condition, as it is written."""
    if isinstance(condition, Test):
        yield condition
    for part in _parts(condition):
        yield from tests(part)


def lead_field(field: str) -> str:
    """A field's name on a lead: one of its own, or ``attributes.<name>``."""
    return field if field in FIELDS or field.startswith("attributes.") else f"attributes.{field}"


Value = None | bool | int | str | tuple[str, ...] | Mapping[str, str]
"""A field's value on record: a number that is not whole is ``{"number": "2.5"}``, an absent field None."""


@dataclass(frozen=True)
class Observed:
    """What the conditions need to know of a lead, without personal data.

    ``values`` are by field; ``answers`` holds, by test (its JSON), the answers about values that are not shown.
    """

    values: Mapping[str, Value]
    answers: Mapping[str, bool]


NOTHING_OBSERVED = Observed({}, {})


def observe(conditions: Iterable[Condition], fields: Mapping[str, object]) -> Observed:
    """Look at a lead for these conditions. ``fields`` are its own, and its attributes as ``attributes.<name>``."""
    values: dict[str, Value] = {}
    answers: dict[str, bool] = {}
    for condition in conditions:
        for test in tests(condition):
            value = _plain(fields.get(test.name))
            if _is_named_personal(test.name) or _is_withheld(value):
                answers[_key(test)] = _answer(test, value)
            else:
                values[test.name] = value
    return Observed(dict(sorted(values.items())), dict(sorted(answers.items())))


def holds(condition: Condition, observed: Observed) -> bool:
    """Whether a lead meets a condition."""
    match condition:
        case All(all=parts):
            return all(holds(part, observed) for part in parts)
        case AnyOf(any=parts):
            return any(holds(part, observed) for part in parts)
        case Not(not_=part):
            return not holds(part, observed)
        case Test():
            return _is_met(condition, observed)
        case _:
            assert_never(condition)


@dataclass(frozen=True)
class Flip:
    """A test that would have to be answered otherwise."""

    test: Test
    answer: bool


# How many ways to meet a part of a condition are pursued: to look at all of them can take longer than anybody waits.
_MOST_WAYS = 64

_Way = Mapping[str, Flip]
"""Answers, by test, that together make a condition hold."""


def fewest_flips(condition: Condition, observed: Observed, *, wanted: bool = True) -> tuple[Flip, ...] | None:
    """The fewest answers to change for the condition to hold (``wanted`` false: not to), the first among equals; none
    of them can be left out.

    None where no answers are found that do: a test would have to be answered both ways.
    """
    way = next(iter(_ways(condition, observed, wanted=wanted)), None)
    if way is None:
        return None
    kept = _turned(way.values(), observed)
    for flip in kept:
        rest = tuple(other for other in kept if other != flip)
        kept = rest if holds(condition, flipped(observed, rest)) is wanted else kept
    return kept


def _ways(condition: Condition, observed: Observed, *, wanted: bool) -> list[_Way]:
    """Ways for a condition to hold (``wanted`` false: not to), those that change the fewest answers first."""
    match condition:
        case Test():
            return [{_key(condition): Flip(condition, wanted)}]
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
    distinct = {frozenset((key, flip.answer) for key, flip in way.items()): way for way in ways}
    return sorted(distinct.values(), key=lambda way: len(_turned(way.values(), observed)))[:_MOST_WAYS]


def _agree(one: _Way, other: _Way) -> bool:
    return all(other[key].answer is flip.answer for key, flip in one.items() if key in other)


def _turned(flips: Iterable[Flip], observed: Observed) -> tuple[Flip, ...]:
    return tuple(flip for flip in flips if _is_met(flip.test, observed) is not flip.answer)


def flipped(observed: Observed, flips: Iterable[Flip]) -> Observed:
    """The lead as it would be if the tests were answered so."""
    return Observed(observed.values, {**observed.answers, **{_key(flip.test): flip.answer for flip in flips}})


def shown(condition: Condition, observed: Observed) -> Json:
    """A lead's values that a condition asks for, for a trace: of those that are withheld only that they are."""
    return {
        test.field: "withheld" if _key(test) in observed.answers else observed.values.get(test.name)
        for test in tests(condition)
    }


def _key(test: Test) -> str:
    return test.model_dump_json(exclude_none=True)


def _is_met(test: Test, observed: Observed) -> bool:
    answer = observed.answers.get(_key(test))
    return _answer(test, observed.values.get(test.name)) if answer is None else answer


def _plain(value: object) -> Value:
    match value:
        case None | bool() | int() | str():
            return value.strip() if isinstance(value, str) else value
        case float() | Decimal():
            number = Decimal(str(value))
            return int(number) if number == number.to_integral_value() else {"number": str(number)}
        case list() | tuple():
            return tuple(str(_written(item)).strip() for item in value)
        case _:
            return str(value)


def looks_personal(text: str) -> bool:
    """Whether a text that somebody posted could be an address or a number to call, or is too long to tell."""
    return len(text) > _LONGEST_SHOWN or bool(_LOOKS_PERSONAL.search(text))


def _is_named_personal(name: str) -> bool:
    return name in PERSONAL or _NAMED_PERSONAL.fullmatch(name) is not None


def _is_withheld(value: Value) -> bool:
    match value:
        case int():
            return abs(value) > _LARGEST_SHOWN
        case str():
            return len(value) > _LONGEST_SHOWN or (_date(value) is None and looks_personal(value))
        case tuple():
            return any(_is_withheld(item) for item in value)
        case Mapping():
            # A number that is not whole: 303.5550142 can be called, and where somebody lives has as many digits.
            return looks_personal(value["number"])
        case _:
            return False


def _answer(test: Test, value: Value) -> bool:
    blank = value is None or value in ("", ())
    operand = test.operand
    match test.operator:
        case "present":
            return blank is not operand
        case "not_equals":
            return not _equal(value, operand)
        case "not_in":
            return not any(_equal(value, text) for text in operand)
    if blank:
        return False
    match test.operator:
        case "equals":
            return _equal(value, operand)
        case "in":
            return any(_equal(value, text) for text in operand)
        case "contains" | "starts_with" | "ends_with" | "matches":
            return _text_answer(test.operator, value, operand)
        case "before" | "after":
            day = _date(value)
            return day is not None and (day < operand if test.operator == "before" else day > operand)
        case _:
            number = _number(value)
            return number is not None and _number_answer(test.operator, number, operand)


def _equal(value: Value, operand: str) -> bool:
    match value:
        case bool():
            return _folded(operand) in _FLAGS[str(value).lower()]
        case int() | Mapping():
            return _number(value) == _number(operand)
        case str():
            # A form posts a box that is ticked as text.
            return _folded(value) == _folded(operand) or _folded(value) in _FLAGS.get(_folded(operand), ())
        case _:
            return False


def _text_answer(operator: str, value: Value, operand: str) -> bool:
    if operator == "contains" and isinstance(value, tuple):
        return any(_equal(item, operand) for item in value)
    if not isinstance(value, str | int):
        return False
    text, wanted = _folded(str(value)), _folded(operand)
    match operator:
        case "contains":
            return wanted in text
        case "starts_with":
            return text.startswith(wanted)
        case "ends_with":
            return text.endswith(wanted)
        case _:
            # A wildcard pattern, not a regular expression: no pattern can take longer than its text deserves.
            return fnmatch.fnmatchcase(text, wanted.replace("[", "[[]"))


def _number_answer(operator: str, number: Decimal, operand: Any) -> bool:
    match operator:
        case "more_than":
            return bool(number > operand)
        case "at_least":
            return bool(number >= operand)
        case "less_than":
            return bool(number < operand)
        case "at_most":
            return bool(number <= operand)
        case _:
            return bool(operand[0] <= number <= operand[1])


def _number(value: Value) -> Decimal | None:
    if isinstance(value, Mapping):
        value = value.get("number")
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _date(value: Value) -> date | None:
    try:
        return datetime.fromisoformat(value).date() if isinstance(value, str) else None
    except ValueError:
        return None


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
