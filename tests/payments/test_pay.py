"""The page where an invoice is paid, and the provider's page that it leads to."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from psycopg import Connection
from psycopg.types.json import Jsonb

from leadgen.payments.domain import pay_links, pay_page
from leadgen.payments.service import checkout
from tests.conftest import SECRET_KEY
from tests.support.factories import a_buyer
from tests.support.money.after_sale import pay
from tests.support.money.sold_leads import an_invoice
from tests.support.servers.payment_provider import Provider, hand_over
from tests.support.stages.functions import Functions

CARD_PAGE = re.compile(r"^http://127\.0\.0\.1:\d+/stripe/checkout/cs_test_\w+$")


@pytest.fixture
def client(functions: Functions, provider: Provider) -> TestClient:
    return functions.client("pay")


@pytest.fixture
def buyer(conn: Connection[Any]) -> int:
    return a_buyer(conn)


@pytest.fixture
def invoice(conn: Connection[Any], offer: int, buyer: int, now: datetime) -> int:
    """A sent invoice over 45.00."""
    return an_invoice(conn, offer, buyer, now)[0]


def page_of(invoice_id: int) -> str:
    return f"/pay/{pay_links.token(SECRET_KEY, invoice_id)}"


def press_pay(client: TestClient, invoice_id: int) -> httpx2.Response:
    return client.post(page_of(invoice_id), follow_redirects=False)


def test_the_page_shows_what_is_due_to_whom_and_can_be_paid(
    conn: Connection[Any], client: TestClient, offer: int, buyer: int, now: datetime
) -> None:
    seller = {"legal_name": "Lead <Works> & Co", "bank": {"iban": "DE02120300000000202051"}}
    conn.execute("INSERT INTO seller (details) VALUES (%s)", (Jsonb(seller),))
    invoice = an_invoice(conn, offer, buyer, now)[0]
    (number,) = conn.execute("SELECT invoice_number FROM invoices").fetchone() or ("",)
    answer = client.get(page_of(invoice))
    assert answer.status_code == 200
    assert "Lead &lt;Works&gt; &amp; Co" in answer.text
    assert number in answer.text
    assert "45.00 USD" in answer.text
    assert "DE02120300000000202051" in answer.text
    assert '<form method="post">' in answer.text


def test_the_page_runs_no_scripts_loads_nothing_and_may_not_be_framed(client: TestClient, invoice: int) -> None:
    answer = client.get(page_of(invoice))
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src {pay_page.STYLE_SOURCE}; form-action 'self' https:")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<script|<img|<link|\son\w+=|src=|https?://", answer.text)
    assert 'name="viewport" content="width=device-width,initial-scale=1"' in answer.text


def test_paying_leads_to_the_providers_page_for_what_is_due_and_then_the_invoice_is_paid(
    conn: Connection[Any], client: TestClient, provider: Provider, invoice: int, buyer: int
) -> None:
    answer = press_pay(client, invoice)
    assert answer.status_code == 303
    assert CARD_PAGE.match(answer.headers["location"])
    (session,) = provider.of("checkout.session")
    assert (session["amount_total"], session["currency"]) == (4500, "usd")
    assert session["metadata"] == {"buyer_id": str(buyer), "invoice_id": str(invoice)}
    assert session["cancel_url"] == checkout.payment_url(invoice)
    assert session["success_url"] == f"{checkout.payment_url(invoice)}?paid=1"
    back = provider.press(answer.headers["location"])
    assert (back.status_code, back.headers["location"]) == (303, session["success_url"])
    assert "is being confirmed" in client.get(page_of(invoice), params={"paid": "1"}).text
    assert set(hand_over(client, provider.sent_events())) == {200}
    paid = client.get(page_of(invoice))
    assert "This invoice is paid" in paid.text
    assert "<form" not in paid.text
    assert conn.execute("SELECT status, amount_due, payment_method FROM invoices").fetchone() == ("paid", 0, "stripe")
    assert [row[0] for row in conn.execute("SELECT provider_id FROM payments")] == [
        intent["id"] for intent in provider.of("payment_intent")
    ]


def test_the_page_says_why_less_is_due_than_the_total(
    conn: Connection[Any], client: TestClient, invoice: int, buyer: int, now: datetime
) -> None:
    assert "Paid or credited" not in client.get(page_of(invoice)).text
    pay(conn, buyer, "12.50", now, invoice=invoice)
    shown = client.get(page_of(invoice)).text
    assert "<dt>Total</dt><dd>45.00 USD</dd><dt>Paid or credited</dt><dd>12.50 USD</dd>" in shown
    assert '<p class="due">32.50 USD</p>' in shown


def test_the_page_leads_to_the_invoice_as_it_was_mailed(client: TestClient, invoice: int) -> None:
    page = client.get(page_of(invoice))
    (link,) = re.findall(r'href="([^"]+)"', page.text)
    answer = client.get(page.url.join(link))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    assert answer.headers["content-disposition"].startswith("inline; filename=")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert client.get(f"/pay/{'x' * 38}/invoice.pdf").status_code == 404


def test_from_two_windows_it_is_the_same_page_and_another_when_something_else_is_due(
    conn: Connection[Any], client: TestClient, provider: Provider, invoice: int, buyer: int, now: datetime
) -> None:
    first, second = press_pay(client, invoice), press_pay(client, invoice)
    assert first.headers["location"] == second.headers["location"]
    pay(conn, buyer, "20.00", now, invoice=invoice)
    third = press_pay(client, invoice)
    assert third.headers["location"] != first.headers["location"]
    assert [session["amount_total"] for session in provider.of("checkout.session")] == [2500, 4500]


def test_edge_33_what_is_due_again_after_a_chargeback_is_paid_on_another_page(
    conn: Connection[Any], client: TestClient, provider: Provider, invoice: int
) -> None:
    first = press_pay(client, invoice).headers["location"]
    provider.press(first)
    dispute = provider.control(dispute=provider.of("payment_intent")[0]["id"])
    provider.control(close=dispute["id"], won=False)
    hand_over(client, provider.sent_events())
    assert conn.execute("SELECT amount_due FROM invoices").fetchone() == (Decimal("45.00"),)
    again = press_pay(client, invoice)
    assert again.status_code == 303
    assert again.headers["location"] != first


def test_a_page_that_expired_is_not_led_to_again(client: TestClient, provider: Provider, invoice: int) -> None:
    old = press_pay(client, invoice).headers["location"]
    for _, _, body in provider.fake.account.answers.values():  # what the provider answers to the same key, still
        body["expires_at"] = body["created"] + 30
    new = press_pay(client, invoice).headers["location"]
    assert new != old
    assert len(provider.of("checkout.session")) == 2
    assert press_pay(client, invoice).headers["location"] == new


def test_a_declined_card_may_be_followed_by_another_on_the_same_page(
    conn: Connection[Any], client: TestClient, provider: Provider, invoice: int
) -> None:
    page = press_pay(client, invoice).headers["location"]
    assert provider.press(page, "insufficient_funds").headers["location"] == page
    assert set(hand_over(client, provider.sent_events())) == {200}
    assert conn.execute("SELECT status, amount_due FROM invoices").fetchone() == ("sent", Decimal("45.00"))
    provider.press(page)
    hand_over(client, provider.sent_events())
    assert conn.execute("SELECT status, amount_due FROM invoices").fetchone() == ("paid", 0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE invoices SET status = 'paid', amount_paid = total_amount", "is paid"),
        (
            "UPDATE invoices SET status = 'cancelled', amount_credited = total_amount, cancelled_at = now()",
            "is cancelled",
        ),
        ("UPDATE invoices SET status = 'disputed'", "is disputed"),
    ],
)
def test_edge_31_what_is_paid_cancelled_or_disputed_says_so_and_is_not_paid(
    conn: Connection[Any], client: TestClient, provider: Provider, invoice: int, change: str, says: str
) -> None:
    conn.execute(change.encode())
    shown, pressed = client.get(page_of(invoice)), press_pay(client, invoice)
    assert (shown.status_code, pressed.status_code) == (200, 409)
    for answer in (shown, pressed):
        assert says in answer.text
        assert "<form" not in answer.text
    assert provider.of("checkout.session") == []


def test_edge_31_a_draft_has_no_page(
    conn: Connection[Any], client: TestClient, offer: int, buyer: int, now: datetime
) -> None:
    conn.execute("UPDATE buyers SET billing = %s", (Jsonb({"approval": True}),))
    draft = an_invoice(conn, offer, buyer, now)[0]
    assert client.get(page_of(draft)).status_code == 404
    assert press_pay(client, draft).status_code == 404


@pytest.mark.parametrize("key", ["another-secret-key-of-sufficient-length", ""])
def test_a_link_of_another_key_opens_nothing(client: TestClient, invoice: int, key: str) -> None:
    answer = client.get(f"/pay/{pay_links.token(key, invoice)}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("token", ["1", "x" * 38, "é", "a" * 5000, "%00", "..", "%F0%9F%92%B8"])
def test_a_link_that_somebody_made_up_opens_nothing(client: TestClient, invoice: int, token: str) -> None:
    assert client.get(f"/pay/{token}").status_code == 404
    assert client.post(f"/pay/{token}").status_code == 404


def test_where_no_provider_is_configured_the_page_shows_the_invoice_without_a_button(
    client: TestClient, invoice: int, environment: pytest.MonkeyPatch
) -> None:
    environment.delenv("STRIPE_SECRET_KEY")
    environment.delenv("STRIPE_WEBHOOK_SECRET")
    answer = client.get(page_of(invoice))
    assert answer.status_code == 200
    assert "<form" not in answer.text
    assert press_pay(client, invoice).status_code == 409
    assert client.post("/webhooks/stripe", content=b"{}").status_code == 404


@pytest.mark.parametrize(("mode", "status"), [("error", 503), ("error", 429), ("error", 401)])
def test_a_provider_that_does_not_answer_as_it_should_is_told_as_not_now(
    client: TestClient, provider: Provider, invoice: int, mode: str, status: int
) -> None:
    provider.fails("/v1/checkout/sessions", mode, status)
    answer = press_pay(client, invoice)
    assert answer.status_code == 503
    assert "try again" in answer.text
    provider.fails("/v1/checkout/sessions", "ok")
    assert press_pay(client, invoice).status_code == 303


def test_the_pages_that_the_provider_leads_back_to_say_what_was_done(client: TestClient) -> None:
    assert "It is done" in client.get("/pay/done").text
    assert "Nothing was done" in client.get("/pay/cancelled").text
