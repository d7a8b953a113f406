"""The topic, queues, filters and policies of the template, made by moto: who hears what."""

import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from leadgen.domain.events import Topic
from tests.contract.cloudformation import queues, translated

WIRING = ("AWS::SNS::Topic", "AWS::SNS::Subscription", "AWS::SQS::Queue", "AWS::SQS::QueuePolicy")
HEARS = {
    Topic.LEAD_RECEIVED: {"validate", "notify"},
    Topic.LEAD_VALIDATED: {"route", "notify"},
    Topic.LEAD_ROUTED: {"deliver", "notify"},
    Topic.DELIVERY_DUE: {"deliver", "notify"},
    Topic.LEAD_DELIVERED: {"bill", "notify"},
}


@pytest.fixture(scope="module")
def topic_arn() -> Iterator[str]:
    """A stack of the wiring alone, in moto's memory."""
    document = translated()
    resources = {name: resource for name, resource in document["Resources"].items() if resource["Type"] in WIRING}
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            environment.setenv(name, "testing")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        parts = {"Parameters": document["Parameters"], "Conditions": document["Conditions"], "Resources": resources}
        boto3.client("cloudformation").create_stack(StackName="leadgen", TemplateBody=json.dumps(parts))
        yield next(
            topic["TopicArn"]
            for topic in boto3.client("sns").list_topics()["Topics"]
            if topic["TopicArn"].endswith(":leadgen-events")
        )


@pytest.mark.parametrize("event", Topic)
def test_an_event_reaches_the_stages_that_wait_for_it_and_no_other(topic_arn: str, event: Topic) -> None:
    sqs = boto3.client("sqs")
    message = json.dumps({"event": event.value, "lead_id": 1})
    boto3.client("sns").publish(TopicArn=topic_arn, Message=message)
    heard = {}
    for queue in queues():
        name = queue.removesuffix("Queue").lower()
        url = sqs.get_queue_url(QueueName=f"leadgen-{name}")["QueueUrl"]
        for received in sqs.receive_message(QueueUrl=url).get("Messages", []):
            heard[name] = received["Body"]
            sqs.delete_message(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"])
    assert heard == dict.fromkeys(HEARS.get(event, {"notify"}), message)
