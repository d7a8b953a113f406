"""The topics that each capability's code announces, and those that the template feeds to each function."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from typing import TypeGuard

from leadgen.kernel.events import Topic
from tests.support.repository.stores import CORE
from tests.support.template.cloudformation import functions, mappings, named, subscriptions, written

_SELECTED = re.compile(r",\s*'([a-z_]+\.[a-z_]+)'")


@cache
def announced(capability: str) -> frozenset[str]:
    """The topics of the events that a capability makes: in Python, and selected as literals in its SQL."""
    sources = [path.read_text() for path in sorted((CORE / capability).rglob("*.py"))]
    return frozenset(topic for source in sources for topic in _announced(ast.parse(source)))


def _announced(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() if any(_makes_events(inner) for inner in ast.walk(node)):
                yield from (Topic[inner.attr].value for inner in ast.walk(node) if _is_topic(inner))
            case ast.keyword(arg="topic", value=ast.Attribute() as value) if _is_topic(value):
                yield Topic[value.attr].value
            case ast.Constant(value=str() as text) if "SELECT" in text:
                yield from (topic for topic in _SELECTED.findall(text) if topic in set(Topic))


def _makes_events(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Event"


def _is_topic(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Topic"


@cache
def fed() -> dict[str, frozenset[str] | None]:
    """By a function's folder, the topics that its queue lets through; None where it lets everything through."""
    folders = {
        name: resource["Properties"]["CodeUri"].rstrip("/").rpartition("/")[2]
        for name, resource in written()["Resources"].items()
        if name in functions()
    }
    consumers = {named(mapping["EventSourceArn"]): folders[named(mapping["FunctionName"])] for mapping in mappings()}
    return {
        consumers[named(subscription["Endpoint"])]: frozenset(subscription["FilterPolicy"]["event"])
        if "FilterPolicy" in subscription
        else None
        for subscription in subscriptions().values()
    }
