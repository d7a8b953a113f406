"""The operators of conditions (equals, contains, more_than …) applied to one value; and which values
are personal data.
"""

import fnmatch
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

Value = None | bool | int | str | tuple[str, ...] | Mapping[str, str]
"""A field's value on record: a number that is not whole is ``{"number": "2.5"}``, an absent field None."""


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


def written(value: object) -> object:
    """JSON's numbers and flags as the text a person would write; anything else as it is."""
    """Operands are compared as text; JSON's numbers and flags are taken for the text a person would write."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float | Decimal) else value


def kept(value: object) -> Value:
    """A posted value in the form that is on record."""
    match value:
        case None | bool() | int() | str():
            return value.strip() if isinstance(value, str) else value
        case float() | Decimal():
            number = Decimal(str(value))
            return int(number) if number == number.to_integral_value() else {"number": str(number)}
        case list() | tuple():
            return tuple(str(written(item)).strip() for item in value)
        case _:
            return str(value)


def looks_personal(text: str) -> bool:
    """Whether a text that somebody posted could be an address or a number to call, or is too long to decide."""
    return len(text) > _LONGEST_SHOWN or bool(_LOOKS_PERSONAL.search(text))


def is_withheld(field: str, posted: object) -> bool:
    """Whether a field's value must not be shown: it is personal or looks like it, or an object of any content."""
    if field in PERSONAL or _NAMED_PERSONAL.fullmatch(field) is not None:
        return True
    items = posted if isinstance(posted, list | tuple) else (posted,)
    return any(isinstance(item, Mapping | list | tuple) for item in items) or _is_withheld(kept(posted))


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


def answer(operator: str, operand: Any, value: Value) -> bool:
    """Whether a value fits an operator of ``conditions.Test``."""
    blank = value is None or value in ("", ())
    match operator:
        case "present":
            return blank is not operand
        case "not_equals":
            return not _equal(value, operand)
        case "not_in":
            return not any(_equal(value, text) for text in operand)
    if blank:
        return False
    match operator:
        case "equals":
            return _equal(value, operand)
        case "in":
            return any(_equal(value, text) for text in operand)
        case "contains" | "starts_with" | "ends_with" | "matches":
            return _text_answer(operator, value, operand)
        case "before" | "after":
            day = _date(value)
            return day is not None and (day < operand if operator == "before" else day > operand)
        case _:
            number = as_number(value)
            return number is not None and _number_answer(operator, number, operand)


def _equal(value: Value, operand: str) -> bool:
    match value:
        case bool():
            return _folded(operand) in _FLAGS[str(value).lower()]
        case int() | Mapping():
            return as_number(value) == as_number(operand)
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


def as_number(value: object) -> Decimal | None:
    """A value on record, or an operand, as a number; None where it is none."""
    if isinstance(value, Mapping):
        value = value.get("number")
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
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
