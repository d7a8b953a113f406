"""Reads CloudFormation YAML and resolves its intrinsic functions as far as they have a meaning on one machine."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

STACK_NAME = "leadgen"
REGION = "us-east-1"
ACCOUNT = "000000000000"

_PSEUDO_PARAMETERS = {
    "AWS::StackName": STACK_NAME,
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
_NO_VALUE = object()  # what AWS::NoValue stands for: the property is not there
_DYNAMIC_REFERENCE = "{{resolve:"
_PLACEHOLDER = re.compile(r"\$\{(!?)\s*([^}]*?)\s*\}")


class TemplateError(Exception):
    """The template cannot be run here; the message names the resource and the property."""


class NoLocalValueError(TemplateError):
    """The value exists only on AWS: it is an attribute of a resource that the embedded stack does not have."""


class _Loader(yaml.SafeLoader):
    """SafeLoader plus the short forms of intrinsic functions: `!Ref X` becomes {"Ref": "X"}."""


def _construct_intrinsic(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _construct_intrinsic)


def read(path: Path) -> dict[str, Any]:
    """The template as nested dicts and lists, intrinsic functions in their long form."""
    loader = _Loader(path.read_text())
    try:
        document = loader.get_single_data()
    except yaml.YAMLError as error:
        raise TemplateError(f"{path} is not valid YAML: {error}") from error
    finally:
        loader.dispose()
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise TemplateError(f"{path} is no CloudFormation template: it has no Resources.")
    return document


class Resolver:
    """Resolves values of one template with every parameter at its default."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._parameters: Mapping[str, Any] = document.get("Parameters", {})
        self._conditions: Mapping[str, Any] = document.get("Conditions", {})
        self._resources: Mapping[str, Any] = document["Resources"]

    def resolve(self, value: Any, where: str) -> Any:
        """The plain value; `where` names the resource and the property in errors.

        Raises NoLocalValueError for what only AWS can resolve and TemplateError for what nothing can.
        """
        match value:
            case {"Ref": str(name), **rest} if not rest:
                return self._ref(name, where)
            case {"Fn::GetAtt": [str(resource), str(attribute)]}:
                return self._attribute(resource, attribute, where)
            case {"Fn::Sub": arguments}:
                return self._sub(arguments, where)
            case {"Fn::If": [str(condition), if_true, if_false]}:
                return self.resolve(if_true if self.holds(condition, where) else if_false, where)
            case {"Fn::Join": [str(delimiter), parts]}:
                return delimiter.join(str(part) for part in self.resolve(parts, where))
            case dict() if any(str(key).startswith("Fn::") for key in value):
                raise TemplateError(f"{where}: {next(iter(value))} is not supported by the embedded stack.")
            case dict():
                resolved = {key: self.resolve(item, f"{where}.{key}") for key, item in value.items()}
                return {key: item for key, item in resolved.items() if item is not _NO_VALUE}
            case list():
                items = [self.resolve(item, f"{where}[{index}]") for index, item in enumerate(value)]
                return [item for item in items if item is not _NO_VALUE]
            case str() if _DYNAMIC_REFERENCE in value:
                raise NoLocalValueError(f"{where}: {value} is known only on AWS.")
        return value

    def holds(self, condition: str, where: str) -> bool:
        """Whether a named condition is true with every parameter at its default."""
        if condition not in self._conditions:
            raise TemplateError(f"{where}: there is no condition {condition}.")
        return self._truth(self._conditions[condition], f"condition {condition}")

    def _truth(self, expression: Any, where: str) -> bool:
        match expression:
            case {"Condition": str(name)}:
                return self.holds(name, where)
            case {"Fn::Equals": [left, right]}:
                return str(self.resolve(left, where)) == str(self.resolve(right, where))
            case {"Fn::Not": [inner]}:
                return not self._truth(inner, where)
            case {"Fn::And": [*inner]}:
                return all(self._truth(part, where) for part in inner)
            case {"Fn::Or": [*inner]}:
                return any(self._truth(part, where) for part in inner)
        raise TemplateError(f"{where}: {expression!r} is no condition.")

    def _ref(self, name: str, where: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in _PSEUDO_PARAMETERS:
            return _PSEUDO_PARAMETERS[name]
        if name in self._parameters:
            return self._default(name, where)
        if name in self._resources:
            raise NoLocalValueError(f"{where}: the name of {name} is known only on AWS.")
        raise TemplateError(f"{where}: there is no parameter or resource {name}.")

    def _default(self, name: str, where: str) -> Any:
        parameter = self._parameters[name]
        if "Default" not in parameter:
            raise TemplateError(f"{where}: the parameter {name} has no default to use here.")
        default = parameter["Default"]
        if parameter.get("Type") == "CommaDelimitedList":
            return [part.strip() for part in str(default).split(",")] if default else []
        return default

    def _attribute(self, name: str, attribute: str, where: str) -> str:
        if name not in self._resources:
            raise TemplateError(f"{where}: there is no resource {name}.")
        resource = self._resources[name]
        properties = resource.get("Properties", {})
        if attribute == "Arn" and resource.get("Type") == "AWS::SQS::Queue" and "QueueName" in properties:
            queue_name = self.resolve(properties["QueueName"], f"{name}.QueueName")
            return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue_name}"
        raise NoLocalValueError(f"{where}: {name}.{attribute} is known only on AWS.")

    def _sub(self, arguments: Any, where: str) -> str:
        text, variables = arguments if isinstance(arguments, list) else (arguments, {})

        def replacement(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return "${" + name + "}"
            if name in variables:
                return str(self.resolve(variables[name], where))
            if "." in name:
                resource, _, attribute = name.partition(".")
                return self._attribute(resource, attribute, where)
            return str(self._ref(name, where))

        substituted = _PLACEHOLDER.sub(replacement, str(text))
        return str(self.resolve(substituted, where))
