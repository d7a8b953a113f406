"""Delivery: the specified request, once, by one worker at a time, with nobody named in the log."""

import hashlib
import hmac
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from tests.support.servers.buyer_endpoint import BuyerEndpoint, Mailbox
from tests.support.stages.deliveries import SECRET, a_routed_lead, attempts, deliver, make_due, state
from tests.support.stages.functions import Functions
from tests.support.stages.messages import body as message_body
from tests.support.stages.messages import sent, sqs_event


def test_a_webhook_that_answers_2xx_has_taken_the_lead(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.statuses = [204]
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url("/hook?key=1"), webhook_secret=SECRET)
    assert deliver(functions, lead) == ["delivered"]
    assert state(conn, lead) == ("succeeded", "webhook", 1, None, None)
    assert attempts(conn) == [("webhook", 1, "succeeded", 204, None)]
    assert sent(conn, "bill") == [("lead.delivered", lead)]


def test_the_request_is_the_specified_one_with_a_signature_over_its_raw_body(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url("/hook?key=1"), webhook_secret=SECRET)
    deliver(functions, lead)
    (request,) = buyer_endpoint.received
    delivery_id, buyer_id = conn.execute("SELECT id::text, buyer_id FROM deliveries").fetchall()[0]
    assert request.path == "/hook?key=1"
    assert request.headers["X-Webhook-Signature"] == hmac.new(SECRET.encode(), request.body, hashlib.sha256).hexdigest()
    assert request.headers["X-LeadGen-Delivery-Id"] == delivery_id
    assert request.headers["X-LeadGen-Event"] == "lead.delivered"
    assert request.headers["User-Agent"] == "LeadGen/1.0"
    assert request.headers["Content-Type"] == "application/json"
    payload = json.loads(request.body)
    assert payload["event"] == "lead.delivered"
    assert payload["data"]["lead_id"] == lead
    assert payload["data"]["received_at"] == payload["data"]["delivered_at"] == "2026-06-17T12:00:00Z"
    assert payload["data"]["contact"]["name"] == "Zoë Sentinel"
    assert payload["data"]["details"] == {"message": "Leaks", "source": "landing_page"}
    assert f'"metadata":{{"price":45.00,"buyer_id":{buyer_id}}}'.encode() in request.body


def test_an_enrollments_own_webhook_goes_before_the_buyers(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    own = {"webhook_url_override": buyer_endpoint.url("/own")}
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url("/general"), enrollment=own)
    deliver(functions, lead)
    assert [request.path for request in buyer_endpoint.received] == ["/own"]


def test_a_second_worker_does_not_deliver_what_the_first_is_delivering(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.gate.clear()
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(deliver, functions, lead)
        assert buyer_endpoint.arrived.wait(10)
        assert deliver(functions, lead) == ["nothing_due"]
        # The second comes back when the first's claim is over, should the first have died.
        (claimed_until,) = conn.execute("SELECT claimed_until FROM deliveries").fetchall()[0]
        ((event, due),) = conn.execute("SELECT message->>'event', vt FROM pgmq.q_deliver").fetchall()
        assert event == "delivery.due"
        assert due >= claimed_until
        buyer_endpoint.gate.set()
        assert first.result() == ["delivered"]
    assert len(buyer_endpoint.received) == 1
    assert sent(conn, "bill") == [("lead.delivered", lead)]


def test_a_worker_that_comes_too_late_changes_nothing_and_says_nothing(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, now: datetime
) -> None:
    buyer_endpoint.statuses = [500]
    buyer_endpoint.gate.clear()
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(deliver, functions, lead)
        assert buyer_endpoint.arrived.wait(10)
        conn.execute(  # as another worker does after the first one's claim is over
            "UPDATE deliveries SET status = 'succeeded', attempts = 2, next_attempt_at = NULL, claimed_until = NULL"
        )
        buyer_endpoint.gate.set()
        late.result()
    assert state(conn, lead) == ("succeeded", "webhook", 2, None, None)
    assert attempts(conn) == [("webhook", 1, "failed", 500, "status 500")]
    assert (sent(conn, "deliver"), sent(conn, "bill")) == ([], [])


def test_a_claim_whose_worker_died_is_free_again_after_its_time(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, now: datetime
) -> None:
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    conn.execute("UPDATE deliveries SET claimed_at = %s, claimed_until = %s, attempts = 1", (now, now))
    assert deliver(functions, lead, at=now) == ["nothing_due"]
    assert deliver(functions, lead, at=now + timedelta(microseconds=1)) == ["delivered"]
    assert attempts(conn) == [("webhook", 1, "unknown", None, "interrupted"), ("webhook", 2, "succeeded", 200, None)]


def test_a_delivery_is_not_made_before_its_time(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, now: datetime
) -> None:
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    conn.execute("UPDATE deliveries SET next_attempt_at = %s", (now + timedelta(seconds=5),))
    assert deliver(functions, lead, at=now) == ["nothing_due"]
    assert deliver(functions, lead, at=now + timedelta(seconds=4, milliseconds=500)) == ["delivered"]


def test_a_repeat_after_delivery_tells_billing_again_and_calls_nobody(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    deliver(functions, lead)
    assert deliver(functions, lead) == ["nothing_due"]
    assert sent(conn, "bill") == [("lead.delivered", lead)] * 2
    assert len(buyer_endpoint.received) == 1
    functions.drain()
    assert conn.execute("SELECT billing_status::text FROM leads").fetchone() == ("billed",)
    assert deliver(functions, lead) == ["nothing_due"]
    assert sent(conn, "bill") == []


def test_no_transaction_is_open_while_the_buyer_is_called(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.gate.clear()
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(deliver, functions, lead)
        assert buyer_endpoint.arrived.wait(10)
        sessions = conn.execute(
            "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
        buyer_endpoint.gate.set()
        running.result()
    assert sessions
    assert {row[0] for row in sessions} == {"idle"}


def test_the_log_names_nobody_when_deliveries_succeed_or_fail(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, mailbox: Mailbox,
    output: Callable[[], str],
) -> None:  # fmt: skip
    buyer_endpoint.statuses = [500, 500, 500]
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url(), webhook_secret=SECRET, email="buyer@example.com")
    email, phone = conn.execute("SELECT email, phone FROM leads").fetchall()[0]
    handler = functions.module("deliver").handler
    mailbox.refusing = True
    for _ in range(6):
        handler(sqs_event(message_body("lead.routed", lead)), None)
        make_due(conn)
    said = output()
    assert '"in_review"' in said
    for personal in ("Sentinel", email, phone, phone.lstrip("+"), "Leaks", "buyer@example.com", SECRET):
        assert personal not in said, personal
