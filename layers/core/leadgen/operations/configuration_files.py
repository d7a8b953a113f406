"""Configuration files read and typed, with every problem told by file, line and field."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError

from leadgen.operations import documents
from leadgen.operations.configuration import Configuration
from leadgen.operations.documents import Document, Location, Problem

Typed = TypeVar("Typed", bound=BaseModel)


@dataclass(frozen=True)
class ConfigurationFile:
    """A typed file, and the document it was read from: the places of its fields."""

    document: Document
    configuration: Configuration

    def problem(self, location: Location, message: str) -> Problem:
        """What is wrong with a field."""
        return self.document.problem(location, message)


def load(paths: Sequence[Path], environ: Mapping[str, str]) -> tuple[list[ConfigurationFile], list[Problem]]:
    """Read and type the files: those that could be, and every problem of all of them."""
    files: list[ConfigurationFile] = []
    problems: list[Problem] = []
    for path in paths:
        document = documents.read(path, environ)
        configuration, found = parse(document)
        problems += found
        if configuration is not None:
            files.append(ConfigurationFile(document, configuration))
    return files, problems


def parse(document: Document) -> tuple[Configuration | None, list[Problem]]:
    """The document's configuration, as far as it has one, and every problem there is with it, by line."""
    return typed(document, Configuration)


def typed(document: Document, model: type[Typed]) -> tuple[Typed | None, list[Problem]]:
    """The document as the model has it, as far as that is possible, and every problem there is with it, by line."""
    if document.value is None:
        return None, document.problems
    try:
        # The values are text: lax typing reads numbers and flags from it, in the policies too.
        content = model.model_validate(document.value, strict=False)
    except ValidationError as error:
        problems = document.problems + _found(document, model, error)
        return None, sorted(problems, key=lambda problem: problem.line or 0)
    return content, document.problems


def _found(document: Document, model: type[BaseModel], error: ValidationError) -> list[Problem]:
    faults = error.errors(include_url=False, include_input=False)
    locations = [fault["loc"] for fault in faults]
    return [
        document.problem(fault["loc"], _message(model, fault["loc"], fault["type"], fault["msg"]))
        for fault in faults
        # A list that is too short because an entry is faulty, a field that is missing because it could not be read:
        # the cause is told, not what follows from it.
        if not any(_is_inside(location, fault["loc"]) for location in locations)
        and not any(fault["loc"][: len(unread)] == unread for unread in document.faults)
    ]


def _is_inside(location: Location, outer: Location) -> bool:
    return len(location) > len(outer) and location[: len(outer)] == outer


_SUBJECT = re.compile(r"^(Input|String|Tuple|Decimal input|Value) (?=should)")
_MESSAGES = {
    "missing": "is missing",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "decimal_parsing": "must be an amount such as 45.00",
    "decimal_type": "must be an amount such as 45.00",
    "string_type": "must be a text",
    "tuple_type": "must be a list",
    "model_type": "must be a section of fields",
}


def _message(model: type[BaseModel], location: Location, kind: str, said: str) -> str:
    if kind == "extra_forbidden":
        known = _known_fields(model, location[:-1])
        return f"is no field here; there are {', '.join(known)}" if known else "is no field here"
    if kind in _MESSAGES:
        return _MESSAGES[kind]
    return _SUBJECT.sub("", said.removeprefix("Value error, ")).replace("should", "must", 1)


def _known_fields(section: type[BaseModel], location: Location) -> list[str]:
    """The fields of the section at a location; none where a section has variants."""
    for part in location:
        if isinstance(part, int):
            continue
        field = section.model_fields.get(part)
        inner = _sections(field.annotation) if field else []
        if len(inner) != 1:
            return []
        section = inner[0]
    return list(section.model_fields)


def _sections(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for part in get_args(annotation) for section in _sections(part)]
