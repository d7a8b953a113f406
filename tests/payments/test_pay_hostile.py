"""What the public page and the webhook do for those who mean ill, and what they tell of a link."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from psycopg import Connection

from leadgen.payments.domain import pay_links
from leadgen_local.sinks.stripe_account import SECRET_KEY as STRIPE_KEY
from leadgen_local.sinks.stripe_account import WEBHOOK_SECRET
from tests.conftest import SECRET_KEY
from tests.support.factories import a_buyer
from tests.support.money.sold_leads import an_invoice
from tests.support.servers.payment_provider import Provider, hand_over, signed
from tests.support.stages.functions import Functions
from tests.support.stages.posts import a_token


@pytest.fixture
def client(functions: Functions, provider: Provider) -> TestClient:
    return functions.client("pay")


@pytest.fixture
def token(conn: Connection[Any], offer: int, now: datetime) -> str:
    """The link of a sent invoice."""
    return pay_links.token(SECRET_KEY, an_invoice(conn, offer, a_buyer(conn), now)[0])


@pytest.mark.usefixtures("own_database_url")
def test_no_log_line_holds_a_link_a_key_or_a_body(
    conn: Connection[Any], client: TestClient, provider: Provider, token: str, output: Callable[[], str]
) -> None:
    assert client.post(f"/pay/{token}", follow_redirects=False).status_code == 303
    assert client.get(f"/pay/{token}/invoice.pdf").status_code == 200
    provider.fails("/v1/checkout/sessions", "error", 401)
    assert client.post(f"/pay/{token}").status_code == 503
    secret = "do-not-write-this-down"
    for body in (secret, json.dumps({"id": secret, "type": "payment_intent.succeeded"})):
        for header in ({}, signed(body), signed(body, secret="whsec_another"), {"Stripe-Signature": secret}):
            client.post("/webhooks/stripe", content=body, headers=header)
    conn.execute("ALTER TABLE invoices RENAME COLUMN due_date TO due_day")
    for path in (f"/pay/{token}", f"/pay/{token}/invoice.pdf"):
        assert client.get(path).status_code == 500
    said = output()
    assert '"request.failed"' in said
    for kept in (token, secret, STRIPE_KEY, WEBHOOK_SECRET, SECRET_KEY):
        assert kept not in said


@pytest.mark.usefixtures("own_database_url")
def test_a_failure_is_logged_with_its_route_and_no_address_that_was_called(
    conn: Connection[Any], functions: Functions, output: Callable[[], str]
) -> None:
    conn.execute("ALTER TABLE invoices RENAME COLUMN due_date TO due_day")
    assert functions.client("api").get("/api/invoices/7", headers=a_token()).status_code == 500
    assert "/api/invoices/{invoice_id}" in output()


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "http://evil.example/", "//evil.example/", "data:text/html,x", "", "https://", "x"]
)
def test_nobody_is_led_to_an_address_that_is_no_page_of_the_providers(
    client: TestClient, provider: Provider, token: str, url: str
) -> None:
    assert client.post(f"/pay/{token}", follow_redirects=False).status_code == 303
    for _, _, body in provider.fake.account.answers.values():  # what the provider answers to the same key, still
        body["url"] = url
    answer = client.post(f"/pay/{token}", follow_redirects=False)
    assert answer.status_code == 503
    assert "location" not in answer.headers


def test_a_page_at_the_sellers_own_address_is_led_to(client: TestClient, provider: Provider, token: str) -> None:
    client.post(f"/pay/{token}", follow_redirects=False)
    for _, _, body in provider.fake.account.answers.values():
        body["url"] = "https://pay.seller.example/c/cs_1#x"
    answer = client.post(f"/pay/{token}", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "https://pay.seller.example/c/cs_1#x")


def test_every_answer_to_a_link_keeps_the_link_to_itself(client: TestClient, provider: Provider, token: str) -> None:
    answers = [
        client.get(f"/pay/{token}"),
        client.get(f"/pay/{token}/invoice.pdf"),
        client.get(f"/pay/{token}x"),
        client.get("/pay/done"),
        client.post(f"/pay/{token}", follow_redirects=False),
        client.post(f"/pay/{token}x"),
    ]
    for answer in answers:
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers
        assert token not in answer.headers.get("location", "")


def test_a_link_that_was_made_up_asks_the_database_nothing(client: TestClient, statements: list[str]) -> None:
    for made_up in ("x" * 38, pay_links.token("another-secret-key-of-sufficient-length", 1)):
        for path in (f"/pay/{made_up}", f"/pay/{made_up}/invoice.pdf"):
            assert client.get(path).status_code == 404
        assert client.post(f"/pay/{made_up}").status_code == 404
    assert statements == []


@pytest.mark.parametrize(
    "header",
    ["", "x", "t=,v1=", "t=x,v1=x", "v1=x", "t=1", "t=9" * 2000, "t={now},v1=" + "v1=0," * 1500,
     f"t={'9' * 4000},v1=0", "t={now},v1=é", "t=NaN,v1=0"],
    ids=lambda header: header[:12],
)  # fmt: skip
def test_edge_32_what_is_not_signed_asks_the_database_nothing(
    client: TestClient, statements: list[str], header: str
) -> None:
    header = header.replace("{now}", str(int(time.time())))
    for body in (b"{}", b"\xff", b"[" * 60_000, b""):
        answer = client.post("/webhooks/stripe", content=body, headers=[(b"Stripe-Signature", header.encode())])
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_signature")
    assert statements == []


@pytest.mark.parametrize(
    "change",
    [
        {"amount_received": 10**30}, {"amount_received": -1}, {"amount_received": True}, {"amount_received": 45.5},
        {"amount_received": "4500"}, {"currency": "usd\x00"}, {"currency": 7}, {"id": "pi_\x00"}, {"id": "x" * 5000},
        {"metadata": []}, {"metadata": {"buyer_id": "9" * 30}}, {"metadata": {"buyer_id": "٣"}}, {"customer": {}},
        {"id": "pi_\ud800"},
    ],
    ids=ascii,
)  # fmt: skip
def test_edge_32_a_signed_event_of_no_sense_is_refused_or_waits_and_moves_nothing(
    conn: Connection[Any], client: TestClient, provider: Provider, token: str, change: dict[str, Any]
) -> None:
    provider.press(client.post(f"/pay/{token}", follow_redirects=False).headers["location"])
    (event,) = [one for one in provider.sent_events() if one["type"] == "payment_intent.succeeded"]
    event["data"]["object"] = {**event["data"]["object"], "metadata": {}, "customer": None, **change}
    assert hand_over(client, [event])[0] in (200, 400)
    assert conn.execute("SELECT count(*) FROM payments").fetchone() == (0,)
