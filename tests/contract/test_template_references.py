"""Every name used in the template stands for something."""

import copy
from typing import Any

import pytest

from tests.support.template.cloudformation import translate, translated, written
from tests.support.template.references import dangling


def test_no_name_in_the_template_dangles() -> None:
    assert dangling(written()) == []
    assert dangling(translated()) == []


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Nowhere"},
        {"Fn::GetAtt": ["Nowhere", "Arn"]},
        {"Fn::Sub": "a ${Nowhere} b"},
        {"Fn::Sub": "${Nowhere.Arn}"},
    ],
)
def test_a_dangling_name_in_a_global_variable_is_found(value: dict[str, Any]) -> None:
    document = copy.deepcopy(written())
    document["Globals"]["Function"]["Environment"]["Variables"]["PLANTED"] = value
    for broken in (document, translate(document)):
        assert any(found.endswith(": Nowhere") and "PLANTED" in found for found in dangling(broken))


def test_a_dangling_condition_or_dependency_is_found() -> None:
    document = copy.deepcopy(translated())
    planted = {"Condition": "Nowhere", "DependsOn": ["Migrations", "Nobody"], "Metadata": {"Fn::If": ["Never", "", ""]}}
    document["Resources"]["LeadEvents"] |= planted
    assert [found.split(": ")[1] for found in dangling(document)] == ["Nowhere", "Nobody", "Never"]
