"""Reads configuration files into models, and collects every problem with file, line and field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from leadgen.configuration.domain import problems as configuration_problems
from leadgen.configuration.domain import yaml_reader
from leadgen.configuration.domain.model import Configuration
from leadgen.configuration.domain.yaml_reader import Document, Location, Problem

Typed = TypeVar("Typed", bound=BaseModel)


@dataclass(frozen=True)
class ConfigurationFile:
    """A typed file, and the document it was read from: the lines of its fields."""

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
        document = yaml_reader.read(path, environ)
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
        problems = document.problems + configuration_problems.found(document, model, error)
        return None, sorted(problems, key=lambda problem: problem.line or 0)
    return content, document.problems
