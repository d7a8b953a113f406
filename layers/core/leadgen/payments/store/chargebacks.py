"""Reads and writes chargebacks."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.payments.domain.chargebacks import TakenBack


@dataclass(frozen=True)
class Chargeback:
    """A chargeback on record."""

    chargeback_id: int
    buyer_id: int
    payment_id: int
    invoice_id: int | None
    provider_id: str
    status: str
    amount: Decimal
    currency: str
    from_invoice: Decimal
    from_wallet: Decimal
    from_nothing: Decimal
    debt: Decimal


def find(conn: Connection[Any], provider_id: str) -> Chargeback | None:
    """The chargeback of this id of the provider's; true until the commit where its buyer is locked."""
    with conn.cursor(row_factory=class_row(Chargeback)) as cursor:
        cursor.execute(
            """
            SELECT c.id AS chargeback_id, c.buyer_id, c.payment_id, p.invoice_id, c.provider_id, c.status, c.amount,
                   c.currency, c.from_invoice, c.from_wallet, c.from_nothing, c.debt
              FROM chargebacks c JOIN payments p ON p.id = c.payment_id
             WHERE c.provider_id = %s
            """,
            (provider_id,),
        )
        return cursor.fetchone()


def add(
    conn: Connection[Any],
    taken: TakenBack,
    *,
    buyer_id: int,
    payment_id: int,
    provider_id: str,
    amount: Decimal,
    currency: str,
    reason: str | None,
    evidence_due_by: datetime | None,
    opened_at: datetime,
) -> int:
    """Record a chargeback; its id."""
    row = conn.execute(
        """
        INSERT INTO chargebacks (opened_at, buyer_id, payment_id, provider_id, amount, currency, reason,
                                 evidence_due_by, from_invoice, from_wallet, from_nothing, debt)
        VALUES (%(at)s, %(buyer)s, %(payment)s, %(provider)s, %(amount)s, %(currency)s, left(%(reason)s, 100), %(due)s,
                %(from_invoice)s, %(from_wallet)s, %(from_nothing)s, %(from_nothing)s)
        RETURNING id
        """,
        {
            "at": opened_at,
            "buyer": buyer_id,
            "payment": payment_id,
            "provider": provider_id,
            "amount": amount,
            "currency": currency,
            "reason": reason,
            "due": evidence_due_by,
            "from_invoice": taken.from_invoice,
            "from_wallet": taken.from_wallet,
            "from_nothing": taken.from_nothing,
        },
    ).fetchone()
    assert row is not None
    return int(row[0])


def close(conn: Connection[Any], chargeback_id: int, *, won: bool, now: datetime) -> None:
    """An open chargeback has ended."""
    conn.execute(
        """
        UPDATE chargebacks SET status = CASE WHEN %(won)s THEN 'won' ELSE 'lost' END, closed_at = %(now)s,
                               updated_at = %(now)s
         WHERE id = %(id)s AND status = 'open'
        """,
        {"id": chargeback_id, "won": won, "now": now},
    )


@dataclass(frozen=True)
class ListedChargeback:
    """A chargeback as it is listed."""

    chargeback_id: int
    buyer_id: int
    payment_id: int
    invoice_id: int | None
    status: str
    amount: Decimal
    currency: str
    reason: str | None
    debt: Decimal
    opened_at: datetime
    evidence_due_by: datetime | None
    closed_at: datetime | None


def listed(conn: Connection[Any], *, limit: int) -> list[ListedChargeback]:
    """Chargebacks, the open ones first, by when evidence is due."""
    with conn.cursor(row_factory=class_row(ListedChargeback)) as cursor:
        cursor.execute(
            """
            SELECT c.id AS chargeback_id, c.buyer_id, c.payment_id, p.invoice_id, c.status, c.amount, c.currency,
                   c.reason, c.debt, c.opened_at, c.evidence_due_by, c.closed_at
              FROM chargebacks c JOIN payments p ON p.id = c.payment_id
             ORDER BY c.status <> 'open', c.evidence_due_by, c.id DESC LIMIT %s
            """,
            (limit,),
        )
        return cursor.fetchall()
