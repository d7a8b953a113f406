"""The AWS side of the bus, against moto: commit, publish to SNS, delete; what a failure leaves, the sweep publishes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from moto import mock_aws
from psycopg import Connection

from leadgen.kernel.events import Event, Topic
from leadgen.platform import clock, settings
from leadgen.platform.messaging import bus, queues
from tests.support.factories import a_buyer, a_delivery, a_lead, a_post, a_source, an_enrollment, an_offer
from tests.support.stages.functions import Functions
from tests.support.stages.messages import messages, sent

REGION = "us-east-1"
# As template.yaml binds them; None takes everything.
FILTERS = {
    "validate": ["lead.received"],
    "route": ["lead.validated"],
    "deliver": ["lead.routed", "delivery.due"],
    "bill": ["lead.delivered"],
    "notify": None,
}


@dataclass
class Aws:
    """The account: one topic, and a queue a stage behind it."""

    topic_arn: str
    queue_urls: dict[str, str]
    sqs: Any

    def received(self, queue: str) -> list[dict[str, Any]]:
        """Take every visible message of a queue, read as JSON."""
        found: list[dict[str, Any]] = []
        while batch := self.sqs.receive_message(QueueUrl=self.queue_urls[queue], MaxNumberOfMessages=10).get(
            "Messages"
        ):
            found += [json.loads(message["Body"]) for message in batch]
        return found

    def events(self, queue: str) -> list[tuple[str, int | None]]:
        return [(message["event"], message["lead_id"]) for message in self.received(queue)]


@pytest.fixture
def aws(own_database_url: str, conn: Connection[Any], environment: pytest.MonkeyPatch) -> Iterator[Aws]:
    """The functions' settings name the account, and every topic is bound to the outbox alone."""
    for topic, queue in queues.bindings(conn):
        queues.unbind(conn, topic, queue)
    queues.create(conn, queues.OUTBOX)
    queues.bind(conn, "#", queues.OUTBOX)
    for name, value in (("AWS_ACCESS_KEY_ID", "testing"), ("AWS_SECRET_ACCESS_KEY", "testing"),
                        ("AWS_DEFAULT_REGION", REGION)):  # fmt: skip
        environment.setenv(name, value)
    bus._sns.cache_clear()
    bus._sqs.cache_clear()
    with mock_aws():
        sns: Any = boto3.client("sns", region_name=REGION)
        sqs: Any = boto3.client("sqs", region_name=REGION)
        topic_arn = sns.create_topic(Name="lead-events")["TopicArn"]
        urls = {}
        for queue, events in FILTERS.items():
            urls[queue] = sqs.create_queue(QueueName=f"leadgen-{queue}")["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=urls[queue], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            attributes = {"RawMessageDelivery": "true"}
            if events is not None:
                attributes |= {"FilterPolicy": json.dumps({"event": events}), "FilterPolicyScope": "MessageBody"}
            sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        environment.setenv("EVENTS_TOPIC_ARN", topic_arn)
        environment.setenv("DELIVER_QUEUE_URL", urls["deliver"])
        environment.setenv("NOTIFY_QUEUE_URL", urls["notify"])
        settings.current.cache_clear()
        yield Aws(topic_arn, urls, sqs)
    bus._sns.cache_clear()
    bus._sqs.cache_clear()


@pytest.fixture
def no_topic(aws: Aws, environment: pytest.MonkeyPatch) -> Callable[[], None]:
    """Publishing fails while this is in force; call it to end that."""
    environment.setenv("EVENTS_TOPIC_ARN", aws.topic_arn + "-that-is-not-there")
    settings.current.cache_clear()

    def mend() -> None:
        environment.setenv("EVENTS_TOPIC_ARN", aws.topic_arn)
        settings.current.cache_clear()

    return mend


def outbox(conn: Connection[Any]) -> list[tuple[str, int | None]]:
    return sent(conn, "outbox")


def test_a_post_is_published_to_the_queues_that_want_it(conn: Connection[Any], functions: Functions, aws: Aws) -> None:
    a_source(conn, an_offer(conn), source_key="page")
    lead = functions.client().post("/api/leads", json=a_post(source_key="page")).json()["lead_id"]
    (message,) = aws.received("validate")
    assert message.keys() == {"event", "lead_id", "occurred_at", "trace_id"}
    assert (message["event"], message["lead_id"]) == ("lead.received", lead)
    assert aws.events("notify") == [("lead.received", lead)]
    assert [aws.events(queue) for queue in ("route", "deliver", "bill")] == [[], [], []]
    assert outbox(conn) == []


def test_a_stage_publishes_all_it_has_announced_however_many(
    conn: Connection[Any], functions: Functions, aws: Aws, now: datetime
) -> None:
    source = a_source(conn, an_offer(conn))
    leads = [a_lead(conn, source) for _ in range(23)]
    functions.module("validate").process(messages("lead.received", leads), now)
    assert sorted(aws.events("route")) == [("lead.validated", lead) for lead in leads]
    assert outbox(conn) == []


def test_a_publish_that_fails_leaves_the_message_for_the_sweep(
    conn: Connection[Any], functions: Functions, aws: Aws, no_topic: Any
) -> None:
    a_source(conn, an_offer(conn), source_key="page")
    answer = functions.client().post("/api/leads", json=a_post(source_key="page"))
    assert answer.status_code == 202
    lead = answer.json()["lead_id"]
    assert outbox(conn) == [("lead.received", lead)]
    no_topic()
    sweep = functions.module("sweep")
    assert sweep.run(clock.now())["published"] == 0  # younger than a minute: somebody may be publishing it
    assert sweep.run(clock.now() + timedelta(seconds=61))["published"] == 1
    assert ("lead.received", lead) in aws.events("validate")
    assert ("lead.received", lead) not in outbox(conn)


def test_the_sweep_publishes_what_it_announces_itself(
    conn: Connection[Any], functions: Functions, aws: Aws, now: datetime
) -> None:
    lead = a_lead(conn, a_source(conn, an_offer(conn)), created_at=now)
    functions.module("sweep").run(now + timedelta(hours=1))
    assert aws.events("validate") == [("lead.received", lead)]
    assert outbox(conn) == []


def test_a_message_that_sns_refuses_stays(conn: Connection[Any], aws: Aws, now: datetime) -> None:
    with Stubber(bus._sns()) as sns:
        sns.add_response(
            "publish_batch",
            {"Successful": [], "Failed": [{"Id": "1", "Code": "InternalError", "SenderFault": False}]},
            {"TopicArn": aws.topic_arn, "PublishBatchRequestEntries": ANY},
        )
        with bus.transaction() as transaction:
            transaction.announce([Event(Topic.LEAD_RECEIVED, now, 1)])
    assert outbox(conn) == [("lead.received", 1)]


def test_nothing_is_published_of_a_transaction_that_fails(conn: Connection[Any], aws: Aws, now: datetime) -> None:
    def fail() -> None:
        with bus.transaction() as transaction:
            transaction.announce([Event(Topic.LEAD_RECEIVED, now, 1)])
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert outbox(conn) == []
    assert aws.events("notify") == []


def test_a_wake_up_goes_to_its_queue_with_its_delay_and_past_the_topic(
    conn: Connection[Any], functions: Functions, aws: Aws, now: datetime
) -> None:
    offer = an_offer(conn)
    buyer = a_buyer(conn)
    an_enrollment(conn, buyer, offer)
    lead = a_lead(
        conn, a_source(conn, offer), status="delivered", buyer_id=buyer, delivered_price="45.00", price_components={},
        delivered_at=now,
    )  # fmt: skip
    a_delivery(conn, lead, buyer, channel="email")
    sent: list[dict[str, Any]] = []
    bus._sqs().meta.events.register(
        "provide-client-params.sqs.SendMessageBatch", lambda params, **_: sent.append(params)
    )
    outcomes = functions.module("deliver").process(messages("lead.routed", [lead]), clock.now())
    assert [outcome.outcome for outcome in outcomes] == ["retry"]
    ((entry,),) = [call["Entries"] for call in sent]
    assert sent[0]["QueueUrl"] == aws.queue_urls["deliver"]
    assert 4 <= entry["DelaySeconds"] <= 5
    assert json.loads(entry["MessageBody"])["event"] == "delivery.due"
    assert aws.events("notify") == []
    assert outbox(conn) == []
    delayed = aws.sqs.get_queue_attributes(
        QueueUrl=aws.queue_urls["deliver"], AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )
    assert delayed["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "1"


def test_a_wake_up_waits_no_longer_than_sqs_can(conn: Connection[Any], aws: Aws, now: datetime) -> None:
    sent: list[dict[str, Any]] = []
    bus._sqs().meta.events.register(
        "provide-client-params.sqs.SendMessageBatch", lambda params, **_: sent.append(params)
    )
    with bus.transaction() as transaction:
        transaction.announce(
            [Event(Topic.DELIVERY_DUE, now, 1, delay_seconds=9000), Event(Topic.DELIVERY_DUE, now, 2, delay_seconds=0)]
        )
    delays = {
        json.loads(entry["MessageBody"])["lead_id"]: entry["DelaySeconds"] for call in sent for entry in call["Entries"]
    }
    assert delays == {1: 900, 2: 0}


def test_each_wake_up_goes_to_the_queue_that_it_wakes(conn: Connection[Any], aws: Aws, now: datetime) -> None:
    with bus.transaction() as transaction:
        transaction.announce([Event(Topic.DELIVERY_DUE, now, 1), Event(Topic.NOTICE_DUE, now, ids={"notice_id": "n"})])
    assert aws.events("deliver") == [("delivery.due", 1)]
    (woken,) = aws.received("notify")
    assert (woken["event"], woken["notice_id"]) == ("notice.due", "n")
    assert outbox(conn) == []


def test_health_counts_the_queues_of_sqs_too(
    conn: Connection[Any], functions: Functions, aws: Aws, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("QUEUE_URLS", f"{aws.queue_urls['validate']}, {aws.queue_urls['route']}")
    settings.current.cache_clear()
    aws.sqs.send_message(QueueUrl=aws.queue_urls["route"], MessageBody="{}")
    body = functions.client().get("/health/queues").json()
    depths = {queue["queue"]: queue["messages"] for queue in body["queues"]}
    assert (depths["leadgen-validate"], depths["leadgen-route"], depths["outbox"]) == (0, 1, 0)
