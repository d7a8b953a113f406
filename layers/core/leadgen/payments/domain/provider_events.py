"""Parses Stripe's events to the kinds we act on: payment succeeded or failed, refund, dispute, saved card.

An event is read once, when it comes, and what is kept of it is enough to act on it then or later.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from leadgen.kernel.model import Model
from leadgen.kernel.text import StorableText

Id = Annotated[StorableText, Field(min_length=1, max_length=200)]
Code = Annotated[StorableText, Field(min_length=1, max_length=64)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Minor = Annotated[int, Field(ge=0)]


class _Ours(Model):
    """Which rows of ours it is about, as we wrote into its metadata; None where they are absent."""

    buyer_id: int | None = None
    invoice_id: int | None = None
    payment_id: int | None = None
    refund_id: int | None = None


class PaymentSucceeded(_Ours):
    """Money has come: ``payment`` is the provider's id of it, in every event about it."""

    kind: Literal["payment_succeeded"] = "payment_succeeded"
    payment: Id
    amount: Minor
    currency: Currency
    customer: Id | None = None


class PaymentFailed(_Ours):
    """Money has not come, and why. It may yet: on the provider's page another card may be tried."""

    kind: Literal["payment_failed"] = "payment_failed"
    payment: Id | None = None
    code: Code


class RefundChanged(_Ours):
    """A refund's state at the provider. One that failed never succeeds; one that succeeded may fail for a month."""

    kind: Literal["refund_changed"] = "refund_changed"
    refund: Id
    payment: Id | None = None
    amount: Minor
    currency: Currency
    status: Code
    error: Code | None = None


class DisputeChanged(_Ours):
    """A chargeback's state at the provider; ``moves``: it has taken the money, an inquiry before it has not."""

    kind: Literal["dispute_changed"] = "dispute_changed"
    dispute: Id
    payment: Id | None = None
    amount: Minor
    currency: Currency
    status: Code
    reason: Code | None = None
    opened_at: Annotated[datetime, Field(strict=False)]
    evidence_due_by: Annotated[datetime | None, Field(strict=False)] = None
    moves: bool
    closed: bool


class MethodSaved(_Ours):
    """A buyer has left a card to be charged."""

    kind: Literal["method_saved"] = "method_saved"
    method: Id
    customer: Id


Facts = Annotated[
    PaymentSucceeded | PaymentFailed | RefundChanged | DisputeChanged | MethodSaved, Field(discriminator="kind")
]
_FACTS: TypeAdapter[Facts] = TypeAdapter(Facts)


class EventUnreadable(ValueError):
    """A signed event that is not as the provider documents it."""


class ProviderEvent(Model):
    """An event worth keeping: ``object_id`` is the provider's id of what it is about."""

    event_id: Id
    type: Annotated[str, Field(min_length=1, max_length=100)]
    object_id: Id
    created_at: datetime
    facts: Facts


def stored(facts: object) -> Facts:
    """``payment_events.facts``, read again. Raises EventUnreadable."""
    try:
        return _FACTS.validate_python(facts)
    except ValidationError as error:
        raise EventUnreadable(str(error.errors()[0]["type"])) from None


def read(event: Mapping[str, Any]) -> ProviderEvent | None:
    """An event's facts; None for one that is not acted on. Raises EventUnreadable."""
    reader = READERS.get(str(event.get("type")))
    if reader is None:
        return None
    try:
        about: Mapping[str, Any] = event["data"]["object"]
        facts = reader(str(event["type"]), about)
        if facts is None:
            return None
        return ProviderEvent(
            event_id=event["id"],
            type=event["type"],
            object_id=about["id"],
            created_at=_time(event["created"]),
            facts=facts,
        )
    except (KeyError, TypeError, AttributeError, OverflowError, OSError, ValueError) as error:
        raise EventUnreadable(f"{type(error).__name__} in an event {event.get('type')}") from None


def _payment_intent(kind: str, about: Mapping[str, Any]) -> Facts:
    if kind == "payment_intent.succeeded":
        return PaymentSucceeded(
            payment=about["id"],
            amount=about["amount_received"],
            currency=about["currency"].upper(),
            customer=about.get("customer"),
            **_ours(about),
        )
    error = about.get("last_payment_error") or {}
    code = error.get("decline_code") or error.get("code") or kind.rpartition(".")[2]
    return PaymentFailed(payment=about["id"], code=code[:64], **_ours(about))


def _session(kind: str, about: Mapping[str, Any]) -> Facts | None:
    if about.get("mode") != "payment":
        return None  # of a card that was left, setup_intent.succeeded holds more
    if kind == "checkout.session.expired":
        return PaymentFailed(code="expired", **_ours(about))
    if kind == "checkout.session.async_payment_failed":
        return PaymentFailed(payment=about.get("payment_intent"), code="async_payment_failed", **_ours(about))
    if about["payment_status"] != "paid" or about.get("payment_intent") is None:
        return None  # the money is under way: another event follows when it has come
    return PaymentSucceeded(
        payment=about["payment_intent"],
        amount=about["amount_total"],
        currency=about["currency"].upper(),
        customer=about.get("customer"),
        **_ours(about),
    )


def _refund(kind: str, about: Mapping[str, Any]) -> Facts:
    return RefundChanged(
        refund=about["id"],
        payment=about.get("payment_intent"),
        amount=about["amount"],
        currency=about["currency"].upper(),
        status=about.get("status") or "pending",
        error=about.get("failure_reason"),
        **_ours(about),
    )


def _dispute(kind: str, about: Mapping[str, Any]) -> Facts:
    due_by = (about.get("evidence_details") or {}).get("due_by")
    return DisputeChanged(
        dispute=about["id"],
        payment=about.get("payment_intent"),
        amount=about["amount"],
        currency=about["currency"].upper(),
        status=about["status"],
        reason=about.get("reason"),
        opened_at=_time(about["created"]),
        evidence_due_by=None if due_by is None else _time(due_by),
        moves=not about["status"].startswith("warning_"),
        closed=about["status"] in ("won", "lost"),
    )


def _setup(kind: str, about: Mapping[str, Any]) -> Facts:
    return MethodSaved(method=about["payment_method"], customer=about["customer"], **_ours(about))


READERS = {
    "payment_intent.succeeded": _payment_intent,
    "payment_intent.payment_failed": _payment_intent,
    "payment_intent.canceled": _payment_intent,
    "checkout.session.completed": _session,
    "checkout.session.async_payment_succeeded": _session,
    "checkout.session.async_payment_failed": _session,
    "checkout.session.expired": _session,
    "refund.created": _refund,
    "refund.updated": _refund,
    "refund.failed": _refund,
    "charge.refund.updated": _refund,
    "charge.dispute.created": _dispute,
    "charge.dispute.updated": _dispute,
    "charge.dispute.funds_withdrawn": _dispute,
    "charge.dispute.funds_reinstated": _dispute,
    "charge.dispute.closed": _dispute,
    "setup_intent.succeeded": _setup,
}
"""By the types of event that the provider is to send."""


def _ours(about: Mapping[str, Any]) -> dict[str, Any]:
    """The ids that we wrote into its metadata. What somebody else wrote there names nothing."""
    metadata = about.get("metadata") or {}
    return {name: _number(metadata.get(name)) for name in _Ours.model_fields}


def _number(text: object) -> int | None:
    if isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) <= 9:
        return int(text)
    return None


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
