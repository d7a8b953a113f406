"""Money that goes back the way it came: out of the wallet, first promised, then paid or not."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection

from leadgen.domain.events import Event
from leadgen.operations.acting import Actor


@dataclass(frozen=True)
class Refunding:
    """How a refund stands; ``is_repeated`` is that it stood so before. The events are the caller's to announce."""

    refund_id: int
    payment_id: int
    buyer_id: int
    amount: Decimal
    currency: str
    status: str
    is_repeated: bool
    events: tuple[Event, ...] = ()


def request(
    conn: Connection[Any],
    payment_id: int,
    amount: Decimal,
    *,
    reason: str,
    actor: Actor,
    idempotency_key: str | None = None,
    reference: str | None = None,
    now: datetime,
) -> Refunding:
    """Give money of a payment back. One of the provider's is pending until that says so; what a person pays back is
    paid now. Locks the buyer. Raises Refusal 400, 404 and 409.
    """
    raise NotImplementedError


def succeed(conn: Connection[Any], refund_id: int, *, provider_id: str, now: datetime) -> Refunding:
    """The provider has paid a refund. Said again, nothing moves. Raises Refusal 404 and 409 (it had failed)."""
    raise NotImplementedError


def fail(conn: Connection[Any], refund_id: int, *, error: str, now: datetime) -> Refunding:
    """The provider cannot pay a refund, or has its money back: it is in the wallet again. Said again, nothing moves.
    Raises Refusal 404.
    """
    raise NotImplementedError
