"""Records payments and what they paid."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.payments.domain.payments import Payment, Split


def known(
    conn: Connection[Any], *, payment_id: int | None, provider_id: str | None, idempotency_key: str | None
) -> list[int]:
    """The payments that have this id, this id of the provider's or this key."""
    rows = conn.execute(
        """
        SELECT id FROM payments
         WHERE id = %(id)s::bigint OR provider_id = %(provider)s::text OR idempotency_key = %(key)s::text
         ORDER BY id
        """,
        {"id": payment_id, "provider": provider_id, "key": idempotency_key},
    )
    return [row[0] for row in rows]


@dataclass(frozen=True)
class NewPayment:
    """A payment about to be recorded."""

    buyer_id: int
    invoice_id: int | None
    method: str
    amount: Decimal
    currency: str
    received_at: datetime
    provider_id: str | None
    reference: str | None
    note: str | None
    actor: str
    idempotency_key: str | None


def add(conn: Connection[Any], new: NewPayment, split: Split) -> int | None:
    """Record a payment that was received; its id, or None where its key or its id of the provider's is taken."""
    row = conn.execute(
        """
        INSERT INTO payments (buyer_id, invoice_id, method, status, amount, currency, received_at, to_invoice, to_debt,
                              to_wallet, provider_id, reference, note, actor, idempotency_key)
        VALUES (%(buyer)s, %(invoice)s, %(method)s::payment_method, 'succeeded', %(amount)s, %(currency)s, %(at)s,
                %(to_invoice)s, %(to_debt)s, %(to_wallet)s, %(provider)s, %(reference)s, %(note)s, %(actor)s, %(key)s)
        ON CONFLICT DO NOTHING
        RETURNING id
        """,
        {
            "buyer": new.buyer_id,
            "invoice": new.invoice_id,
            "method": new.method,
            "amount": new.amount,
            "currency": new.currency,
            "at": new.received_at,
            "to_invoice": split.to_invoice,
            "to_debt": split.to_debt,
            "to_wallet": split.to_wallet,
            "provider": new.provider_id,
            "reference": new.reference,
            "note": new.note,
            "actor": new.actor,
            "key": new.idempotency_key,
        },
    ).fetchone()
    return None if row is None else int(row[0])


def succeed(
    conn: Connection[Any],
    payment_id: int,
    split: Split,
    *,
    invoice_id: int | None,
    provider_id: str | None,
    reference: str | None,
    received_at: datetime,
    now: datetime,
) -> None:
    """A payment that was pending, or had failed, is received."""
    conn.execute(
        """
        UPDATE payments
           SET status = 'succeeded', invoice_id = %(invoice)s, received_at = %(at)s, to_invoice = %(to_invoice)s,
               to_debt = %(to_debt)s, to_wallet = %(to_wallet)s, provider_id = coalesce(%(provider)s, provider_id),
               reference = coalesce(%(reference)s, reference), error = NULL, updated_at = %(now)s
         WHERE id = %(id)s AND status IN ('pending', 'failed')
        """,
        {
            "id": payment_id,
            "invoice": invoice_id,
            "at": received_at,
            "to_invoice": split.to_invoice,
            "to_debt": split.to_debt,
            "to_wallet": split.to_wallet,
            "provider": provider_id,
            "reference": reference,
            "now": now,
        },
    )


def set_last_method(conn: Connection[Any], invoice_id: int, *, method: str, reference: str | None) -> None:
    """Set on an invoice how it was paid last."""
    conn.execute(
        """
        UPDATE invoices SET payment_method = %s::payment_method, transaction_id = coalesce(%s, transaction_id)
         WHERE id = %s
        """,
        (method, reference, invoice_id),
    )


def undo(conn: Connection[Any], payment_id: int, *, now: datetime) -> None:
    """A payment is taken back."""
    conn.execute(
        "UPDATE payments SET status = 'undone', undone_at = %(now)s, updated_at = %(now)s WHERE id = %(id)s",
        {"id": payment_id, "now": now},
    )


