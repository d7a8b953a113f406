"""delivery.refused, as delivery.rejected was called before: in queues, subscriptions, verdicts and paths."""

import json
from typing import Any

import pytest
from psycopg import Connection

from leadgen import cli
from leadgen.kernel.events import Topic
from tests.support.factories import a_subscription
from tests.support.servers.buyer_endpoint import BuyerEndpoint
from tests.support.stages.functions import Functions
from tests.support.stages.messages import body, failed_ids, sqs_event
from tests.support.stages.notices import some_lead
from tests.support.stages.posts import a_token


def test_a_message_of_before_is_the_event_of_now_and_the_same_one(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    lead = some_lead(conn)
    a_subscription(conn, buyer_endpoint.url("/"), "delivery.rejected")
    about: dict[str, int | str] = {"buyer_id": 1, "delivery_id": "d"}
    for event in ("delivery.refused", "delivery.rejected"):
        answer = functions.module("notify").handler(sqs_event(body(event, lead, **about)), None)
        assert failed_ids(answer) == set()
    assert conn.execute("SELECT event, event_key FROM lifecycle_events").fetchall() == [
        ("delivery.rejected", f"delivery.rejected:lead_id={lead}:delivery_id=d")
    ]
    (received,) = buyer_endpoint.received
    assert json.loads(received.body)["event"] == Topic.DELIVERY_REJECTED


def test_a_subscription_to_the_name_of_before_is_one_to_the_name_of_now(
    conn: Connection[Any], functions: Functions, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = {"url": "https://hooks.example.com/", "events": ["delivery.refused", "lead.billed"]}
    answer = functions.client("api").post("/api/subscriptions", json=wanted, headers=a_token())
    assert answer.status_code == 201
    assert answer.json()["events"] == ["delivery.rejected", "lead.billed"]
    assert answer.json()["notices"] == ["delivery.refused is now delivery.rejected"]
    assert cli.main(["subscription", "create", "https://hooks.example.com/2", "--events", "delivery.refused"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "delivery.refused is now delivery.rejected\n"
    assert "delivery.rejected, posted to https://hooks.example.com/2" in printed.out
    assert conn.execute("SELECT DISTINCT unnest(events) FROM subscriptions ORDER BY 1").fetchall() == [
        ("delivery.rejected",), ("lead.billed",),
    ]  # fmt: skip
