"""Delivery: the specified payload and headers, the signature, and what follows an attempt."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadgen.domain import delivery
from leadgen.domain.delivery import Attempt, Parcel, Review, Taken, TryAgain


def a_parcel(**values: Any) -> Parcel:
    """The specification's own example."""
    defaults: dict[str, Any] = {
        "delivery_id": "6f0e6f6e-3c1b-4b8e-9d2a-1f2e3d4c5b6a",
        "lead_id": 12345,
        "buyer_id": 7,
        "trace_id": "trace-1",
        "channel": "webhook",
        "attempt": 1,
        "received_at": datetime(2024, 1, 15, 10, 30, 0, 999_999, tzinfo=UTC),
        "delivered_at": datetime(2024, 1, 15, 4, 30, 5, tzinfo=timezone(timedelta(hours=-6))),
        "name": "John Smith",
        "phone": "+15125550123",
        "email": "john@example.com",
        "postal_code": "78701",
        "message": "Emergency plumbing needed",
        "source": "landing_page",
        "price": Decimal("45.00"),
        "webhook_url": "https://buyer.example/hook",
        "webhook_secret": "s3cret-ü",
        "email_to": "buyer@example.com",
    }
    return Parcel(**defaults | values)


SPECIFIED = (
    b'{"event":"lead.delivered","data":{"lead_id":12345,"received_at":"2024-01-15T10:30:00Z",'
    b'"delivered_at":"2024-01-15T10:30:05Z","contact":{"name":"John Smith","phone":"+15125550123",'
    b'"email":"john@example.com","zip":"78701"},"details":{"message":"Emergency plumbing needed",'
    b'"source":"landing_page"},"metadata":{"price":45.00,"buyer_id":7}}}'
)


def test_the_payload_is_the_specified_one_byte_for_byte() -> None:
    assert delivery.webhook_body(a_parcel()) == SPECIFIED


@pytest.mark.parametrize("price", ["45.00", "0.10", "1234567.89"])
def test_the_price_is_a_json_number_with_its_cents(price: str) -> None:
    body = delivery.webhook_body(a_parcel(price=Decimal(price)))
    assert f'"price":{price},'.encode() in body


def test_names_travel_as_utf8_and_no_message_as_null() -> None:
    body = delivery.webhook_body(a_parcel(name='Zoë "Z" Ünal', message=None))
    assert 'Zoë \\"Z\\" Ünal'.encode() in body
    assert json.loads(body)["data"]["details"]["message"] is None


def test_the_headers_are_the_specified_ones() -> None:
    body = delivery.webhook_body(a_parcel())
    assert delivery.webhook_headers(a_parcel(), body) == {
        "Content-Type": "application/json",
        "User-Agent": "LeadGen/1.0",
        "X-LeadGen-Event": "lead.delivered",
        "X-LeadGen-Delivery-Id": "6f0e6f6e-3c1b-4b8e-9d2a-1f2e3d4c5b6a",
        "X-Webhook-Signature": hmac.new("s3cret-ü".encode(), SPECIFIED, hashlib.sha256).hexdigest(),
    }


@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_secret_nothing_is_signed(secret: str | None) -> None:
    assert "X-Webhook-Signature" not in delivery.webhook_headers(a_parcel(webhook_secret=secret), b"{}")


def test_the_signature_is_hmac_sha256_as_published() -> None:
    # RFC 4231, test case 2.
    assert delivery.sign("Jefe", b"what do ya want for nothing?") == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=50), st.text(max_size=50) | st.none())
def test_the_same_parcel_always_gives_the_same_bytes(name: str, message: str | None) -> None:
    parcel = a_parcel(name=name, message=message)
    body = delivery.webhook_body(parcel)
    assert body == delivery.webhook_body(parcel)
    assert json.loads(body)["data"]["contact"]["name"] == name


FAILED, TAKEN = Attempt(taken=False, milliseconds=1), Attempt(taken=True, milliseconds=1)


@pytest.mark.parametrize(
    ("parcel", "attempt", "step"),
    [
        ({"attempt": 1}, TAKEN, Taken()),
        ({"attempt": 3}, TAKEN, Taken()),
        ({"attempt": 1}, FAILED, TryAgain("webhook", 5)),
        ({"attempt": 2}, FAILED, TryAgain("webhook", 15)),
        ({"attempt": 3}, FAILED, TryAgain("email", 0)),
        ({"attempt": 3, "email_to": None}, FAILED, Review("webhook_failed")),
        ({"attempt": 1, "channel": "email"}, FAILED, TryAgain("email", 5)),
        ({"attempt": 2, "channel": "email"}, FAILED, TryAgain("email", 15)),
        ({"attempt": 3, "channel": "email"}, FAILED, Review("email_failed")),
        ({"attempt": 4}, FAILED, TryAgain("email", 0)),  # an attempt was lost with its worker
    ],
    ids=str,
)
def test_what_follows_an_attempt(parcel: dict[str, Any], attempt: Attempt, step: object) -> None:
    assert delivery.next_step(a_parcel(**parcel), attempt, most_attempts=3, retry_unit_seconds=1) == step


def test_the_pauses_stretch_with_the_unit_and_keep_the_last_step() -> None:
    steps = [
        delivery.next_step(a_parcel(attempt=n), FAILED, most_attempts=9, retry_unit_seconds=2) for n in range(1, 5)
    ]
    assert steps == [TryAgain("webhook", seconds) for seconds in (10, 30, 30, 30)]


def test_the_mail_says_what_the_webhook_says_and_its_subject_names_nobody() -> None:
    text = delivery.email_text(a_parcel())
    for fact in (
        "12345",
        "John Smith",
        "+15125550123",
        "john@example.com",
        "78701",
        "Emergency plumbing needed",
        "45.00",
    ):
        assert fact in text
    assert delivery.email_subject(a_parcel()) == "New lead #12345"
