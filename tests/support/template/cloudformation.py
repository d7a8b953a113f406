"""template.yaml as it is written, and as CloudFormation gets it once SAM's translator is done. Both offline."""

import copy
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[3]

Resources = dict[str, dict[str, Any]]


@cache
def written() -> dict[str, Any]:
    """The file, intrinsic functions in their long form."""
    document: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return document


@cache
def translated() -> dict[str, Any]:
    """Plain CloudFormation: Globals applied, roles of schedules and policies of queues written out."""
    return translate(written())


def translate(document: dict[str, Any]) -> dict[str, Any]:
    """Translate a template; what `sam package` would upload is named as if it had been."""
    packaged = copy.deepcopy(document)
    for resource in packaged["Resources"].values():
        properties = resource.get("Properties", {})
        for name in {"CodeUri", "ContentUri"} & properties.keys():
            properties[name] = {"Bucket": "packages", "Key": properties[name]}
    session = SimpleNamespace(region_name="us-east-1")
    result: dict[str, Any] = Translator({}, Parser(), boto_session=session).translate(packaged, {})
    return result


def of_type(document: dict[str, Any], kind: str) -> Resources:
    """The properties of all resources of one type, by logical id."""
    return {
        name: resource["Properties"] for name, resource in document["Resources"].items() if resource["Type"] == kind
    }


def functions() -> Resources:
    """The functions of functions/; the hook of the deploy is not among them."""
    found = of_type(translated(), "AWS::Lambda::Function")
    return {name: function for name, function in found.items() if "S3Key" in function["Code"]}


def queues() -> Resources:
    """The stages' queues."""
    return {name: queue for name, queue in of_type(translated(), "AWS::SQS::Queue").items() if "RedrivePolicy" in queue}


def dead_letter_queues() -> Resources:
    return {name: queue for name, queue in of_type(translated(), "AWS::SQS::Queue").items() if name not in queues()}


def mappings() -> list[dict[str, Any]]:
    """What feeds queues to functions."""
    return list(of_type(translated(), "AWS::Lambda::EventSourceMapping").values())


def subscriptions() -> Resources:
    """The queues' subscriptions to the topic of events."""
    found = of_type(translated(), "AWS::SNS::Subscription")
    return {name: subscription for name, subscription in found.items() if subscription["Protocol"] == "sqs"}


def arn(name: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, "Arn"]}


def named(value: dict[str, Any]) -> str:
    """The logical id in a Ref or GetAtt."""
    name: str = value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]
    return name
