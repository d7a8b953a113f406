"""What a buyer's answer means: whether it took the lead, by its status or by what its body says."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from leadgen.domain.conditions import Text, Texts
from leadgen.domain.model import Model

# What these statuses mean is settled: wait and ask again, or never again.
_SPOKEN_FOR = (408, 410, 425, 429)

_LONGEST_REFERENCE = 100
_LONGEST_REASON = 200


@dataclass(frozen=True)
class Accepted:
    """The buyer has the lead. ``reference`` is what it calls it, at most 100 characters of the buyer's choice."""

    reference: str | None = None


@dataclass(frozen=True)
class Refused:
    """The buyer does not want the lead. ``reason`` may be the buyer's own words, at most 200 characters."""

    reason: str


@dataclass(frozen=True)
class Unclear:
    """Nobody can tell by the answer. ``cause`` is ours, and holds nothing of the answer."""

    cause: str


Reading = Accepted | Refused | Unclear


def _refusal(status: int) -> int:
    if not (200 <= status <= 299 or 400 <= status <= 499) or status in _SPOKEN_FOR:
        settled = ", ".join(map(str, _SPOKEN_FOR))
        raise ValueError(f"must be a status from 200 to 299 or from 400 to 499, and none of {settled}")
    return status


Status = Annotated[int, AfterValidator(_refusal)]


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
            said = " and ".join(given) if given else "none"
            raise ValueError(f"needs exactly one operator, and has {said}; there are {', '.join(_OPERATORS)}")
        return self

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


class BodyTest(_Test):
    """One question about the whole text of an answer."""


class _Answer(Model):
    """What every kind has. A refusal is asked for first; ``otherwise`` is what an answer is that meets neither, where
    it is absent: unclear, or accepted where ``accepted_when`` is absent too.
    """

    refused_statuses: tuple[Status, ...] = ()
    otherwise: Literal["accepted", "refused", "unclear"] | None = None


class TextAnswer(_Answer):
    """Plain text; a refusal's reason is the text itself."""

    type: Literal["text"]
    accepted_when: tuple[BodyTest, ...] = ()
    refused_when: tuple[BodyTest, ...] = ()


AnswerMapping = TextAnswer


def read(
    mapping: AnswerMapping | None, *, status: int, content_type: str | None, body: bytes, complete: bool
) -> Reading:
    """What an answer means, for a 2xx and for the statuses that the mapping calls refusals; without one, any 2xx
    accepts.
    """
    if mapping is not None and status in mapping.refused_statuses:
        return Refused(f"HTTP {status}")
    return Accepted() if 200 <= status <= 299 else Unclear(f"HTTP {status}")
