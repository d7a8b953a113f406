"""YAML as people write it: every value as text with the line it stands on, and ``${NAME}`` taken from the environment.

Values stay text until a model types them, so an unquoted 07030 is a postal code and 45.10 an exact amount; only where
any type will do, quotes tell a text. An empty value is an absent one. ``$${`` is a ``${`` that stands for itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from leadgen.kernel.scalars import Unquoted
from leadgen.kernel.text import storable_text

Location = tuple[str | int, ...]

_VARIABLE = re.compile(r"(?P<literal>\$\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
# The YAML reader's messages for the most common mistakes, and how to mend them.
_MENDED_BY = {
    "mapping values are not allowed here": "indent this line as its neighbours are, and quote a text with a colon",
    "expected <block end>": "indent this line as its neighbours are",
    "could not find expected ':'": "here or on the line before, a field's name lacks its colon and space",
    "found character '\\t'": "indent with spaces, not with tabs",
    "but found another document": "a file is one document: take the second --- out",
}
_NULL = "tag:yaml.org,2002:null"


@dataclass(frozen=True)
class Problem:
    """Something wrong in a file: on which line, in which field (``offers[0].price``), and what is expected there."""

    file: str
    line: int | None
    field: str
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.field, self.message) if part)


@dataclass(frozen=True)
class Document:
    """A file's content: mappings, lists and text. ``value`` is None where nothing could be read.

    ``lines`` gives the line, from 1, of every field; ``faults`` what reading it found, by field.
    """

    name: str
    value: Mapping[str, object] | None
    lines: Mapping[Location, int]
    faults: Mapping[Location, str]

    def line(self, location: Location) -> int:
        """The line of a field; of the nearest one around it where the field is not there."""
        known: Location = ()
        for part in location:
            # A validator's path may name what is no field, such as the variant of a union: passed over.
            known = (*known, part) if (*known, part) in self.lines else known
        return self.lines[known]

    def problem(self, location: Location, message: str) -> Problem:
        """What is wrong with a field."""
        return Problem(self.name, self.line(location), dotted(location), message)

    @property
    def problems(self) -> list[Problem]:
        """What reading the file found."""
        return [self.problem(location, message) for location, message in self.faults.items()]


def dotted(location: Location) -> str:
    """A field's path as people write it."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")


def verbatim(text: str) -> str:
    """A text as a file must have it to mean just that."""
    return text.replace("${", "$${")


def read(path: Path, environ: Mapping[str, str]) -> Document:
    """Read one file. Nothing is raised: what is wrong is in the document's problems."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path), environ)
    except IsADirectoryError:
        return _unreadable(str(path), 1, "cannot be read: it is a folder; name the files in it")
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        return _unreadable(str(path), 1, f"cannot be read: {cause}")


def parse(text: str, name: str, environ: Mapping[str, str]) -> Document:
    """Read YAML text that came from ``name``."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return _unreadable(name, line, f"is not valid YAML: {_mistake(str(error.problem))}")
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return _unreadable(name, line, f"is not valid YAML: {error.reason}")
    except RecursionError:
        return _unreadable(name, 1, "is nested too deeply")
    if not isinstance(root, MappingNode):
        line = root.start_mark.line + 1 if root is not None else 1
        return _unreadable(name, line, "must be a section of fields" if root is not None else "is empty")
    reader = _Reader(environ)
    value = reader.mapping(root, ())
    return Document(name, value, reader.lines, reader.faults)


def _mistake(message: str) -> str:
    remedy = next((remedy for start, remedy in _MENDED_BY.items() if message.startswith(start)), None)
    return message if remedy is None else f"{remedy} ({message.removeprefix('but ')})"


def _unreadable(name: str, line: int, message: str) -> Document:
    return Document(name, None, {(): line}, {(): message})


class _Loader(yaml.SafeLoader):
    """Refuses aliases: a few lines of them grow without bound, and a value stands best where it counts."""

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.current_event.start_mark
            raise yaml.composer.ComposerError(None, None, "aliases are not supported; write the value out", mark)
        return super().compose_node(parent, index)


class _Reader:
    """Turns the nodes of one file into plain values, and keeps their lines."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.lines: dict[Location, int] = {(): 1}
        self.faults: dict[Location, str] = {}

    def mapping(self, node: MappingNode, location: Location) -> dict[str, object]:
        values: dict[str, object] = {}
        for key, value_node in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode):
                self.faults.setdefault(location, f"line {line} has a field whose name is not a text")
                continue
            here = (*location, key.value)
            if here in self.lines:
                self.faults.setdefault(here, f"stands twice: on line {self.lines[here]} and on line {line}")
                continue
            self.lines[here] = line
            value = self._value(value_node, here)
            if value is not None:
                values[key.value] = value
        return values

    def _value(self, node: Node, location: Location) -> object:
        if isinstance(node, MappingNode):
            return self.mapping(node, location)
        if isinstance(node, ScalarNode):
            if node.tag == _NULL:
                return None
            text = self._text(node.value, location)
            return Unquoted(text) if text is not None and node.style is None else text
        items = []
        for position, item in enumerate(node.value):
            here = (*location, position)
            self.lines[here] = item.start_mark.line + 1
            items.append(self._value(item, here))
        return items

    def _text(self, written: str, location: Location) -> str | None:
        # A blank for each: what stands before and after one must not join to another.
        if "${" in _VARIABLE.sub(" ", written):
            self.faults[location] = "has a ${ that begins neither ${NAME} nor ${NAME:-default}; $${ is a plain ${"
            return None
        unset = [
            use["name"]
            for use in _VARIABLE.finditer(written)
            if not use["literal"] and not self._environ.get(use["name"]) and use["default"] is None
        ]
        if unset:
            self.faults[location] = f"needs the environment variable {', '.join(unset)}, which is not set"
            return None
        text = _VARIABLE.sub(
            lambda use: "${" if use["literal"] else self._environ.get(use["name"]) or use["default"], written
        )
        if not storable_text(text):
            self.faults[location] = "holds a NUL or a broken surrogate character"
            return None
        return text
