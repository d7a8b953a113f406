"""Conditions on a lead: nested all, any and not over its fields and attributes, in policies and in buyers' filters.

A condition is decided in two steps, so that a decision's record can be complete without personal data. ``observe``
looks at the lead and keeps the values that may be shown, and of the others only the answers; ``holds`` decides by that
alone.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Self, assert_never

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.model import Model
from leadgen.kernel.model_errors import describe
from leadgen.kernel.trace import Json
from leadgen.leads.domain.predicates import Value, answer, is_withheld, kept, written

# What a condition may test; any other name is looked for in the lead's attributes.
FIELDS = (
    "name", "email", "phone", "country_code", "postal_code", "city", "region_code", "message", "source",
    "utm_source", "utm_medium", "utm_campaign", "consent", "gdpr_consent", "is_duplicate", "fraud_score", "lead_score",
)  # fmt: skip

_MOST_TESTS = 100
_DEEPEST = 10


Text = Annotated[str, BeforeValidator(written), Field(min_length=1, max_length=200)]
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
            words = " and ".join(given) if given else "none"
            raise ValueError(
                f"needs exactly one operator beside field, and has {words}; there are {', '.join(OPERATORS)}"
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
        """The field's name in the lead: its own, or ``attributes.<name>``."""
        return lead_field(self.field)

    @property
    def key(self) -> str:
        """What the test is known by: its JSON."""
        return self.model_dump_json(exclude_none=True)

    def __str__(self) -> str:
        operand = self.operand
        words = " and ".join(map(str, operand)) if self.operator == "between" else None
        words = words or (", ".join(map(str, operand)) if isinstance(operand, tuple) else str(operand).lower())
        return f"{self.field} {self.operator.replace('_', ' ')} {words}"


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


@dataclass(frozen=True)
class Observed:
    """What the conditions need of a lead, without personal data.

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
            posted = fields.get(test.name)
            if is_withheld(test.name, posted):
                answers[test.key] = answer(test.operator, test.operand, kept(posted))
            else:
                values[test.name] = kept(posted)
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
            return is_met(condition, observed)
        case _:
            assert_never(condition)


def shown(condition: Condition, observed: Observed) -> Json:
    """A lead's values that a condition tests, for a trace: of those that are withheld only that they are."""
    return {
        test.field: "withheld" if test.key in observed.answers else observed.values.get(test.name)
        for test in tests(condition)
    }


def is_met(test: Test, observed: Observed) -> bool:
    """The answer to one test."""
    known = observed.answers.get(test.key)
    return answer(test.operator, test.operand, observed.values.get(test.name)) if known is None else known


Rule = Annotated[Condition, AfterValidator(refuse_unwieldy)]


_CONDITION: TypeAdapter[Condition] = TypeAdapter(Rule)


def parse_filter(filter_: object, *, label: str) -> Condition:
    """A buyer's filter. Raises PolicyInvalid; ``label`` names the enrollment in its message."""
    try:
        return _CONDITION.validate_json(json.dumps(filter_))
    except ValidationError as error:
        raise PolicyInvalid(f"the filter of {label}: {describe(error)}") from None
