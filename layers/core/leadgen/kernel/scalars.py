"""Scalar constants in configuration (text, number, boolean), with one stored form for each value."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")

# So that a number is the same as JSON, as YAML and as the floating point number that both are read as in between.
_MOST_DIGITS = 15
_MOST_DECIMALS = 4
_LONGEST_TEXT = 500

Value = bool | int | Decimal | str


class Unquoted(str):
    """A text that stands in a file without quotes: 5 there is a number, and "5" is a text."""

    __slots__ = ()


def scalar(written: object) -> Value:
    """A constant. Raises ValueError for what is none."""
    match written:
        case Unquoted():
            return _unquoted(written)
        case bool():
            return written
        case int() | float() | Decimal():
            return _number(Decimal(str(written)))
        case str():
            return _text(written)
        case _:
            raise ValueError("must be a text, a number, true or false")


def _unquoted(written: str) -> Value:
    if written in ("true", "false"):
        return written == "true"
    return _number(Decimal(written)) if _NUMBER.fullmatch(written) else _text(written)


def _number(number: Decimal) -> int | Decimal:
    _, digits, exponent = number.normalize().as_tuple()
    decimals = -exponent if isinstance(exponent, int) else _MOST_DIGITS
    if decimals > _MOST_DECIMALS or max(len(digits) - min(decimals, 0), decimals) > _MOST_DIGITS:
        raise ValueError(
            f"must be a number of at most {_MOST_DIGITS} digits, {_MOST_DECIMALS} of them after the point; "
            "in quotes it is a text"
        )
    return int(number) if decimals <= 0 else number.normalize()


def _text(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"must have at most {_LONGEST_TEXT} characters")
    if _CONTROL.search(text):
        raise ValueError("must hold no control characters")
    return str(text)


def _plain(value: Value) -> Any:
    return float(value) if isinstance(value, Decimal) else value


Scalar = Annotated[
    Value,
    PlainValidator(scalar),
    PlainSerializer(_plain, when_used="json"),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