def buyer_of(conn: Connection[Any], payment_id: int) -> int | None:
    """Whose a payment is, for its lock; None where there is no such payment."""
    row = conn.execute("SELECT buyer_id FROM payments WHERE id = %s", (payment_id,)).fetchone()
    return None if row is None else int(row[0])


def by_provider(conn: Connection[Any], provider_id: str) -> tuple[int, int] | None:
    """The payment of this id of the provider's, and its buyer's id for the lock."""
    row = conn.execute("SELECT id, buyer_id FROM payments WHERE provider_id = %s", (provider_id,)).fetchone()
    return None if row is None else (int(row[0]), int(row[1]))


def get(conn: Connection[Any], payment_id: int) -> Payment | None:
    """A payment with what became of it; true until the commit where its buyer is locked."""
    with conn.cursor(row_factory=class_row(Payment)) as cursor:
        cursor.execute(
            """
            SELECT p.id AS payment_id, p.buyer_id, p.invoice_id, p.method::text, p.status, p.amount, p.currency,
                   p.to_invoice, p.to_debt, p.to_wallet, p.provider_id,
                   coalesce(r.refunded, 0) AS refunded, coalesce(r.pending, 0) AS refunds_pending,
                   coalesce(c.charged_back, 0) AS charged_back, coalesce(c.reopened, 0) AS reopened
              FROM payments p
             CROSS JOIN LATERAL (
               SELECT sum(amount) FILTER (WHERE status = 'succeeded') AS refunded,
                      sum(amount) FILTER (WHERE status = 'pending') AS pending
                 FROM refunds WHERE payment_id = p.id) AS r
             CROSS JOIN LATERAL (
               SELECT sum(c.amount) FILTER (WHERE c.status <> 'won') AS charged_back,
                      -sum((SELECT sum(s.amount) FROM invoice_settlements s WHERE s.chargeback_id = c.id)) AS reopened
                 FROM chargebacks c WHERE c.payment_id = p.id) AS c
             WHERE p.id = %s
            """,
            (payment_id,),
        )
        return cursor.fetchone()


@dataclass(frozen=True)
class ListedPayment:
    """A payment as it is listed."""

    payment_id: int
    buyer_id: int
    invoice_id: int | None
    invoice_number: str | None
    method: str
    status: str
    amount: Decimal
    currency: str
    to_invoice: Decimal
    to_debt: Decimal
    to_wallet: Decimal
    refunded: Decimal
    charged_back: Decimal
    created_at: datetime
    received_at: datetime | None
    reference: str | None
    error: str | None


def listed(
    conn: Connection[Any], *, buyer_id: int | None = None, invoice_id: int | None = None, limit: int
) -> list[ListedPayment]:
    """Payments of a buyer, for an invoice, or all; the latest first. Of refunds only those that are paid count."""
    with conn.cursor(row_factory=class_row(ListedPayment)) as cursor:
        cursor.execute(
            """
            SELECT p.id AS payment_id, p.buyer_id, p.invoice_id, i.invoice_number, p.method::text, p.status, p.amount,
                   p.currency, p.to_invoice, p.to_debt, p.to_wallet, p.created_at, p.received_at, p.reference, p.error,
                   coalesce((SELECT sum(r.amount) FROM refunds r
                              WHERE r.payment_id = p.id AND r.status = 'succeeded'), 0) AS refunded,
                   coalesce((SELECT sum(c.amount) FROM chargebacks c
                              WHERE c.payment_id = p.id AND c.status <> 'won'), 0) AS charged_back
              FROM payments p LEFT JOIN invoices i ON i.id = p.invoice_id
             WHERE (%(buyer)s::int IS NULL OR p.buyer_id = %(buyer)s)
               AND (%(invoice)s::int IS NULL OR p.invoice_id = %(invoice)s)
             ORDER BY p.id DESC LIMIT %(limit)s
            """,
            {"buyer": buyer_id, "invoice": invoice_id, "limit": limit},
        )
        return cursor.fetchall()
