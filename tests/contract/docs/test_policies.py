"""The reference of the policies: every example of it is one that the models take."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from leadgen.configuration.domain import yaml_reader
from leadgen.configuration.domain.model import Enrollment, Market, RoutingConfig, ServiceAreas
from leadgen.leads.domain.conditions import OPERATORS
from leadgen.validation.domain.policy import ValidationPolicy

TEXT = (Path(__file__).parents[3] / "docs" / "policies.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml (\w+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
MODELS: dict[str, type[BaseModel]] = {
    "validation": ValidationPolicy,
    "enrollment": Enrollment,
    "areas": ServiceAreas,
    "market": Market,
}


@pytest.mark.parametrize(("kind", "written"), EXAMPLES, ids=[kind for kind, _ in EXAMPLES])
def test_an_example_of_the_reference_is_taken_by_the_models(kind: str, written: str) -> None:
    document = yaml_reader.parse(written, kind, {})
    assert document.problems == []
    if kind == "routing":
        assert RoutingConfig.model_validate({"name": "an example", "config": document.value}, strict=False).config
    else:
        assert MODELS[kind].model_validate(document.value, strict=False).model_fields_set


def test_every_rule_strategy_and_operator_has_its_place_in_the_reference() -> None:
    routing = RoutingConfig.model_json_schema()["$defs"]
    strategies = [
        part["properties"]["strategy"]["const"] for part in routing.values() if "strategy" in part.get("properties", {})
    ]
    assert len(strategies) == 6
    rejection = RoutingConfig.model_json_schema()["$defs"]["Rejection"]["properties"]
    actions = rejection["action"]["enum"]
    for name in (*ValidationPolicy.model_fields, *strategies, *OPERATORS, *rejection, *actions):
        assert f"`{name}" in TEXT or f"{name}:" in TEXT, name
