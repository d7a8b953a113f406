"""The payment provider, Stripe: its calls, and the verification of its events.

Amounts are in its units (payments/domain/minor_units.py). Every call that makes something carries a key, under which
the same call made again makes nothing more; Stripe may forget a key after 24 hours, so whoever repeats a call later
looks first.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from leadgen.platform import settings
from leadgen.platform.egress import http_client

if TYPE_CHECKING:
    from stripe import PaymentIntent, Refund, StripeClient
    from stripe.checkout import Session
    from stripe.params import PaymentIntentCreateParams
    from stripe.params.checkout import SessionCreateParams

T = TypeVar("T")

CALL_SECONDS = 8.0  # three of them fit into what API Gateway waits
_TOLERANCE_SECONDS = 300
_MOST_LISTED = 100
_PAGE = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]+)?(/\S*)?")


class ProviderFailed(Exception):
    """A call that failed; the message is a short cause without anything about a person."""


class ProviderLater(ProviderFailed):
    """Not now, or it is unknown whether it was done: the same call with the same key may be made again."""


class ProviderRefused(ProviderFailed):
    """Refused for good; ``code`` is the provider's, of a card that is declined the bank's reason."""

    def __init__(self, code: str) -> None:
        super().__init__(f"Stripe: {code}")
        self.code = code


class NotFromProvider(Exception):
    """A message that the provider has not signed, or that is too old; the message says which."""


@dataclass(frozen=True)
class WantedPayment:
    """What is to be paid on a page of the provider, and where its two ways out lead. ``metadata`` comes back with
    every event of the payment.
    """

    name: str
    amount: int
    currency: str
    customer: str | None
    metadata: Mapping[str, str]
    done_url: str
    cancel_url: str


@dataclass(frozen=True)
class Checkout:
    """A page of the provider where somebody pays or leaves a card, until ``expires_at``."""

    url: str
    expires_at: datetime


@dataclass(frozen=True)
class Refunded:
    """A refund at the provider: ``status`` is its word for it."""

    provider_id: str
    status: str
    error: str | None


@dataclass(frozen=True)
class Charged:
    """A payment at the provider that nobody was present for: ``status`` is its word for it, ``error`` why it failed."""

    provider_id: str
    status: str
    made_at: datetime
    error: str | None


def is_configured() -> bool:
    """Whether cards can be charged at all."""
    return settings.current().stripe_secret_key is not None


def open_payment(wanted: WantedPayment, *, key: str) -> Checkout:
    """Make a page to pay on. Raises ProviderFailed."""
    metadata = dict(wanted.metadata)
    params: SessionCreateParams = {
        "mode": "payment",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": wanted.currency.lower(),
                    "unit_amount": wanted.amount,
                    "product_data": {"name": wanted.name},
                },
            }
        ],
        "adaptive_pricing": {"enabled": False},  # what is due is due in its own currency
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata, "description": wanted.name},
        "success_url": wanted.done_url,
        "cancel_url": wanted.cancel_url,
    }
    if wanted.customer is not None:
        params["customer"] = wanted.customer
    return _made(lambda client: _page(client.v1.checkout.sessions.create(params, {"idempotency_key": key})))


def open_setup(
    customer: str, currency: str, metadata: Mapping[str, str], *, done_url: str, cancel_url: str, key: str
) -> Checkout:
    """Make a page to leave a card on, to be charged while nobody is present. Raises ProviderFailed."""
    params: SessionCreateParams = {
        "mode": "setup",
        "customer": customer,
        "currency": currency.lower(),
        "metadata": dict(metadata),
        "setup_intent_data": {"metadata": dict(metadata)},
        "success_url": done_url,
        "cancel_url": cancel_url,
    }
    return _made(lambda client: _page(client.v1.checkout.sessions.create(params, {"idempotency_key": key})))


def _page(session: "Session") -> Checkout:
    # People are led there, so it is read: an address of its own on https, or where the provider is called.
    url = session.url or ""
    if not _PAGE.fullmatch(url) and not url.startswith(f"{settings.current().stripe_api_base}/"):
        raise ProviderLater("Stripe's answer has no address")
    return Checkout(url, datetime.fromtimestamp(session.expires_at, UTC))


def make_customer(*, name: str, email: str, buyer_id: int, key: str) -> str:
    """Make a buyer known to the provider, so that a card can be kept for it; its id there. Raises ProviderFailed."""
    return _made(
        lambda client: (
            client.v1.customers.create(
                {"name": name, "email": email, "metadata": {"buyer_id": str(buyer_id)}}, {"idempotency_key": key}
            ).id
        )
    )


def refund(payment: str, amount: int, metadata: dict[str, str], *, key: str) -> Refunded:
    """Send money of a payment back. Raises ProviderFailed."""
    return _made(
        lambda client: _refunded(
            client.v1.refunds.create(
                {"payment_intent": payment, "amount": amount, "metadata": metadata}, {"idempotency_key": key}
            )
        )
    )


def refund_now(provider_id: str) -> Refunded:
    """How a refund stands. Raises ProviderFailed."""
    return _made(lambda client: _refunded(client.v1.refunds.retrieve(provider_id)))


def find_refund(payment: str, metadata: Mapping[str, str]) -> Refunded | None:
    """The refund of a payment that was made with this metadata. Raises ProviderFailed."""

    def found(client: "StripeClient") -> Refunded | None:
        listed = client.v1.refunds.list({"payment_intent": payment, "limit": _MOST_LISTED})
        return next((_refunded(one) for one in listed.data if _has_metadata(one, metadata)), None)

    return _made(found)


def charge(
    customer: str, method: str, amount: int, currency: str, metadata: dict[str, str], *, description: str, key: str
) -> Charged:
    """Charge a kept card while nobody is present. Raises ProviderFailed; a declined card is ProviderRefused."""
    params: PaymentIntentCreateParams = {
        "amount": amount,
        "currency": currency.lower(),
        "customer": customer,
        "payment_method": method,
        "off_session": True,
        "confirm": True,
        "description": description,
        "metadata": metadata,
    }
    return _made(lambda client: _charged(client.v1.payment_intents.create(params, {"idempotency_key": key})))


def find_charge(customer: str, metadata: Mapping[str, str], *, since: datetime) -> Charged | None:
    """The payment of a customer that was made with this metadata, not before ``since``. Raises ProviderFailed."""

    def found(client: "StripeClient") -> Charged | None:
        listed = client.v1.payment_intents.list(
            {"customer": customer, "limit": _MOST_LISTED, "created": {"gte": int(since.timestamp()) - 60}}
        )
        return next((_charged(one) for one in listed.data if _has_metadata(one, metadata)), None)

    return _made(found)


def signed_event(raw: bytes, signature: str | None) -> Mapping[str, Any]:
    """The event in a message, once it is certain that the provider has sent it, in the last five minutes.

    Raises NotFromProvider.
    """
    import stripe  # a fifth of a second at import: only where something comes

    secret = settings.current().stripe_webhook_secret
    try:
        stripe.WebhookSignature.verify_header(raw, signature, secret, _TOLERANCE_SECONDS)
        event = json.loads(raw)
    except stripe.SignatureVerificationError as error:
        raise NotFromProvider(str(error.user_message).partition("(")[0].strip()) from None
    except (ValueError, TypeError, RecursionError):  # no UTF-8, a signature of other letters, no JSON
        raise NotFromProvider("the message does not read") from None
    if not isinstance(event, dict):
        raise NotFromProvider("the message does not read")
    return event


def _refunded(one: "Refund") -> Refunded:
    return Refunded(one.id, one.status or "pending", getattr(one, "failure_reason", None))


def _charged(one: "PaymentIntent") -> Charged:
    fault = one.to_dict().get("last_payment_error") or {}
    error = fault.get("decline_code") or fault.get("code")
    return Charged(one.id, one.status, datetime.fromtimestamp(one.created, UTC), error)


def _has_metadata(one: "Refund | PaymentIntent", metadata: Mapping[str, str]) -> bool:
    borne = one.to_dict().get("metadata") or {}
    return all(borne.get(name) == value for name, value in metadata.items())


def _made(call: "Callable[[StripeClient], T]") -> T:
    configured = settings.current()
    if configured.stripe_secret_key is None:
        raise ProviderRefused("not_configured")
    # A fifth of a second at import: only where a call is made.
    import stripe

    from leadgen.payments.adapters.stripe_transport import StripeCalls

    client = stripe.StripeClient(
        configured.stripe_secret_key,
        base_addresses={"api": configured.stripe_api_base},
        http_client=StripeCalls(CALL_SECONDS),
    )
    try:
        return call(client)
    except http_client.EgressFailed as failure:
        raise ProviderLater(str(failure)) from failure
    except (stripe.CardError, stripe.InvalidRequestError) as answer:
        raise ProviderRefused(_code(answer)) from answer
    except stripe.StripeError as answer:  # its own faults, too many calls, a key that is worth nothing
        raise ProviderLater(f"Stripe: {answer.http_status}, {_code(answer)}") from answer
    except (ValueError, AttributeError, TypeError, KeyError) as error:  # a 2xx that is not as agreed
        raise ProviderLater("Stripe's answer does not read") from error


def _code(answer: "Any") -> str:
    # Its text may repeat a card's digits or a name: only the code is kept.
    given = getattr(answer.error, "decline_code", None) or answer.code or type(answer).__name__
    return str(given)[:64]
