"""A buyer's response mapping (YAML ``answer``): accepted, refused or unclear, from the HTTP status and
from its body.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from leadgen.kernel.model import Model, renamed
from leadgen.leads.domain import predicates
from leadgen.leads.domain.conditions import Text, Texts
from leadgen.outbound.domain import response_body
from leadgen.outbound.domain.response_body import Unreadable

# What these statuses mean is settled: wait and call again, or never again.
_SPOKEN_FOR = (408, 410, 425, 429)

_LONGEST_REFERENCE = 100
_LONGEST_REASON = 200


@dataclass(frozen=True)
class Accepted:
    """The buyer has the lead. ``reference`` is what it calls it, at most 100 characters of the buyer's choice."""

    reference: str | None = None


@dataclass(frozen=True)
class Rejected:
    """The buyer rejects the lead. ``reason`` may be the buyer's own words, at most 200 characters."""

    reason: str


@dataclass(frozen=True)
class Unclear:
    """The answer does not decide it. ``cause`` is ours, and holds nothing of the answer."""

    cause: str


Reading = Accepted | Rejected | Unclear


def _rejection(status: int) -> int:
    if not (200 <= status <= 299 or 400 <= status <= 499) or status in _SPOKEN_FOR:
        settled = ", ".join(map(str, _SPOKEN_FOR))
        raise ValueError(f"must be a status from 200 to 299 or from 400 to 499, and none of {settled}")
    return status


def _path(path: str) -> str:
    if not all(path.split(".")):
        raise ValueError("must be names with dots between them, such as lead.id or errors.0.code")
    return path


Status = Annotated[int, AfterValidator(_rejection)]
Path = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_path)]


class _Test(Model):
    """Exactly one operator. Text is compared without regard to capitals and surrounding spaces."""

    present: bool | None = None
    equals: Text | None = None
    in_: Annotated[Texts | None, Field(alias="in")] = None
    contains: Text | None = None
    starts_with: Text | None = None

    @model_validator(mode="after")
    def _has_one_operator(self) -> Self:
        given = [name for name in _OPERATORS if self._operand(name) is not None]
        if len(given) != 1:
            words = " and ".join(given) if given else "none"
            raise ValueError(f"needs exactly one operator, and has {words}; there are {', '.join(_OPERATORS)}")
        return self

    def __str__(self) -> str:
        operand = self.operand
        words = ", ".join(operand) if isinstance(operand, tuple) else str(operand).lower()
        return f"{self.operator.replace('_', ' ')} {words}"

    def _operand(self, operator: str) -> Any:
        return self.in_ if operator == "in" else getattr(self, operator)

    @property
    def operator(self) -> str:
        """The one operator's name."""
        return next(name for name in _OPERATORS if self._operand(name) is not None)

    @property
    def operand(self) -> Any:
        """What the answer is held against."""
        return self._operand(self.operator)


_OPERATORS = tuple((field.alias or name) for name, field in _Test.model_fields.items())


class TextTest(_Test):
    """One question about the whole text of an answer."""


class PathTest(_Test):
    """One question about a part of an answer. A part that is absent fails every test but ``present: false``; of a list
    ``contains`` tests for one of its items.
    """

    path: Path

    def __str__(self) -> str:
        return f"{self.path} {super().__str__()}"


TextTests = Annotated[tuple[TextTest, ...], Field(max_length=50)]
PathTests = Annotated[tuple[PathTest, ...], Field(max_length=50)]


def _of_now(otherwise: object) -> object:
    return "rejected" if otherwise == "refused" else otherwise


class _Answer(Model):
    """What every kind has. A rejection is tested first.

    ``otherwise`` is what an answer is that meets neither. Where it is absent: accepted if there is no
    ``accepted_when``, else unclear.
    """

    rejected_statuses: Annotated[
        tuple[Status, ...], Field(max_length=20), renamed("rejected_statuses", "refused_statuses")
    ] = ()
    accepted_when: tuple[_Test, ...] = ()
    rejected_when: Annotated[tuple[_Test, ...], renamed("rejected_when", "refused_when")] = ()
    otherwise: Annotated[Literal["accepted", "rejected", "unclear"] | None, BeforeValidator(_of_now)] = None

    @model_validator(mode="after")
    def _leaves_something_over(self) -> Self:
        if self.otherwise is not None and not (self.accepted_when or self.rejected_when):
            raise ValueError("otherwise needs accepted_when or rejected_when beside it")
        return self

    @property
    def reads_body(self) -> bool:
        """Whether what the answer means rests on what is in it."""
        return bool(self.accepted_when or self.rejected_when)


