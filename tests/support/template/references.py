"""Finds names in a CloudFormation template that stand for nothing. The linter misses them in SAM's Globals."""

import re
from collections.abc import Iterator
from typing import Any

PSEUDO_PARAMETERS = {
    f"AWS::{name}" for name in ("AccountId", "NoValue", "Partition", "Region", "StackId", "StackName", "URLSuffix")
}
_PLACEHOLDER = re.compile(r"\$\{([^!][^}]*)\}")


def dangling(document: dict[str, Any]) -> list[str]:
    """Every Ref, GetAtt, Sub, condition and DependsOn whose name the template does not have."""
    resources = document["Resources"].keys()
    names = {"value": resources | document.get("Parameters", {}).keys() | PSEUDO_PARAMETERS, "resource": resources}
    names["condition"] = document.get("Conditions", {}).keys()
    return [f"{path}: {name}" for kind, name, path in _uses(document, "") if name not in names[kind]]


def _uses(node: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """(kind, name, where) of each name that is used."""
    match node:
        case {"Ref": str(name)}:
            yield "value", name, path
        case {"Fn::GetAtt": str(name) | [str(name), *_]}:
            yield "resource", name.split(".")[0], path
        case {"Fn::Sub": text}:
            yield from _placeholders(text, path)
        case dict():
            for key, value in node.items():
                yield from _plain_names(key, value, path)
                yield from _uses(value, f"{path}/{key}")
        case list():
            for index, value in enumerate(node):
                yield from _uses(value, f"{path}/{index}")


def _placeholders(text: Any, path: str) -> Iterator[tuple[str, str, str]]:
    template, variables = text if isinstance(text, list) else (text, {})
    for name in _PLACEHOLDER.findall(template):
        if "." in name:
            yield "resource", name.split(".")[0], path
        elif name not in variables:
            yield "value", name, path
    yield from _uses(variables, path)


def _plain_names(key: str, value: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """Conditions and dependencies."""
    match key, value:
        case ("Condition", str(name)) | ("Fn::If", [str(name), *_]):
            yield "condition", name, path
        case "DependsOn", _:
            for name in [value] if isinstance(value, str) else value:
                yield "resource", name, path
