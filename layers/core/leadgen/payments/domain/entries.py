"""Reads the payments and refunds that people enter."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError

from leadgen.kernel.errors import Refusal
from leadgen.kernel.model import Model
from leadgen.kernel.model_errors import describe
from leadgen.kernel.text import StorableText
from leadgen.payments.domain.payments import EnteredMethod

_KEY = re.compile(r"[\x21-\x7e]{1,128}")
# Clocks differ, and so do days around the world.
_AHEAD = timedelta(days=1)
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)


def _instant(written: object) -> object:
    if not isinstance(written, str):
        return written
    try:
        instant = datetime.fromisoformat(written)
    except ValueError:
        raise ValueError("must be a day or an instant such as 2026-06-17 or 2026-06-17T12:00:00Z") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


class PaymentEntry(Model):
    """Money that came in; ``amount`` is read with the currency, which is the buyer's where it is not given."""

    amount: object
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    method: EnteredMethod
    received_at: Annotated[datetime, BeforeValidator(_instant)] | None = None
    reference: Annotated[StorableText, Field(min_length=1, max_length=200)] | None = None
    note: Annotated[StorableText, Field(min_length=1, max_length=500)] | None = None


class RefundEntry(Model):
    """Money that is to go back."""

    amount: object
    reason: Annotated[StorableText, Field(min_length=1, max_length=200)]
    reference: Annotated[StorableText, Field(min_length=1, max_length=200)] | None = None


def read_payment(fields: Mapping[str, object], *, now: datetime) -> PaymentEntry:
    """A posted payment. Raises Refusal 400."""
    try:
        entry = PaymentEntry.model_validate(dict(fields))
    except ValidationError as error:
        raise Refusal(400, "invalid_request", describe(error, whole="the payment")) from None
    if entry.received_at is not None and entry.received_at > now + _AHEAD:
        raise Refusal(400, "invalid_request", f"received_at: {entry.received_at.isoformat()} is yet to come")
    if entry.received_at is not None and entry.received_at < _FIRST:
        raise Refusal(400, "invalid_request", f"received_at: {entry.received_at.isoformat()} is before {_FIRST.year}")
    return entry


def read_refund(fields: Mapping[str, object]) -> RefundEntry:
    """A posted refund. Raises Refusal 400."""
    try:
        return RefundEntry.model_validate(dict(fields))
    except ValidationError as error:
        raise Refusal(400, "invalid_request", describe(error, whole="the refund")) from None


def read_key(key: str | None) -> str:
    """What makes two posts one payment. Raises Refusal 400 ``invalid_idempotency_key_format``."""
    if key is None or not _KEY.fullmatch(key):
        raise Refusal(
            400,
            "invalid_idempotency_key_format",
            "send a header Idempotency-Key, 1 to 128 printable characters: posting twice with the same one pays once",
        )
    return key
