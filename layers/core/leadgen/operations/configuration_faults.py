"""What is told of a field that a model refuses: the field as the file has it, and what is expected, in plain words."""

import re
from collections.abc import Mapping
from types import UnionType
from typing import Union, get_args, get_origin

from pydantic import BaseModel, RootModel, Tag, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from leadgen.operations.documents import Document, Location, Problem

_MESSAGES = {
    "missing": "is missing",
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
}
_SUBJECT = re.compile(r"^(Input|String|Decimal input|Value) (?=should)")
# The fields that tell the members of a union apart.
_TOLD_BY = ("strategy", "type")
_ENTRIES = {"too_short": ("at least", "min_length"), "too_long": ("at most", "max_length")}


def found(document: Document, model: type[BaseModel], error: ValidationError) -> list[Problem]:
    """The problems of a document that the model refused."""
    faults = error.errors(include_url=False, include_input=False)
    locations = [fault["loc"] for fault in faults]
    return [
        _problem(document, model, fault)
        for fault in faults
        # A list that is too short because an entry is faulty, a field that is missing because it could not be read:
        # the cause is told, not what follows from it.
        if not any(_is_inside(location, fault["loc"]) for location in locations)
        and not any(fault["loc"][: len(unread)] == unread for unread in document.faults)
    ]


def _is_inside(location: Location, outer: Location) -> bool:
    return len(location) > len(outer) and location[: len(outer)] == outer


def _problem(document: Document, model: type[BaseModel], fault: ErrorDetails) -> Problem:
    if fault["type"] == "extra_forbidden":
        place, section = _walk(model, fault["loc"][:-1])
        known = [field.alias or name for part in _members(section) for name, field in _fields(part).items()]
        if known in (["all"], ["any"], ["not"]):
            return document.problem(
                (*place, fault["loc"][-1]),
                f"stands beside {known[0]}: put one inside the other, as in all: [any: […], …]",
            )
        return document.problem((*place, fault["loc"][-1]), f"is no field here; there are {', '.join(known)}")
    place, _ = _walk(model, fault["loc"])
    if fault["type"] in ("union_tag_invalid", "union_tag_not_found"):
        place = (*place, fault["ctx"]["discriminator"].strip("'"))
    return document.problem(place, _message(fault))


def _message(fault: ErrorDetails) -> str:
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


def _walk(model: type[BaseModel], location: Location) -> tuple[Location, object]:
    """The field at a validator's path, as the file has it, and its type.

    The path names the variants of unions too, and ``[key]`` for the name of an entry: no fields of the file.
    """
    place: Location = ()
    here: object = model
    for part in location:
        variants = _variants(here)
        if part in variants:
            here = variants[str(part)]
        elif part != "[key]":
            place = (*place, part)
            here = _inside(here, part)
    return place, here


def _inside(annotation: object, part: str | int) -> object:
    """The type of a field of a section, or of an entry of a list or mapping; None where it is not known."""
    for member in _members(annotation):
        for name, field in _fields(member).items():
            if part in (name, field.alias):
                return field.annotation
        if get_origin(_bare(member)) in (tuple, dict, Mapping):
            return [arg for arg in get_args(_bare(member)) if arg is not ...][-1]
    return None


def _variants(annotation: object) -> dict[str, object]:
    """The members of a union by the tags that a validator's path names them by."""
    tagged = {tag: member for member in _members(annotation) if (tag := _tag(member)) is not None}
    return tagged if len(tagged) > 1 else {}


def _tag(member: object) -> str | None:
    for about in getattr(member, "__metadata__", ()):
        if isinstance(about, Tag):
            return about.tag
    told_by = next((field for name, field in _fields(member).items() if name in _TOLD_BY), None)
    return None if told_by is None else str(get_args(told_by.annotation)[0])


def _members(annotation: object) -> list[object]:
    """The members of a union, a union's of unions too; any other type by itself."""
    bare = _bare(annotation)
    if isinstance(bare, UnionType) or get_origin(bare) is Union:
        return [inner for member in get_args(bare) for inner in _members(member)]
    return [annotation]


def _bare(annotation: object) -> object:
    """A type without what is said about it; of a section whose names are not known before, the mapping it is."""
    bare = get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation
    if isinstance(bare, type) and issubclass(bare, RootModel):
        return bare.model_fields["root"].annotation
    return bare


def _fields(annotation: object) -> dict[str, FieldInfo]:
    section = _bare(annotation)
    return dict(section.model_fields) if isinstance(section, type) and issubclass(section, BaseModel) else {}
