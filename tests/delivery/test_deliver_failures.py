"""Deliveries that fail, against a real endpoint and a real mailbox: again, then e-mail, then the review queue."""

from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection

from leadgen.platform import clock
from tests.support.factories import a_delivery, a_lead
from tests.support.servers.buyer_endpoint import BuyerEndpoint, Mailbox
from tests.support.stages.deliveries import a_routed_lead, attempts, deliver, make_due, state
from tests.support.stages.functions import Functions
from tests.support.stages.messages import body as message_body
from tests.support.stages.messages import failed_ids, sent, sqs_event


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
    assert state(conn, lead) == ("pending", "email", 3, None, None)
    assert mailbox.mails == []
    assert deliver(functions, lead) == ["delivered"]
    assert state(conn, lead) == ("succeeded", "email", 4, None, None)
    assert attempts(conn) == [
        ("webhook", 1, "failed", 500, "status 500"), ("webhook", 2, "failed", 503, "status 503"),
        ("webhook", 3, "failed", 404, "status 404"), ("email", 4, "succeeded", None, None),
    ]  # fmt: skip
    (mail,) = mailbox.mails
    delivery_id = conn.execute("SELECT id::text FROM deliveries").fetchall()[0][0]
    vertical, market = conn.execute("SELECT v.slug, m.name FROM verticals v, markets m").fetchall()[0]
    subject = f"New lead #{lead}: {vertical.replace('-', ' ').capitalize()}, {market}"
    assert (mail["To"], mail["From"], mail["Subject"]) == (
        "buyer@example.com", "leads@leadgen.example", subject,
    )  # fmt: skip
    assert mail["Message-ID"] == f"<{delivery_id}@leadgen.example>"
    body = mail.get_body(("plain",))
    assert body is not None
    assert "Zoë Sentinel" in body.get_content()
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
    assert state(conn, lead) == ("in_review", "email", 2, "email_failed", None)
    assert attempts(conn)[-1] == ("email", 2, "failed", None, "SMTP_HOST is not set")
    assert ("delivery.failed", lead) in sent(conn, "notify")
    assert sent(conn, "bill") == []
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


def test_a_mailbox_that_refuses_for_good_is_not_asked_again(
    conn: Connection[Any], functions: Functions, mailbox: Mailbox
) -> None:
    mailbox.refusing = True
    lead = a_routed_lead(conn)
    assert deliver(functions, lead) == ["in_review"]
    assert [attempt[2:] for attempt in attempts(conn)] == [
        ("failed_for_good", None, "the mail server refused the mail (554)")
    ]


def test_a_full_mailbox_holds_up_nobody_else_s_mail(
    conn: Connection[Any], functions: Functions, mailbox: Mailbox
) -> None:
    mailbox.putting_off = {"full@example.com"}
    full = [a_routed_lead(conn, email="full@example.com")]
    source, buyer = conn.execute("SELECT source_id, buyer_id FROM leads").fetchall()[0]
    for _ in range(3):
        lead = a_lead(conn, source, status="delivered", buyer_id=buyer, delivered_price="45.00", price_components={},
                      delivered_at=clock.now())  # fmt: skip
        a_delivery(conn, lead, buyer, channel="email")
        full.append(lead)
    assert [deliver(functions, lead) for lead in full] == [["retry"]] * 4
    assert deliver(functions, a_routed_lead(conn, email="other@example.com")) == ["delivered"]
    assert [mail["To"] for mail in mailbox.mails] == ["other@example.com"]


def test_a_mail_server_that_is_away_is_asked_again_and_then_a_person(
    conn: Connection[Any], functions: Functions, mailbox: Mailbox, environment: pytest.MonkeyPatch, closed_port: int
) -> None:
    environment.setenv("SMTP_PORT", str(closed_port))
    lead = a_routed_lead(conn)
    for outcome in ("retry", "retry", "in_review"):
        assert deliver(functions, lead) == [outcome]
        make_due(conn)
    assert [attempt[2] for attempt in attempts(conn)] == ["failed"] * 3


def test_a_redirect_is_a_failure_and_is_not_followed(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.statuses = [307]
    buyer_endpoint.headers = {"Location": buyer_endpoint.url("/elsewhere")}
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    assert deliver(functions, lead) == ["retry"]
    assert attempts(conn) == [("webhook", 1, "failed", 307, "status 307")]
    assert len(buyer_endpoint.received) == 1


def test_an_endpoint_that_hangs_is_given_up_at_the_time_limit(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("WEBHOOK_TIMEOUT_SECONDS", "0.2")
    buyer_endpoint.gate.clear()
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    assert deliver(functions, lead) == ["retry"]
    assert attempts(conn) == [("webhook", 1, "unknown", None, "timeout")]


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
        ("webhook", 1, "failed", None, "connection refused"), ("webhook", 1, "succeeded", 200, None),
    ]  # fmt: skip


@pytest.mark.parametrize("address", ["a@b..example", "a@.b.example", "a@[b.example", "no address"])
def test_an_address_that_no_mail_can_go_to_ends_in_review(
    conn: Connection[Any], functions: Functions, mailbox: Mailbox, address: str
) -> None:
    lead = a_routed_lead(conn, email=address)
    assert deliver(functions, lead) == ["in_review"]
    assert mailbox.mails == []


def test_a_batch_in_which_one_buyer_takes_and_another_fails_is_recorded_whole(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, closed_port: int
) -> None:
    taken = a_routed_lead(conn, webhook_url=buyer_endpoint.url(), email="one@example.com")
    failing = a_routed_lead(conn, webhook_url=f"http://127.0.0.1:{closed_port}/", email="two@example.com")
    assert sorted(deliver(functions, taken, failing)) == ["delivered", "retry"]
    assert [state(conn, lead)[0] for lead in (taken, failing)] == ["succeeded", "pending"]
    assert len(attempts(conn)) == 2
    assert len(buyer_endpoint.received) == 1
