"""Records refunds and their outcomes."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True)
class Refund:
    """A refund on record."""

    refund_id: int
    buyer_id: int
    payment_id: int
    amount: Decimal
    currency: str
    status: str
    provider_id: str | None


def get(conn: Connection[Any], *, refund_id: int | None = None, idempotency_key: str | None = None) -> Refund | None:
    """The refund of this id or key; true until the commit where its buyer is locked."""
    with conn.cursor(row_factory=class_row(Refund)) as cursor:
        cursor.execute(
            """
            SELECT id AS refund_id, buyer_id, payment_id, amount, currency, status, provider_id FROM refunds
             WHERE id = %s::bigint OR idempotency_key = %s::text
            """,
            (refund_id, idempotency_key),
        )
        return cursor.fetchone()


@dataclass(frozen=True)
class NewRefund:
    """A refund as it is recorded; one that is not ``is_paid`` is on its way."""

    buyer_id: int
    payment_id: int
    amount: Decimal
    currency: str
    is_paid: bool
    reason: str
    reference: str | None
    actor: str
    idempotency_key: str | None


def add(conn: Connection[Any], new: NewRefund, *, now: datetime) -> int | None:
    """Record a refund, paid or on its way; its id, or None where its key is taken."""
    row = conn.execute(
        """
        INSERT INTO refunds (buyer_id, payment_id, amount, currency, status, settled_at, reason, reference, actor,
                             idempotency_key)
        VALUES (%(buyer)s, %(payment)s, %(amount)s, %(currency)s,
                CASE WHEN %(paid)s THEN 'succeeded' ELSE 'pending' END,
                CASE WHEN %(paid)s THEN %(now)s::timestamptz END, %(reason)s, %(reference)s, %(actor)s, %(key)s)
        ON CONFLICT DO NOTHING
        RETURNING id
        """,
        {
            "buyer": new.buyer_id,
            "payment": new.payment_id,
            "amount": new.amount,
            "currency": new.currency,
            "paid": new.is_paid,
            "now": now,
            "reason": new.reason,
            "reference": new.reference,
            "actor": new.actor,
            "key": new.idempotency_key,
        },
    ).fetchone()
    return None if row is None else int(row[0])


def settle(conn: Connection[Any], refund_id: int, *, provider_id: str | None, error: str | None, now: datetime) -> None:
    """A refund has ended: paid, or failed where there is an error."""
    conn.execute(
        """
        UPDATE refunds
           SET status = CASE WHEN %(error)s::text IS NULL THEN 'succeeded' ELSE 'failed' END,
               error = left(%(error)s, 200), provider_id = coalesce(%(provider)s, provider_id),
               settled_at = %(now)s, updated_at = %(now)s
         WHERE id = %(id)s
        """,
        {"id": refund_id, "provider": provider_id, "error": error, "now": now},
    )


@dataclass(frozen=True)
class ListedRefund:
    """A refund as it is listed."""

    refund_id: int
    buyer_id: int
    payment_id: int
    amount: Decimal
    currency: str
    status: str
    reason: str
    reference: str | None
    created_at: datetime
    settled_at: datetime | None
    error: str | None


def listed(conn: Connection[Any], *, buyer_id: int | None, limit: int) -> list[ListedRefund]:
    """Refunds of a buyer, or all; the latest first."""
    with conn.cursor(row_factory=class_row(ListedRefund)) as cursor:
        cursor.execute(
            """
            SELECT id AS refund_id, buyer_id, payment_id, amount, currency, status, reason, reference, created_at,
                   settled_at, error
              FROM refunds WHERE %(buyer)s::int IS NULL OR buyer_id = %(buyer)s
             ORDER BY id DESC LIMIT %(limit)s
            """,
            {"buyer": buyer_id, "limit": limit},
        )
        return cursor.fetchall()
