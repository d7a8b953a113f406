"""The JSON Schema of a configuration file, made from the models that check it.

Looser than they are where YAML is: an unquoted postal code is a number to an editor and a text to us, a variable of the
environment may stand for any value, and an empty value is an absent one.
"""

import json
from collections.abc import Mapping
from typing import Any

from leadgen.configuration.domain.model import Configuration

Schema = dict[str, Any]

_DEFINITIONS: Schema = {
    "Variable": {"description": "A value from the environment.", "type": "string", "pattern": r"\$\{"},
    "Unquoted": {"description": "A text that looks like a number or a flag.", "type": ["number", "boolean"]},
    "Quoted": {"description": "A number in quotes.", "type": "string", "pattern": r"^\s*[-+]?[0-9.]+\s*$"},
}
_SCALARS = ("string", "number", "integer", "boolean")


def schema() -> Schema:
    """The schema as plain JSON."""
    made = _loosened(Configuration.model_json_schema(mode="validation"))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "LeadGen configuration file",
        **made,
        "$defs": {**_DEFINITIONS, **made["$defs"]},
    }


def text() -> str:
    """The schema as it is recorded."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _loosened(part: Any) -> Any:
    if isinstance(part, list):
        return [_loosened(item) for item in part]
    if not isinstance(part, Mapping):
        return part
    part = {key: value for key, value in part.items() if key not in ("title", "discriminator")}
    if any(variant.get("type") == "number" for variant in part.get("anyOf", ())):
        # An amount's other variant is any text at all: the numerals among them are enough.
        part["anyOf"] = [variant for variant in part["anyOf"] if variant.get("type") != "string"]
    loose = {key: _inside(key, value, part) for key, value in part.items()}
    if "oneOf" in loose:  # with variables in them, two variants may both fit
        loose["anyOf"] = loose.pop("oneOf")
    is_scalar = loose.get("type") in _SCALARS or "const" in loose or "enum" in loose
    return _scalar(loose) if is_scalar else loose


def _inside(key: str, value: Any, part: Mapping[str, Any]) -> Any:
    if key in ("properties", "$defs"):
        optional = set(value) - set(part.get("required", ())) if key == "properties" else set()
        return {
            name: _or_empty(_loosened(inner)) if name in optional else _loosened(inner) for name, inner in value.items()
        }
    if key == "description":
        return " ".join(value.replace("``", "`").split())
    return value if key in ("default", "const", "enum", "required", "type") else _loosened(value)


def _or_empty(field: Schema) -> Schema:
    about: Schema = {key: field.pop(key) for key in ("description", "default") if key in field}
    if isinstance(field.get("type"), str):
        return {**about, **field, "type": [field["type"], "null"]}
    variants = field["anyOf"] if set(field) == {"anyOf"} else [field]
    empty = [] if {"type": "null"} in variants else [{"type": "null"}]
    return {**about, "anyOf": [*variants, *empty]}


def _scalar(loose: Schema) -> Schema:
    about: Schema = {key: loose.pop(key) for key in ("description", "default") if key in loose}
    variants = [loose, _reference("Variable")]
    if loose.get("type") == "string" and "enum" not in loose and "const" not in loose:
        variants.insert(1, _reference("Unquoted"))
    if loose.get("type") in ("number", "integer"):
        variants.insert(1, _reference("Quoted"))
    return {**about, "anyOf": variants}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}