class TextAnswer(_Answer):
    """Plain text. A rejection's reason is the text itself."""

    type: Literal["text"]
    accepted_when: TextTests = ()
    rejected_when: Annotated[TextTests, renamed("rejected_when", "refused_when")] = ()


class _PathAnswer(_Answer):
    """``reference`` and ``reason`` are where the buyer's own id of the lead and its words for a rejection stand."""

    accepted_when: PathTests = ()
    rejected_when: Annotated[PathTests, renamed("rejected_when", "refused_when")] = ()
    reference: Path | None = None
    reason: Path | None = None


class JsonAnswer(_PathAnswer):
    """JSON. A path is of names and positions in lists, from 0: ``errors.0.code``."""

    type: Literal["json"]


class XmlAnswer(_PathAnswer):
    """XML. A path is of elements, the root first, without namespaces: ``response.result``, ``response.@code``."""

    type: Literal["xml"]


class FormAnswer(_PathAnswer):
    """Form-encoded. A path is a field's name."""

    type: Literal["form"]


AnswerMapping = Annotated[JsonAnswer | XmlAnswer | FormAnswer | TextAnswer, Field(discriminator="type")]


def read(
    mapping: AnswerMapping | None, *, status: int, content_type: str | None, body: bytes, complete: bool
) -> Reading:
    """What an answer means, for a 2xx and for the statuses that the mapping calls rejections.

    ``complete`` is whether the body's end was seen. Without a mapping any 2xx accepts.
    """
    is_rejection = mapping is not None and status in mapping.rejected_statuses
    if not is_rejection and not 200 <= status <= 299:
        return Unclear(f"HTTP {status}")
    if mapping is None:
        return Accepted()
    try:
        tree = response_body.parsed(mapping.type, content_type, body, complete=complete)
    except Unreadable as unreadable:
        if is_rejection:
            return Rejected(f"HTTP {status}")
        return Unclear(str(unreadable)) if mapping.reads_body else Accepted()
    return Rejected(_reason(mapping, tree) or f"HTTP {status}") if is_rejection else _read(mapping, tree)


def _read(mapping: AnswerMapping, tree: object) -> Reading:
    rejecting = next((test for test in mapping.rejected_when if _is_met(test, tree)), None)
    if rejecting is not None:
        return Rejected(_reason(mapping, tree) or _bounded(str(rejecting), _LONGEST_REASON) or "")
    if any(_is_met(test, tree) for test in mapping.accepted_when):
        return Accepted(_reference(mapping, tree))
    match mapping.otherwise or ("unclear" if mapping.accepted_when else "accepted"):
        case "accepted":
            return Accepted(_reference(mapping, tree))
        case "rejected":
            return Rejected(_reason(mapping, tree) or "the answer says nothing of an acceptance")
        case "unclear":
            return Unclear("the answer is neither an acceptance nor a rejection")


def _is_met(test: PathTest | TextTest, tree: object) -> bool:
    found = response_body.found(tree, test.path) if isinstance(test, PathTest) else tree
    return predicates.answer(test.operator, test.operand, _value(found))


def _value(found: object) -> predicates.Value:
    """What a test is held against: of a mapping its names. What is nested deeper in a list is passed over."""
    match found:
        case bool() | str():
            return found
        case list():
            return tuple(str(predicates.written(item)) for item in found if isinstance(item, bool | str))
        case Mapping():
            return tuple(map(str, found))
        case _:
            return None


def _reference(mapping: AnswerMapping, tree: object) -> str | None:
    return None if isinstance(mapping, TextAnswer) else _words(tree, mapping.reference, _LONGEST_REFERENCE)


def _reason(mapping: AnswerMapping, tree: object) -> str | None:
    if isinstance(mapping, TextAnswer):
        return _bounded(str(tree), _LONGEST_REASON)
    return _words(tree, mapping.reason, _LONGEST_REASON)


def _words(tree: object, path: str | None, longest: int) -> str | None:
    found = None if path is None else predicates.written(response_body.found(tree, path))
    if isinstance(found, list):
        found = ", ".join(str(predicates.written(item)) for item in found if isinstance(item, bool | str))
    return _bounded(found, longest) if isinstance(found, str) else None


def _bounded(words: str, longest: int) -> str | None:
    """A buyer's words on one line, without what is no character to read; None if nothing is left."""
    readable = (" " if unicodedata.category(character)[0] in "CZ" else character for character in words)
    return " ".join("".join(readable).split())[:longest].rstrip() or None
