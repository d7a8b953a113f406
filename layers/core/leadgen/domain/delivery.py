"""Delivery: what the buyer is sent, how it is signed, and what follows from the answer."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

import simplejson

Channel = Literal["webhook", "email"]

EVENT = "lead.delivered"
USER_AGENT = "LeadGen/1.0"

# Seconds before the second and the third attempt, in units of WEBHOOK_RETRY_DELAY; later ones keep the last step.
RETRY_STEPS = (5, 15)


@dataclass(frozen=True)
class Parcel:
    """A claimed lead with the contact data its buyer pays for, and where it goes."""

    delivery_id: str
    lead_id: int
    buyer_id: int
    trace_id: str | None
    channel: Channel
    attempt: int
    received_at: datetime
    delivered_at: datetime
    name: str
    phone: str
    email: str
    postal_code: str
    message: str | None
    source: str
    price: Decimal
    webhook_url: str | None
    webhook_secret: str | None
    email_to: str | None


@dataclass(frozen=True)
class Attempt:
    """How one attempt went. ``error`` is a short cause; never a body, a header or personal data."""

    taken: bool
    milliseconds: int
    http_status: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class Taken:
    """The buyer has the lead."""


@dataclass(frozen=True)
class TryAgain:
    """Another attempt on ``channel`` after ``delay_seconds``."""

    channel: Channel
    delay_seconds: float


@dataclass(frozen=True)
class Review:
    """No channel is left: an operator decides."""

    reason: str


def webhook_body(parcel: Parcel) -> bytes:
    """The specified payload; the same parcel always gives the same bytes."""
    payload = {
        "event": EVENT,
        "data": {
            "lead_id": parcel.lead_id,
            "received_at": _instant(parcel.received_at),
            "delivered_at": _instant(parcel.delivered_at),
            "contact": {
                "name": parcel.name,
                "phone": parcel.phone,
                "email": parcel.email,
                "zip": parcel.postal_code,
            },
            "details": {"message": parcel.message, "source": parcel.source},
            "metadata": {"price": parcel.price, "buyer_id": parcel.buyer_id},
        },
    }
    return simplejson.dumps(payload, use_decimal=True, ensure_ascii=False, separators=(",", ":")).encode()


def webhook_headers(parcel: Parcel, body: bytes) -> dict[str, str]:
    """The specified headers; signed only where the buyer has a secret."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "X-LeadGen-Event": EVENT,
        "X-LeadGen-Delivery-Id": parcel.delivery_id,
    }
    if parcel.webhook_secret:
        headers["X-Webhook-Signature"] = sign(parcel.webhook_secret, body)
    return headers


def sign(secret: str, body: bytes) -> str:
    """HMAC-SHA256 of the raw body, in hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def email_subject(parcel: Parcel) -> str:
    """Names no person: subjects are shown on locked screens and kept in mail logs."""
    return f"New lead #{parcel.lead_id}"


def email_text(parcel: Parcel) -> str:
    """The same facts as the webhook's, for a person to read."""
    lines = [
        f"Lead #{parcel.lead_id}, received {_instant(parcel.received_at)}",
        "",
        f"Name:        {parcel.name}",
        f"Phone:       {parcel.phone}",
        f"E-mail:      {parcel.email}",
        f"Postal code: {parcel.postal_code}",
        f"Message:     {parcel.message or '-'}",
        "",
        f"Price: {parcel.price}",
        f"Delivery: {parcel.delivery_id}",
    ]
    return "\n".join(lines) + "\n"


def next_step(
    parcel: Parcel, attempt: Attempt, *, most_attempts: int, retry_unit_seconds: float
) -> Taken | TryAgain | Review:
    """What follows an attempt: three on the webhook, then as many by e-mail, then the review queue."""
    if attempt.taken:
        return Taken()
    if parcel.attempt < most_attempts:
        step = RETRY_STEPS[min(parcel.attempt, len(RETRY_STEPS)) - 1]
        return TryAgain(parcel.channel, step * retry_unit_seconds)
    if parcel.channel == "webhook" and parcel.email_to:
        return TryAgain("email", 0)
    return Review("webhook_failed" if parcel.channel == "webhook" else "email_failed")


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
