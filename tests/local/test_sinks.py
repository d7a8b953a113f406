"""The fake buyer and the sinks of mail and SMS, as the process they are."""

import hashlib
import hmac
import json
import os
import signal
import smtplib
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from stripe import WebhookSignature

from leadgen.platform import settings
from leadgen.platform.sms import sms
from leadgen_local import environment
from leadgen_local.sinks import sms as sinks_sms
from leadgen_local.sinks import stripe_account
from leadgen_local.sinks.journal import Journal
from leadgen_local.supervision import processes, sockets
from leadgen_local.supervision.child import Child
from tests.support.servers.buyer_endpoint import BuyerEndpoint

STOP = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 1.0))


@dataclass
class Sinks:
    http: httpx2.Client
    smtp_port: int
    child: Child
    database_url: str

    def received(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.http.get("/received").json()
        return listed


@pytest.fixture
def sinks(tmp_path: Path, database_url: str) -> Iterator[Sinks]:
    with sockets.listen(0) as http, sockets.listen(0) as smtp, httpx2.Client(base_url=sockets.url(http)) as client:
        child = a_child(tmp_path, database_url, http, smtp)
        child.start()
        child.await_ready()
        yield Sinks(client, smtp.getsockname()[1], child, database_url)
        assert child.process is not None
        processes.stop([child.process], STOP)


@pytest.fixture
def twilio(sinks: Sinks, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process's settings are those of the stack: its SMS go to the sink."""
    url = str(sinks.http.base_url).rstrip("/")
    stack = environment.of_children(
        {},
        database_url=sinks.database_url,
        secret_key="k" * 32,
        api_url="http://127.0.0.1:9",
        sink_url=url,
        smtp_port=sinks.smtp_port,
    )
    for name, value in stack.items():
        monkeypatch.setenv(name, value)
    settings.current.cache_clear()
    yield
    settings.current.cache_clear()


def a_child(
    state: Path, database_url: str, http: socket.socket, smtp: socket.socket, public_url: str = "http://127.0.0.1:9"
) -> Child:
    descriptors = [http.fileno(), smtp.fileno()]
    return Child(
        name="sinks",
        module="leadgen_local.sinks.server",
        log_file=state / "sinks.log",
        environment={
            **os.environ,
            "DATABASE_URL": database_url,
            "PUBLIC_URL": public_url,
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        arguments=[*map(str, descriptors), str(state)],
        descriptors=descriptors,
    )


def a_buyer(sinks: Sinks, path: str, secret: str) -> None:
    with psycopg.connect(sinks.database_url) as conn:
        conn.execute(
            """
            INSERT INTO buyers (name, email, phone, webhook_url, webhook_secret)
            VALUES ('B', %s, '+15125550100', %s, %s)
            """,
            (f"{path[1:]}@example.com", str(sinks.http.base_url).rstrip("/") + path, secret),
        )


def signature(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_a_signature_is_verified_with_the_secret_of_the_buyer_at_the_address(sinks: Sinks) -> None:
    a_buyer(sinks, "/buyer", "s3cret")
    body = b'{"event":  "lead.delivered"}'
    good = signature("s3cret", body)
    for header in ({"X-Webhook-Signature": good}, {"X-Webhook-Signature": f"sha256={good}"}):
        assert sinks.http.post("/buyer", content=body, headers=header).status_code == 200
    for wrong in (signature("other", body).encode(), "é".encode(), b""):
        sinks.http.post("/buyer", content=body, headers=[(b"X-Webhook-Signature", wrong)])
    sinks.http.post("/nobody", content=body, headers={"X-Webhook-Signature": good})
    received = sinks.received()
    assert [entry["verified"] for entry in received] == [True, True, False, False, False, None]
    assert {entry["path"] for entry in received} == {"/buyer", "/nobody"}
    assert received[0]["body"] == body.decode()
    assert received[0]["headers"]["x-webhook-signature"] == good
    assert received[0]["at"]


def test_a_path_answers_as_it_was_told(sinks: Sinks) -> None:
    def tell(**behavior: object) -> None:
        assert sinks.http.put("/behavior", json={"path": "/x", **behavior}).status_code == 200

    tell(mode="error", status=503)
    assert sinks.http.post("/x").status_code == 503
    assert sinks.http.post("/y").status_code == 200
    tell(mode="hang")
    with pytest.raises(httpx2.ReadTimeout):
        sinks.http.post("/x", timeout=0.2)
    tell(mode="slow", seconds=0.05)
    assert sinks.http.post("/x").status_code == 200
    tell(mode="ok")
    assert sinks.http.post("/x").json() == {"received": True}
    tell(mode="ok", body={"received": False})
    refusal = sinks.http.post("/x")
    assert (refusal.status_code, refusal.json()) == (200, {"received": False})
    tell(mode="ok", body="<result>no</result>")
    assert sinks.http.post("/x").text == "<result>no</result>"
    for said, header in ((120, "120"), ("Fri, 01 Jan 2038 00:00:00 GMT", "Fri, 01 Jan 2038 00:00:00 GMT")):
        tell(mode="error", status=429, retry_after=said)
        assert sinks.http.post("/x").headers["retry-after"] == header
    tell(mode="error", status=409, body={"why": "duplicate"})
    conflict = sinks.http.post("/x")
    assert (conflict.status_code, conflict.json()) == (409, {"why": "duplicate"})
    assert [entry["path"] for entry in sinks.received()] == ["/x", "/y", *["/x"] * 8]


@pytest.mark.parametrize("behavior", [{}, {"path": "x", "mode": "ok"}, {"path": "/x", "mode": "nice"}])
def test_a_behavior_it_does_not_know_is_refused(sinks: Sinks, behavior: dict[str, str]) -> None:
    assert sinks.http.put("/behavior", json=behavior).status_code == 400


def test_what_was_received_survives_a_kill_and_is_forgotten_when_told(sinks: Sinks) -> None:
    sinks.http.post("/x", content=b"one")
    os.kill(sinks.child.pid, signal.SIGKILL)
    assert sinks.child.process is not None
    sinks.child.process.wait()
    sinks.child.start()
    sinks.child.await_ready()
    assert [entry["body"] for entry in sinks.received()] == ["one"]
    assert sinks.http.delete("/received").status_code == 204
    assert sinks.received() == []


def test_a_mail_is_kept_to_be_read(sinks: Sinks) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "leads@example.com", "zoë@example.com", "Ein Lead für Sie"
    mail.set_content("Grüße")
    mail.add_alternative("<p>Grüße</p>", subtype="html")
    with smtplib.SMTP("127.0.0.1", sinks.smtp_port) as smtp:
        smtp.send_message(mail)
    (kept,) = sinks.http.get("/mail").json()
    assert kept["from"] == "leads@example.com"
    assert kept["to"] == ["zoë@example.com"]
    assert kept["subject"] == "Ein Lead für Sie"
    assert kept["body"].strip() == "Grüße"
    assert kept["html"].strip() == "<p>Grüße</p>"


def test_an_sms_sent_as_it_is_to_twilio_is_kept_to_be_read(sinks: Sinks, twilio: None) -> None:
    sms.send(to="+15125550123", text="LeadGen: lead #1 (Roofing, Zürich) was e-mailed to you.", timeout_seconds=20)
    (kept,) = sinks.http.get("/sms").json()
    assert kept["at"]
    assert kept["sid"].startswith("SM")
    assert (kept["from"], kept["to"]) == (sinks_sms.PHONE_NUMBER, "+15125550123")
    assert kept["body"] == "LeadGen: lead #1 (Roofing, Zürich) was e-mailed to you."
    assert sinks.http.delete("/sms").status_code == 204
    assert sinks.http.get("/sms").json() == []
    assert sinks.received() == []


def test_the_sms_sink_fails_as_it_was_told(sinks: Sinks, twilio: None) -> None:
    def fails(kind: type[sms.SmsFailed], **behavior: object) -> None:
        assert sinks.http.put("/behavior", json={"path": "/sms", **behavior}).status_code == 200
        with pytest.raises(kind):
            sms.send(to="+15125550123", text="…", timeout_seconds=0.5)

    fails(sms.SmsRefused, mode="error", status=400)
    fails(sms.SmsNotSent, mode="error", status=503)
    assert sinks.http.get("/sms").json() == []
    fails(sms.SmsUnknown, mode="hang")
    assert len(sinks.http.get("/sms").json()) == 1


def test_the_sms_sink_takes_nothing_without_its_token(
    sinks: Sinks, twilio: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "another")
    with pytest.raises(sms.SmsNotSent, match="20003"):
        sms.send(to="+15125550123", text="…", timeout_seconds=20)
    assert sinks.http.get("/sms").json() == []


def a_payment_page(sinks: Sinks, **given: str) -> dict[str, Any]:
    price = {"currency": "usd", "unit_amount": "4500", "product_data][name": "Invoice INV-000001"}
    form = {f"line_items[0][price_data][{name}]": value for name, value in price.items()}
    form |= {"mode": "payment", "line_items[0][quantity]": "1", "success_url": "https://x.y/done"} | given
    headers = {"Authorization": f"Bearer {stripe_account.SECRET_KEY}", "Idempotency-Key": "one"}
    answer = sinks.http.post("/v1/checkout/sessions", data=form, headers=headers)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_what_is_paid_at_the_fake_provider_is_told_signed_until_it_is_taken(tmp_path: Path, database_url: str) -> None:
    with BuyerEndpoint() as ours, sockets.listen(0) as http, sockets.listen(0) as smtp:
        ours.statuses = [503]
        child = a_child(tmp_path, database_url, http, smtp, ours.origin)
        child.start()
        child.await_ready()
        assert child.process is not None
        try:
            with httpx2.Client(base_url=sockets.url(http)) as client:
                sinks = Sinks(client, smtp.getsockname()[1], child, database_url)
                page = a_payment_page(sinks)
                assert "Invoice INV-000001" in client.get(page["url"]).text
                assert client.post(page["url"], data={"press": "good"}).headers["location"] == "https://x.y/done"
                told = {event["id"] for event in client.get("/stripe").json() if event["object"] == "event"}
                deadline = time.monotonic() + 20
                while len(ours.received) < len(told) + 1 and time.monotonic() < deadline:
                    time.sleep(0.02)
        finally:
            processes.stop([child.process], STOP)
    for call in ours.received:
        assert call.path == "/webhooks/stripe"
        WebhookSignature.verify_header(call.body, call.headers["Stripe-Signature"], stripe_account.WEBHOOK_SECRET, 300)
    assert {json.loads(call.body)["id"] for call in ours.received} == told


def test_the_fake_provider_forgets_nothing_when_it_is_killed_and_makes_nothing_twice_for_a_key(sinks: Sinks) -> None:
    first = a_payment_page(sinks)
    os.kill(sinks.child.pid, signal.SIGKILL)
    assert sinks.child.process is not None
    sinks.child.process.wait()
    sinks.child.start()
    sinks.child.await_ready()
    assert a_payment_page(sinks)["id"] == first["id"]
    assert [one["id"] for one in sinks.http.get("/stripe").json()] == [first["id"]]


def test_the_fake_provider_does_nothing_without_its_key_or_for_a_key_of_another_call(sinks: Sinks) -> None:
    form = {"mode": "setup"}
    assert sinks.http.post("/v1/checkout/sessions", data=form).status_code == 401
    a_payment_page(sinks)
    headers = {"Authorization": f"Bearer {stripe_account.SECRET_KEY}", "Idempotency-Key": "one"}
    other = sinks.http.post("/v1/checkout/sessions", data=form, headers=headers)
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    assert sinks.http.delete("/stripe").status_code == 204
    assert sinks.http.get("/stripe").json() == []


def test_a_line_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    Journal(file).append({"n": 1})
    with file.open("a") as out:
        out.write(json.dumps({"n": 2})[:-2])
    assert Journal(file).entries() == [{"n": 1}]
