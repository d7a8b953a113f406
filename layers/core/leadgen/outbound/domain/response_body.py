"""Parses a buyer's response body into plain values, trusting nothing in it."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import parse_qs
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree

BodyKind = Literal["json", "xml", "form", "text"]

_MOST_FORM_FIELDS = 1000
_CHARSET = re.compile(r"charset=\"?([\w-]+)")
# The charsets that a form or a text may declare; anything else is read as UTF-8.
_CHARSETS = {"iso-8859-1": "cp1252", "windows-1252": "cp1252", "us-ascii": "utf-8"}


class Unreadable(Exception):
    """The body was cut off, or is not what the mapping takes it for. The message holds nothing of it."""


def parsed(kind: BodyKind, content_type: str | None, body: bytes, *, complete: bool) -> object:
    """The body as a tree that ``found`` looks into; raises Unreadable.

    Of JSON the numbers are texts as they are written: a buyer may send any.
    """
    if not complete:
        raise Unreadable("the answer was cut off")
    try:
        match kind:
            case "json":
                return json.loads(body, parse_int=str, parse_float=str, parse_constant=str)
            case "xml":
                # A DTD has no business in an answer, and entities none anywhere.
                return ElementTree.fromstring(body, forbid_dtd=True)
            case "form":
                return _form(_decoded(content_type, body))
            case "text":
                return _decoded(content_type, body)
    except (ValueError, LookupError, RecursionError, ParseError):
        raise Unreadable(f"the answer is not {_NAMES[kind]}") from None


_NAMES = {"json": "JSON", "xml": "XML", "form": "form-encoded", "text": "text"}


def _form(text: str) -> Mapping[str, object]:
    fields = parse_qs(text, keep_blank_values=True, max_num_fields=_MOST_FORM_FIELDS)
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


def _decoded(content_type: str | None, body: bytes) -> str:
    named = _CHARSET.search(content_type or "")
    charset = _CHARSETS.get(named[1].lower(), "utf-8") if named else "utf-8"
    return body.decode(charset, errors="replace").removeprefix("\N{BOM}")


def found(tree: object, path: str) -> object:
    """What the path leads to: a text, a flag, a list or a mapping; None for nothing.

    In JSON a path is of names and positions in lists, from 0; in XML of elements from the root on, without their
    namespaces, a position among those of the same name after it, and ``@name`` last for an attribute. In a form it is
    the field's name.
    """
    if isinstance(tree, Element):
        return _in_xml(tree, path.split("."))
    if isinstance(tree, Mapping) and path in tree:
        return tree[path]
    here = tree
    for part in path.split("."):
        if isinstance(here, list) and part.isdecimal():
            here = here[int(part)] if int(part) < len(here) else None
        else:
            here = here.get(part) if isinstance(here, Mapping) else None
    return here


def _in_xml(root: Element, path: Sequence[str]) -> str | None:
    candidates: Sequence[Element] = [root]
    inside = candidates
    for part in path:
        if part.startswith("@"):
            attributes = {_local(name): value for name, value in candidates[0].items()} if candidates else {}
            return attributes.get(part[1:])
        if part.isdecimal():
            candidates = candidates[int(part) : int(part) + 1]
        else:
            candidates = [element for element in inside if _local(element.tag) == part]
        inside = list(candidates[0]) if candidates else []
    return (candidates[0].text or "").strip() if candidates else None


def _local(name: str) -> str:
    return name.rpartition("}")[2]
