"""Turns pydantic errors into messages with file, line, field and what is expected."""

from collections.abc import Mapping
from types import UnionType
from typing import Union, get_args, get_origin

from pydantic import BaseModel, RootModel, Tag, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from leadgen.configuration.domain.yaml_reader import Document, Location, Problem
from leadgen.kernel import model_errors

# The fields by which the members of a union are distinguished.
_DISCRIMINATORS = ("strategy", "type")


def found(document: Document, model: type[BaseModel], error: ValidationError) -> list[Problem]:
    """The problems of a document that the model refused."""
    faults = error.errors(include_url=False, include_input=False)
    locations = [fault["loc"] for fault in faults]
    return [
        _problem(document, model, fault)
        for fault in faults
        # A list that is too short because an entry is faulty, a field that is missing because it could not be read:
        # the cause is reported, not what follows from it.
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
    return document.problem(place, model_errors.words(fault))


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
    told_by = next((field for name, field in _fields(member).items() if name in _DISCRIMINATORS), None)
    return None if told_by is None else str(get_args(told_by.annotation)[0])


def _members(annotation: object) -> list[object]:
    """The members of a union, a union's of unions too; any other type by itself."""
    bare = _bare(annotation)
    if isinstance(bare, UnionType) or get_origin(bare) is Union:
        return [inner for member in get_args(bare) for inner in _members(member)]
    return [annotation]


def _bare(annotation: object) -> object:
    """A type without its description; of a section whose names are not known before, the mapping it is."""
    bare = get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation
    if isinstance(bare, type) and issubclass(bare, RootModel):
        return bare.model_fields["root"].annotation
    return bare


def _fields(annotation: object) -> dict[str, FieldInfo]:
    section = _bare(annotation)
    return dict(section.model_fields) if isinstance(section, type) and issubclass(section, BaseModel) else {}
