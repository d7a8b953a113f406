"""Delivery against a real endpoint and a real mailbox: webhook, then e-mail, then the review queue."""

import hashlib
import hmac
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from leadgen.adapters import clock
from tests.factories import a_buyer, a_delivery, a_lead, a_source, an_enrolment, an_offer
from tests.functions.endpoints import BuyerEndpoint, Mailbox
from tests.functions_under_test import Functions
from tests.messages import body as message_body
from tests.messages import failed_ids, messages, sqs_event, told

SECRET = "the buyer's secret"
LONG_AGO = datetime.fromisoformat("2026-06-17T12:00:00+00:00")


def a_routed_lead(conn: Connection[Any], *, enrolment: dict[str, Any] | None = None, **buyer_values: Any) -> int:
    """A lead claimed for a buyer, its delivery due since long ago."""
    offer = an_offer(conn)
    buyer = a_buyer(conn, pending_amount="45.00", **buyer_values)
    an_enrolment(conn, buyer, offer, **enrolment or {})
    lead = a_lead(
        conn, a_source(conn, offer), status="delivered", buyer_id=buyer, delivered_price="45.00", price_components={},
        delivered_at=LONG_AGO, created_at=LONG_AGO, name="Zoë Sentinel", message="Leaks",
    )  # fmt: skip
    channel = "webhook" if buyer_values.get("webhook_url") else "email"
    a_delivery(conn, lead, buyer, channel=channel)
    return lead


def deliver(functions: Functions, *leads: int, at: datetime | None = None) -> list[str]:
    """Run the stage for these leads; each one's outcome."""
    outcomes = functions.module("deliver").process(messages("lead.routed", leads), at or clock.now())
    return [outcome.outcome for outcome in outcomes]


def make_due(conn: Connection[Any]) -> None:
    """Let the pause before the next attempt be over."""
    conn.execute("UPDATE deliveries SET next_attempt_at = '-infinity' WHERE status = 'pending'")


def state(conn: Connection[Any], lead: int) -> tuple[Any, ...]:
    row = conn.execute(
        "SELECT status, channel, attempts, review_reason, claimed_until FROM deliveries WHERE lead_id = %s", (lead,)
    ).fetchone()
    assert row is not None
    return tuple(row)


def attempts(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    return conn.execute(
        "SELECT channel, attempt, outcome, http_status, error FROM delivery_attempts ORDER BY id"
    ).fetchall()


def test_a_webhook_that_answers_2xx_has_taken_the_lead(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.statuses = [204]
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url("/hook?key=1"), webhook_secret=SECRET)
    assert deliver(functions, lead) == ["delivered"]
    assert state(conn, lead) == ("taken", "webhook", 1, None, None)
    assert attempts(conn) == [("webhook", 1, "taken", 204, None)]
    assert told(conn, "bill") == [("lead.delivered", lead)]


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


def test_an_enrolments_own_webhook_goes_before_the_buyers(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    own = {"webhook_url_override": buyer_endpoint.url("/own")}
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url("/general"), enrolment=own)
    deliver(functions, lead)
    assert [request.path for request in buyer_endpoint.received] == ["/own"]


def test_three_failures_on_the_webhook_then_the_mailbox(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, mailbox: Mailbox
) -> None:
    buyer_endpoint.statuses = [500, 503, 404]
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url(), email="buyer@example.com")
    for attempt in (1, 2):
        assert deliver(functions, lead) == ["retry"]
        assert state(conn, lead) == ("pending", "webhook", attempt, None, None)
        assert deliver(functions, lead) == ["nothing_due"]
        make_due(conn)
    assert deliver(functions, lead) == ["retry"]
    assert state(conn, lead) == ("pending", "email", 0, None, None)
    assert mailbox.mails == []
    assert deliver(functions, lead) == ["delivered"]
    assert state(conn, lead) == ("taken", "email", 1, None, None)
    assert attempts(conn) == [
        ("webhook", 1, "failed", 500, None), ("webhook", 2, "failed", 503, None), ("webhook", 3, "failed", 404, None),
        ("email", 1, "taken", None, None),
    ]  # fmt: skip
    (mail,) = mailbox.mails
    delivery_id = conn.execute("SELECT id::text FROM deliveries").fetchall()[0][0]
    assert (mail["To"], mail["From"], mail["Subject"]) == (
        "buyer@example.com", "leads@leadgen.example", f"New lead #{lead}",
    )  # fmt: skip
    assert mail["Message-ID"] == f"<{delivery_id}@leadgen.example>"
    assert "Zoë Sentinel" in mail.get_content()
    assert len(buyer_endpoint.received) == 3
    assert len({request.headers["X-LeadGen-Delivery-Id"] for request in buyer_endpoint.received}) == 1


