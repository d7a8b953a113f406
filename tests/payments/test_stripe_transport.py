"""Stripe's own library over the egress client, to a server that answers as Stripe does."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from leadgen.payments.adapters import provider as payments_provider
from leadgen.payments.adapters.provider import ProviderLater, ProviderRefused
from leadgen.platform import settings
from tests.support.servers.buyer_endpoint import BuyerEndpoint
from tests.support.servers.payment_provider import Provider


@pytest.fixture
def stripe(environment: pytest.MonkeyPatch, buyer_endpoint: BuyerEndpoint) -> BuyerEndpoint:
    environment.setenv("STRIPE_SECRET_KEY", "sk_test_1")
    environment.setenv("STRIPE_WEBHOOK_SECRET", "whsec_1")
    environment.setenv("STRIPE_API_BASE", buyer_endpoint.origin)
    buyer_endpoint.answer = json.dumps({"id": "re_1", "object": "refund", "status": "succeeded"}).encode()
    return buyer_endpoint


def refund(key: str = "refund:1") -> payments_provider.Refunded:
    return payments_provider.refund("pi_1", 2000, {"refund_id": "1"}, key=key)


def test_a_call_carries_the_key_the_secret_and_the_version_and_nothing_about_this_machine(
    stripe: BuyerEndpoint,
) -> None:
    refund()
    (call,) = stripe.received
    assert call.path == "/v1/refunds"
    assert call.body == b"payment_intent=pi_1&amount=2000&metadata[refund_id]=1"
    assert call.headers["Authorization"] == "Bearer sk_test_1"
    assert call.headers["Idempotency-Key"] == "refund:1"
    assert call.headers["Stripe-Version"]
    assert call.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert not {name.lower() for name in call.headers} & {"x-stripe-client-user-agent", "x-stripe-client-telemetry"}


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (402, {"type": "card_error", "code": "card_declined", "decline_code": "lost_card"}, ProviderRefused),
        (400, {"type": "invalid_request_error", "code": "charge_disputed"}, ProviderRefused),
        (404, {"type": "invalid_request_error", "code": "resource_missing"}, ProviderRefused),
        (400, {"type": "idempotency_error"}, ProviderLater),
        (401, {"type": "invalid_request_error"}, ProviderLater),
        (403, {"type": "invalid_request_error"}, ProviderLater),
        (409, {"type": "invalid_request_error", "code": "lock_timeout"}, ProviderLater),
        (429, {"type": "invalid_request_error", "code": "rate_limit"}, ProviderLater),
        (500, {"type": "api_error"}, ProviderLater),
    ],
)
def test_what_it_says_no_to_is_for_good_or_for_now(
    stripe: BuyerEndpoint, status: int, error: dict[str, Any], kind: type[Exception]
) -> None:
    stripe.statuses = [status]
    stripe.answer = json.dumps({"error": {"message": "Jane Doe's card 4242 was declined.", **error}}).encode()
    with pytest.raises(payments_provider.ProviderFailed) as failed:
        refund()
    assert type(failed.value) is kind
    assert "Jane" not in str(failed.value)
    assert "4242" not in str(failed.value)
    assert len(stripe.received) == 1  # the library would try again by itself


@pytest.mark.parametrize("answer", [b"", b"<html>", b'{"id": "re_1"', b"[]", b"\xff", b"null"])
def test_an_answer_that_does_not_read_leaves_it_unknown(stripe: BuyerEndpoint, answer: bytes) -> None:
    stripe.answer = answer
    with pytest.raises(ProviderLater):
        refund()


def test_a_provider_that_is_not_there_is_for_later(stripe: BuyerEndpoint, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("EGRESS_ALLOWED_ORIGINS", "")
    settings.current.cache_clear()
    with pytest.raises(ProviderLater, match="only https"):
        refund()
    assert stripe.received == []


def test_without_an_account_nothing_is_asked(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProviderRefused, match="not_configured"):
        refund()


def test_a_hundred_refunds_of_one_payment_are_looked_through(provider: Provider) -> None:
    account = provider.fake.account
    intent = account._succeed(account._intent(10_000, "usd", None, {}))
    for number in range(100):
        account.refund({"payment_intent": intent["id"], "amount": "1", "metadata": {"refund_id": str(number)}})
    found = payments_provider.find_refund(intent["id"], {"refund_id": "0"})
    assert found is not None
    assert found.status == "succeeded"
    assert payments_provider.find_refund(intent["id"], {"refund_id": "100"}) is None
    assert payments_provider.find_charge("cus_1", {"payment_id": "1"}, since=datetime(2026, 1, 1, tzinfo=UTC)) is None
