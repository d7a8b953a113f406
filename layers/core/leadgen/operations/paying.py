"""Money that comes in: what a payment pays of an invoice, of open debts, and what is prepaid with the rest."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from psycopg import Connection

from leadgen.domain.events import Event
from leadgen.operations.acting import Actor

Method = Literal["stripe", "manual", "bank_transfer", "check"]


@dataclass(frozen=True)
class Received:
    """Money received from a buyer: for an invoice, or prepaid. ``payment_id`` is a pending payment that succeeded now."""

    buyer_id: int
    invoice_id: int | None
    method: Method
    amount: Decimal
    currency: str
    received_at: datetime
    actor: str
    reference: str | None = None
    note: str | None = None
    provider_id: str | None = None
    idempotency_key: str | None = None
    payment_id: int | None = None


@dataclass(frozen=True)
class Receipt:
    """What became of a payment; ``is_repeated`` is that it was on record. The events are the caller's to announce."""

    payment_id: int
    invoice_id: int | None
    to_invoice: Decimal
    to_debt: Decimal
    to_wallet: Decimal
    invoice_status: str | None
    is_repeated: bool
    events: tuple[Event, ...] = ()


def receive(conn: Connection[Any], received: Received, *, now: datetime, anyway: bool = False) -> Receipt:
    """Record a payment, once. Locks the buyer. With ``anyway`` the provider has the money already: what the invoice
    cannot take pays debts and is prepaid. Raises Refusal 400, 404 and 409.
    """
    raise NotImplementedError


def undo(conn: Connection[Any], payment_id: int, *, reason: str, actor: Actor, now: datetime) -> Receipt:
    """Take back a payment that was entered by mistake, or a check that bounced. Raises Refusal 404 and 409."""
    raise NotImplementedError
