"""Turns pydantic errors into plain words."""

import re

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_MESSAGES = {
    "missing": "is missing",
    "extra_forbidden": "is no field here",
    "union_tag_not_found": "is missing",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "decimal_parsing": "must be a number such as 45.00",
    "decimal_type": "must be a number such as 45.00",
    "date_type": "must be a date such as 2030-01-31",
    "date_parsing": "must be a date such as 2030-01-31",
    "date_from_datetime_parsing": "must be a date such as 2030-01-31",
    "date_from_datetime_inexact": "must be a date such as 2030-01-31",
    "string_type": "must be a text",
    "uuid_parsing": "must be a UUID such as 3f2a91bc-0c1d-4e5f-8a9b-7c6d5e4f3a2b",
    "tuple_type": "must be a list",
    "model_type": "must be a section of fields",
    "model_attributes_type": "must be a section of fields",
    "dict_type": "must be a section of fields",
    "mapping_type": "must be a section of fields",
}

# What the patterns of the models mean.
PATTERNS = {
    r"^([01][0-9]|2[0-3]):[0-5][0-9]$": "a time of day such as 08:00",
    r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$": "a time of day such as 18:00, at most 24:00",
    r"^\S{1,80}$": "a field's name, at most 80 characters without spaces",
    r"^[A-Z]{2}$": "an ISO 3166-1 country code such as US",
    r"^[a-z][a-z0-9_]{0,63}$": "lower-case letters, digits and underscores",
    r"^[0-9]{1,6}$": "an area code, in digits",
    r"^[a-z0-9.-]{1,253}$": "a host name in lower case",
    r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}$": "an IBAN in capitals and without spaces, such as DE89370400440532013000",
    r"^[A-Z0-9]{8}([A-Z0-9]{3})?$": "a BIC of 8 or 11 capitals and digits, such as COBADEFFXXX",
    r"^[0-9]{9}$": "a routing number of nine digits",
}
_SUBJECT = re.compile(r"^(Input|String|Decimal input|Value) (?=should)")
_ENTRIES = {"too_short": ("at least", "min_length"), "too_long": ("at most", "max_length")}


def describe(error: ValidationError, *, whole: str = "the policy") -> str:
    """Every fault in one line: the field's path, then what is wrong with it; ``whole`` is what has the fields."""
    return "; ".join(_description(fault, whole) for fault in error.errors())


def _description(fault: ErrorDetails, whole: str) -> str:
    place, about = fault["loc"], fault.get("ctx", {})
    if "discriminator" in about:  # the field that selects the member of a union
        place = (*place, about["discriminator"].strip("'"))
    given = f", not '{about['tag']}'" if "tag" in about else ""
    return f"{'.'.join(map(str, place)) or whole}: {words(fault)}{given}"


def words(fault: ErrorDetails) -> str:
    """What is expected, in the words that follow a field's name."""
    kind, about = fault["type"], fault.get("ctx", {})
    if kind in _MESSAGES:
        return _MESSAGES[kind]
    if kind == "union_tag_invalid":
        return f"must be {_choice(about['expected_tags'])}"
    if kind in _ENTRIES:
        bound, name = _ENTRIES[kind]
        return f"must have {bound} {about[name]} {'entry' if about[name] == 1 else 'entries'}"
    if kind == "string_pattern_mismatch":
        return f"must be {PATTERNS.get(about['pattern'], 'like ' + about['pattern'])}"
    if kind == "value_error":
        return str(about["error"])
    return _SUBJECT.sub("", fault["msg"]).replace("should", "must", 1)


def _choice(tags: str) -> str:
    *rest, last = tags.split(", ")
    return f"{', '.join(rest)} or {last}" if rest else last
