"""The JSON Schema of configuration files: as recorded, and no stricter than what applies."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given

from leadgen import cli
from leadgen.configuration.domain import json_schema
from tests.support.configurations import SOUND, changed
from tests.support.examples import examples
from tests.support.record.configuration_schema import RECORD
from tests.support.strategies.configurations import configurations

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


class _Loader(yaml.SafeLoader):
    """YAML as an editor has it: numbers and flags are typed, and an instant is a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

VALIDATOR = jsonschema.Draft202012Validator(json_schema.schema())


def loaded(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)


def faults(text: str) -> list[str]:
    """Where the text does not fit, the variants of each field included."""
    return [error.json_path for found in VALIDATOR.iter_errors(loaded(text)) for error in _inner(found)]


def _inner(error: jsonschema.ValidationError) -> Iterator[jsonschema.ValidationError]:
    yield error
    for cause in error.context:
        # The location of a cause begins at the field that has the variants.
        yield from _inner(cause)


def test_it_is_a_schema_and_the_recorded_one(capsys: pytest.CaptureFixture[str]) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema.schema())
    assert cli.main(["config", "schema"]) == cli.DONE
    printed = capsys.readouterr().out
    assert printed == RECORD.read_text(encoding="utf-8"), "run `make schema`"
    assert json.loads(printed) == json_schema.schema()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_name_the_schema_and_pass_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == RECORD
    assert faults(text) == []


def test_an_unquoted_text_a_variable_and_an_empty_value_pass() -> None:
    assert faults(SOUND) == []
    text = changed(
        ("price: 45.10", "price: ${PRICE}"),
        ("strategy: priority_based", "strategy: ${STRATEGY:-round_robin}"),
        ("name: Blue Gardens", "name: 1234"),
        ("capacity_per_day: 3", "capacity_per_day: '3'\n        price:"),
        ("priority: 20\n        price: 50", "priority: 20"),
    )
    assert faults(text) == []


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("name: Blue Gardens", "nmae: Blue Gardens", "$.buyers[1]"),
        ("price: 45.10", "price: cheap", "$.offers[0].price"),
        ("strategy: priority_based", "strategy: random", "$.offers[0].routing_policy.config"),
        ("capacity_per_day: 3", "capacity_per_day: -1", "$.buyers[0].offers[0].capacity_per_day"),
        ("kind: partner_api", "kind: partner", "$.offers[0].sources[1].kind"),
    ],
)
def test_what_an_editor_can_know_to_be_wrong_fails(old: str, new: str, path: str) -> None:
    assert path in faults(changed((old, new)))


@examples(short=20, long=200)
@given(configurations())
def test_whatever_applies_passes(configuration: dict[str, Any]) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(configuration)] == []
