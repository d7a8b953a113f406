"""What is told of a field that a model refuses: the field as the file has it, and what is expected, in plain words."""

import re
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
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
_ENTRIES = {"too_short": ("at least", "min_length"), "too_long": ("at most", "max_length")}


def found(document: Document, model: type[BaseModel], error: ValidationError) -> list[Problem]:
    """The problems of a document that the model refused."""
    faults = error.errors(include_url=False, include_input=False)
    locations = [fault["loc"] for fault in faults]
    told = [
        document.problem(_place(document, fault), _message(model, fault))
        for fault in faults
        # A list that is too short because an entry is faulty, a field that is missing because it could not be read:
        # the cause is told, not what follows from it.
        if not any(_is_inside(location, fault["loc"]) for location in locations)
        and not any(fault["loc"][: len(unread)] == unread for unread in document.faults)
    ]
    return list(dict.fromkeys(told))


def _is_inside(location: Location, outer: Location) -> bool:
    return len(location) > len(outer) and location[: len(outer)] == outer


def _place(document: Document, fault: ErrorDetails) -> Location:
    """The fault's field as the file has it: a validator's path names the variants of unions too, and ``[key]``."""
    place: Location = ()
    value: object = document.value
    parts = fault["loc"]
    for position, part in enumerate(parts):
        if part in (value if isinstance(value, Mapping) else range(len(value)) if isinstance(value, list) else ()):
            value = value[part]  # type: ignore[index]
        elif (*place, part) not in document.lines and not (fault["type"] == "missing" and position == len(parts) - 1):
            continue
        place = (*place, part)
    if fault["type"] in ("union_tag_invalid", "union_tag_not_found"):
        place = (*place, fault["ctx"]["discriminator"].strip("'"))
    return place


def _message(model: type[BaseModel], fault: ErrorDetails) -> str:
    kind, said, about = fault["type"], fault["msg"], fault.get("ctx", {})
    if kind in _MESSAGES:
        return _MESSAGES[kind]
    if kind == "extra_forbidden":
        known = _known_fields(model, fault["loc"][:-1])
        return f"is no field here; there are {', '.join(known)}" if known else "is no field here"
    if kind == "union_tag_invalid":
        return f"must be {_choice(about['expected_tags'])}"
    if kind in _ENTRIES:
        bound, name = _ENTRIES[kind]
        return f"must have {bound} {about[name]} {'entry' if about[name] == 1 else 'entries'}"
    if kind == "string_pattern_mismatch":
        return f"must be {PATTERNS.get(about['pattern'], 'like ' + about['pattern'])}"
    if kind == "value_error":
        return str(about["error"])
    return _SUBJECT.sub("", said).replace("should", "must", 1)


def _choice(tags: str) -> str:
    *rest, last = tags.split(", ")
    return f"{', '.join(rest)} or {last}" if rest else last


def _known_fields(model: type[BaseModel], location: Location) -> list[str]:
    """The fields of the section at a validator's path."""
    here: list[object] = [model]
    for part in location:
        here = [inner for annotation in here for inner in _step(annotation, part)]
    return [field.alias or name for section in here for name, field in _fields(section).items()]


def _step(annotation: object, part: str | int) -> list[object]:
    """What lies one part further down a validator's path."""
    fields = _fields(annotation)
    if fields:
        return [
            variant
            for name, field in fields.items()
            if part in (name, field.alias)
            for variant in _variants(field.annotation)
        ]
    if get_origin(annotation) in (tuple, dict, Mapping):
        return _variants([arg for arg in get_args(annotation) if arg is not ...][-1])
    tagged: Any = annotation
    return [tagged.model] if isinstance(annotation, _Variant) and tagged.tag == part else []


class _Variant:
    """One of several sections, and the tag by which a validator's path names it."""

    def __init__(self, tag: str, model: type[BaseModel]) -> None:
        self.tag = tag
        self.model = model


def _fields(annotation: object) -> dict[str, FieldInfo]:
    is_section = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return dict(annotation.model_fields) if is_section else {}  # type: ignore[attr-defined]


def _variants(annotation: object) -> list[object]:
    """What a field may hold: the members of a union each, a type alone by itself, without what is said about it."""
    members: list[tuple[object, str | None]] = list(_members(annotation, None))
    sections = [member for member, _ in members if _fields(member)]
    if len(sections) < 2:
        return [member for member, _ in members if member is not type(None)]
    return [_Variant(tag or _tag(section), section) for section, tag in members if _fields(section)]  # type: ignore[arg-type]


def _members(annotation: object, tag: str | None) -> Any:
    metadata = getattr(annotation, "__metadata__", ())
    if metadata:
        tag = next((item.tag for item in metadata if isinstance(item, Tag)), tag)
        yield from _members(get_args(annotation)[0], tag)
    elif get_args(annotation) and get_origin(annotation) not in (tuple, dict, Mapping):
        for member in get_args(annotation):
            yield from _members(member, None)
    else:
        yield annotation, tag


def _tag(section: object) -> str:
    """The tag of a member of a union told apart by a field: that field's only value."""
    strategy = _fields(section).get("strategy")
    return str(get_args(strategy.annotation)[0]) if strategy else ""
