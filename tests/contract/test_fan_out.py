"""The subscriptions of the template, made by moto's SNS and SQS: who hears what."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import boto3
import pytest
from moto import mock_aws

from leadgen.kernel.events import Topic
from tests.support.template.cloudformation import named, subscriptions

HEARS = {
    Topic.LEAD_RECEIVED: {"ValidateQueue", "NotifyQueue"},
    Topic.LEAD_VALIDATED: {"RouteQueue", "NotifyQueue"},
    Topic.LEAD_ROUTED: {"DeliverQueue", "NotifyQueue"},
    Topic.REFUND_REQUESTED: {"CollectQueue", "NotifyQueue"},
    Topic.TOP_UP_DUE: {"CollectQueue", "NotifyQueue"},
    Topic.DELIVERY_DUE: {"DeliverQueue", "NotifyQueue"},
    Topic.LEAD_DELIVERED: {"BillQueue", "NotifyQueue"},
    Topic.INVOICE_GENERATED: {"DocumentQueue", "NotifyQueue"},
    Topic.CREDIT_NOTE_ISSUED: {"DocumentQueue", "NotifyQueue"},
}


@dataclass(frozen=True)
class FanOut:
    """A topic and the queues that listen to it, by logical id."""

    topic_arn: str
    queue_urls: dict[str, str]


@pytest.fixture(scope="module")
def fan_out() -> Iterator[FanOut]:
    """The wiring, in moto's memory."""
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        sns, sqs = boto3.client("sns"), boto3.client("sqs")
        made = FanOut(sns.create_topic(Name="events")["TopicArn"], {})
        for properties in subscriptions().values():
            queue = named(properties["Endpoint"])
            made.queue_urls[queue] = sqs.create_queue(QueueName=queue)["QueueUrl"]
            attributes = {"RawMessageDelivery": json.dumps(properties["RawMessageDelivery"])}
            if "FilterPolicy" in properties:
                attributes["FilterPolicyScope"] = properties["FilterPolicyScope"]
                attributes["FilterPolicy"] = json.dumps(properties["FilterPolicy"])
            endpoint = f"arn:aws:sqs:us-east-1:123456789012:{queue}"
            sns.subscribe(TopicArn=made.topic_arn, Protocol="sqs", Endpoint=endpoint, Attributes=attributes)
        yield made


@pytest.mark.parametrize("event", Topic)
def test_an_event_reaches_the_stages_that_wait_for_it_and_no_other(fan_out: FanOut, event: Topic) -> None:
    sqs = boto3.client("sqs")
    message = json.dumps({"event": event.value, "lead_id": 1})
    boto3.client("sns").publish(TopicArn=fan_out.topic_arn, Message=message)
    heard = {}
    for queue, url in fan_out.queue_urls.items():
        for received in sqs.receive_message(QueueUrl=url).get("Messages", []):
            heard[queue] = received["Body"]
            sqs.delete_message(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"])
    assert heard == dict.fromkeys(HEARS.get(event, {"NotifyQueue"}), message)
