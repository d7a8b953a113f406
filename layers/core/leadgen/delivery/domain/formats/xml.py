"""Renders a buyer's own XML: elements by name, attributes as ``@name``, text as ``#text``."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator

from leadgen.delivery.domain.formats import field_mapping, xml_writer
from leadgen.delivery.domain.formats.field_mapping import Missing, Section, Tree
from leadgen.delivery.domain.lead_facts import LeadFacts
from leadgen.kernel.model import Model

# Names that begin with xml are XML's own, and a colon would need a namespace.
_ELEMENT = re.compile(r"(?![Xx][Mm][Ll])[A-Za-z_][A-Za-z0-9_-]{0,99}")
_TEXT = "#text"


def _element(name: str) -> str:
    if not _ELEMENT.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name of an element: it has letters, digits, _ and -, begins with a letter or _, and not "
            "with xml"
        )
    return name


def _elements(section: Section) -> Section:
    _check(field_mapping.nested(section))
    return section


def _check(tree: Tree) -> None:
    for name, entry in tree.items():
        if name != _TEXT:
            _element(name.removeprefix("@"))
        elif any(inner != _TEXT and not inner.startswith("@") for inner in tree):
            raise ValueError(f"{_TEXT} stands beside elements: it goes with attributes, @name, alone")
        if isinstance(entry, dict):
            if name == _TEXT or name.startswith("@"):
                raise ValueError(f"{name} cannot have fields in it")
            _check(entry)


class XmlFormat(Model):
    """XML in UTF-8. ``fields`` are the elements in ``root``, in this order.

    What a lead has no value for is left out, or written as an empty element.
    """

    type: Literal["xml"]
    root: Annotated[str, AfterValidator(_element)] = "lead"
    fields: Annotated[Section, AfterValidator(_elements)]
    missing: Missing = "omit"
    content_type: Literal["application/xml", "text/xml"] = "application/xml"


def document(format: XmlFormat, facts: LeadFacts) -> str:  # noqa: A002 - as the files call it
    """The whole document."""
    values = field_mapping.resolved(field_mapping.nested(format.fields), facts, missing=format.missing)
    return xml_writer.DECLARATION + _written(format.root, values) + "\n"


def _written(name: str, found: object) -> str:
    if not isinstance(found, field_mapping.Resolved):
        return xml_writer.element(name, xml_writer.text(field_mapping.text(found)))
    attributes = {key[1:]: field_mapping.text(value) for key, value in found.items() if key.startswith("@")}
    content = "".join(
        xml_writer.text(field_mapping.text(value)) if key == _TEXT else _written(key, value)
        for key, value in found.items()
        if not key.startswith("@")
    )
    return xml_writer.element(name, content, attributes)
