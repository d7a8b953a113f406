"""Chargebacks: the buyer's bank takes a payment back, and sometimes gives it back again."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection


@dataclass(frozen=True)
class ChargedBack:
    """How a chargeback stands; ``is_repeated`` is that it stood so before."""

    chargeback_id: int
    payment_id: int
    buyer_id: int
    invoice_id: int | None
    status: str
    amount: Decimal
    from_invoice: Decimal
    from_wallet: Decimal
    debt: Decimal
    invoice_status: str | None
    is_repeated: bool


def open_(
    conn: Connection[Any],
    *,
    provider_payment_id: str,
    provider_id: str,
    amount: Decimal,
    currency: str,
    reason: str | None,
    evidence_due_by: datetime | None,
    opened_at: datetime,
    now: datetime,
) -> ChargedBack:
    """Money of a payment is taken back: its invoice is owed it again, then the wallet gives it, and the rest is a debt.
    Locks the buyer. Said again, nothing moves, whatever has become of it since.

    Raises Refusal 404 ``payment_unknown``, 409 ``payment_not_succeeded`` (try again when it has), ``wrong_currency``,
    ``chargeback_differs`` and ``chargeback_exceeds_payment``, 400 ``invalid_amount``.
    """
    raise NotImplementedError


def close(conn: Connection[Any], *, provider_id: str, won: bool, now: datetime) -> ChargedBack:
    """A chargeback has ended: won, its money is here again, like a payment; lost, what is open stays so. Said again,
    nothing moves. Of one that is not known, call ``open_`` first: it may be called however late.

    Raises Refusal 404 ``chargeback_unknown``, 409 ``chargeback_closed`` where it ended otherwise.
    """
    raise NotImplementedError