def test_a_retry_is_told_to_wait_as_long_as_the_delivery_does(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.statuses = [500, 500]
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    for pause in (5, 15):
        began = clock.now()
        deliver(functions, lead)
        ended = clock.now()
        (due,) = conn.execute("SELECT next_attempt_at FROM deliveries").fetchall()[0]
        assert began + timedelta(seconds=pause) <= due <= ended + timedelta(seconds=pause)
        wake_up = conn.execute("SELECT message->>'event', vt FROM pgmq.q_deliver ORDER BY msg_id DESC").fetchall()[0]
        assert wake_up[0] == "delivery.due"
        assert began + timedelta(seconds=pause) <= wake_up[1] <= clock.now() + timedelta(seconds=pause)
        make_due(conn)


def test_without_a_mailbox_the_lead_waits_for_an_operator(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("WEBHOOK_MAX_RETRIES", "1")
    buyer_endpoint.statuses = [500]
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    assert deliver(functions, lead) == ["retry"]
    assert deliver(functions, lead) == ["in_review"]
    assert state(conn, lead) == ("in_review", "email", 1, "email_failed", None)
    assert attempts(conn)[-1] == ("email", 1, "failed", None, "SMTP_HOST is not set")
    assert ("delivery.failed", lead) in told(conn, "notify")
    assert told(conn, "bill") == []
    assert deliver(functions, lead) == ["nothing_due"]


def test_a_buyer_who_takes_no_mail_is_not_mailed(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, mailbox: Mailbox,
    environment: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    environment.setenv("WEBHOOK_MAX_RETRIES", "1")
    buyer_endpoint.statuses = [500]
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url(), email_notifications=False)
    assert deliver(functions, lead) == ["in_review"]
    assert state(conn, lead)[3] == "webhook_failed"
    assert mailbox.mails == []


def test_a_mailbox_that_refuses_is_tried_again_and_then_reviewed(
    conn: Connection[Any], functions: Functions, mailbox: Mailbox
) -> None:
    mailbox.refusing = True
    lead = a_routed_lead(conn)
    for outcome in ("retry", "retry", "in_review"):
        assert deliver(functions, lead) == [outcome]
        make_due(conn)
    assert [attempt[4] for attempt in attempts(conn)] == ["SMTPDataError"] * 3


def test_a_redirect_is_a_failure_and_is_not_followed(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.statuses = [307]
    buyer_endpoint.headers = {"Location": buyer_endpoint.url("/elsewhere")}
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    assert deliver(functions, lead) == ["retry"]
    assert attempts(conn) == [("webhook", 1, "failed", 307, None)]
    assert len(buyer_endpoint.received) == 1


def test_an_endpoint_that_hangs_is_given_up_at_the_time_limit(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("WEBHOOK_TIMEOUT_SECONDS", "0.2")
    buyer_endpoint.gate.clear()
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    assert deliver(functions, lead) == ["retry"]
    assert attempts(conn) == [("webhook", 1, "failed", None, "timeout")]


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("http://127.0.0.1:{port}/hook", "only https on port 443 is called"),
        ("https://127.0.0.1/hook", "the host is not a public address"),
        ("https://[::1]/hook", "the host is not a public address"),
        ("https://2130706433/hook", "the host is not a public address"),
    ],
)
def test_a_private_address_is_not_called_unless_it_is_allowed(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, environment: pytest.MonkeyPatch,
    url: str, cause: str,
) -> None:  # fmt: skip
    environment.delenv("EGRESS_ALLOWED_ORIGINS")
    port = buyer_endpoint.origin.rpartition(":")[2]
    lead = a_routed_lead(conn, webhook_url=url.format(port=port))
    assert deliver(functions, lead) == ["retry"]
    assert attempts(conn) == [("webhook", 1, "failed", None, cause)]
    assert buyer_endpoint.received == []


def test_a_second_worker_does_not_deliver_what_the_first_is_delivering(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.gate.clear()
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(deliver, functions, lead)
        assert buyer_endpoint.arrived.wait(10)
        assert deliver(functions, lead) == ["nothing_due"]
        buyer_endpoint.gate.set()
        assert first.result() == ["delivered"]
    assert len(buyer_endpoint.received) == 1
    assert told(conn, "bill") == [("lead.delivered", lead)]


def test_a_claim_whose_worker_died_is_free_again_after_its_time(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, now: datetime
) -> None:
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    conn.execute("UPDATE deliveries SET claimed_until = %s, attempts = 1", (now,))
    assert deliver(functions, lead, at=now) == ["nothing_due"]
    assert deliver(functions, lead, at=now + timedelta(microseconds=1)) == ["delivered"]
    assert attempts(conn) == [("webhook", 2, "taken", 200, None)]


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
    assert told(conn, "bill") == [("lead.delivered", lead)] * 2
    assert len(buyer_endpoint.received) == 1
    functions.drain()
    assert conn.execute("SELECT billing_status::text FROM leads").fetchone() == ("billed",)
    assert deliver(functions, lead) == ["nothing_due"]
    assert told(conn, "bill") == []


def test_one_buyers_failure_does_not_hold_up_anothers_lead(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, closed_port: int,
    environment: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    away = f"http://127.0.0.1:{closed_port}"
    environment.setenv("EGRESS_ALLOWED_ORIGINS", f"{buyer_endpoint.origin}, {away}")
    failing, fine = a_routed_lead(conn, webhook_url=away), a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    answer = functions.module("deliver").handler(
        sqs_event(message_body("lead.routed", failing), message_body("lead.routed", fine)), None
    )
    assert failed_ids(answer) == set()
    assert sorted(attempts(conn)) == [
        ("webhook", 1, "failed", None, "connection refused"), ("webhook", 1, "taken", 200, None),
    ]  # fmt: skip


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
