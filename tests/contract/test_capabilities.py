"""The docstring of each capability says what its code does: topics and tables; that of leadgen lists them in order."""

import re
import tomllib
from importlib import import_module
from inspect import getdoc

import pytest

import leadgen
from tests.support.repository.stores import CAPABILITIES, CORE, GROUND, ROOT, tables, written_tables
from tests.support.repository.topics import announced, fed

# The function whose queue feeds a capability.
FUNCTIONS = {
    "validation": "validate",
    "routing": "route",
    "delivery": "deliver",
    "billing": "bill",
    "payments": "collect",
    "documents": "document",
    "notifications": "notify",
}
SHAPE = re.compile(r".+\. Subscribes to: (.+)\. Publishes: (.+)\. Alone writes: (.+)\. Read first: (.+)\.")


def listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def said(capability: str) -> tuple[str, ...]:
    text = " ".join((getdoc(import_module(f"leadgen.{capability}")) or "").split())
    found = SHAPE.fullmatch(text)
    assert found, f"leadgen.{capability} does not say what it subscribes to, publishes, writes, and what to read first"
    return found.groups()


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_a_capability_says_what_it_subscribes_to_and_publishes(capability: str) -> None:
    subscribes, publishes, _, _ = said(capability)
    topics = fed()[FUNCTIONS[capability]] if capability in FUNCTIONS else frozenset()
    assert subscribes == ("every topic" if topics is None else listed(topics))
    assert publishes == listed(announced(capability))


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_a_capability_says_which_tables_it_alone_writes(capability: str) -> None:
    others = frozenset().union(*(written_tables(other) for other in CAPABILITIES if other != capability))
    assert said(capability)[2] == listed((written_tables(capability) - others) & set(tables()))


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_what_a_capability_says_to_read_first_is_there(capability: str) -> None:
    for name in re.findall(r"\b(?:domain|service|store|adapters)(?:/\w+)*(?:\.py)?", said(capability)[3]):
        assert (CORE / capability / name).exists(), name


def test_every_function_with_a_queue_belongs_to_a_capability() -> None:
    assert set(FUNCTIONS.values()) == fed().keys()


def contract(name: str) -> dict[str, list[str]]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (found,) = [one for one in contracts if name in one["name"]]
    return dict(found)


def test_leadgen_lists_the_packages_in_the_order_of_the_import_contract() -> None:
    layers = contract("capabilities stand in one order")["layers"]
    order = [name.strip() for layer in layers for name in layer.split("|")]
    packages = [name.removeprefix("leadgen.") for name in order if name.startswith("leadgen.")]
    text = leadgen.__doc__ or ""
    assert re.findall(r"^  (\w+) +\S", text.split("Rooms of a capability")[0], re.MULTILINE) == packages
    assert set(packages) == {*CAPABILITIES, *GROUND}


def test_the_import_contract_of_rooms_names_every_capability() -> None:
    containers = contract("a capability has these rooms")["containers"]
    assert containers == [f"leadgen.{capability}" for capability in CAPABILITIES]
