"""docs/architecture.md draws what template.yaml holds."""

import re

import pytest

from tests.support.template.cloudformation import (
    ROOT,
    dead_letter_queues,
    functions,
    mappings,
    named,
    of_type,
    queues,
    subscriptions,
    translated,
)

DIAGRAM = "".join(re.findall(r"```mermaid\n(.*?)```", (ROOT / "docs" / "architecture.md").read_text(), re.DOTALL))


@pytest.mark.parametrize("name", [*functions(), *queues(), *dead_letter_queues(), "LeadEvents", "Database"])
def test_every_function_and_queue_is_in_the_diagram(name: str) -> None:
    assert re.search(rf"\b{name}\b", DIAGRAM), f"docs/architecture.md does not draw {name}"


def test_the_diagram_has_nothing_that_the_template_has_not() -> None:
    drawn = set(re.findall(r"\b\w+(?:Function|Queue|Dlq)\b", DIAGRAM))
    assert drawn == functions().keys() | queues().keys() | dead_letter_queues().keys()


@pytest.mark.parametrize("subscription", subscriptions())
def test_the_arrow_from_the_topic_says_what_the_subscription_lets_through(subscription: str) -> None:
    properties = subscriptions()[subscription]
    events = ", ".join(properties.get("FilterPolicy", {}).get("event", ["everything"]))
    assert f"LeadEvents -->|{events}| {named(properties['Endpoint'])}" in DIAGRAM


def test_the_arrows_from_queues_and_schedules_lead_where_the_template_says() -> None:
    for mapping in mappings():
        assert f"{named(mapping['EventSourceArn'])} --> {named(mapping['FunctionName'])}" in DIAGRAM
    for queue, properties in queues().items():
        assert f"{queue} -.-> {named(properties['RedrivePolicy']['deadLetterTargetArn'])}" in DIAGRAM
    for schedule in of_type(translated(), "AWS::Scheduler::Schedule").values():
        expression = schedule["ScheduleExpression"]
        assert f'Scheduler -->|"{expression}"| {named(schedule["Target"]["Arn"])}' in DIAGRAM
