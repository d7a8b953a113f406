"""Reads buyers and invoices as the payment provider needs them; keeps its customer and card ids."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True)
class Payer:
    """A buyer, and who it is at the provider."""

    buyer_id: int
    created_at: datetime
    name: str
    email: str
    currency: str
    customer: str | None
    method: str | None


def get(conn: Connection[Any], buyer_id: int) -> Payer | None:
    """A buyer by id."""
    with conn.cursor(row_factory=class_row(Payer)) as cursor:
        cursor.execute(
            """
            SELECT id AS buyer_id, created_at, coalesce(company, name) AS name, email, currency,
                   provider_customer_id AS customer, payment_method_id AS method
              FROM buyers WHERE id = %s
            """,
            (buyer_id,),
        )
        return cursor.fetchone()


def whose(
    conn: Connection[Any],
    *,
    buyer_id: int | None,
    invoice_id: int | None,
    payment_id: int | None,
    customer: str | None,
) -> int | None:
    """The buyer that money is from, by whatever of this is known: the first that names one."""
    row = conn.execute(
        """
        SELECT coalesce((SELECT id FROM buyers WHERE id = %(buyer)s::int),
                        (SELECT buyer_id FROM invoices WHERE id = %(invoice)s::int),
                        (SELECT buyer_id FROM payments WHERE id = %(payment)s::bigint),
                        (SELECT min(id) FROM buyers WHERE provider_customer_id = %(customer)s::text))
        """,
        {"buyer": buyer_id, "invoice": invoice_id, "payment": payment_id, "customer": customer},
    ).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def keep_customer(conn: Connection[Any], buyer_id: int, customer: str, *, now: datetime) -> None:
    """Keep who a buyer is at the provider, unless that is known."""
    conn.execute(
        """
        UPDATE buyers SET provider_customer_id = %s, updated_at = %s WHERE id = %s AND provider_customer_id IS NULL
        """,
        (customer, now, buyer_id),
    )


def keep_method(
    conn: Connection[Any], buyer_id: int, *, customer: str, method: str, saved_at: datetime, now: datetime
) -> bool:
    """Keep the card that a buyer has left, unless it has left another since; whether it is kept."""
    changed = conn.execute(
        """
        UPDATE buyers
           SET provider_customer_id = %(customer)s, payment_method_id = %(method)s, payment_method = 'stripe',
               payment_method_saved_at = %(at)s, updated_at = %(now)s
         WHERE id = %(buyer)s
           AND (coalesce(payment_method_saved_at, '-infinity'), coalesce(payment_method_id, ''))
               < (%(at)s::timestamptz, %(method)s::text)
        """,
        {"buyer": buyer_id, "customer": customer, "method": method, "at": saved_at, "now": now},
    )
    return changed.rowcount > 0


@dataclass(frozen=True)
class Payable:
    """An issued invoice as its payer sees it. ``seller`` is as it was issued; ``settlements`` counts what changed what
    is due since.
    """

    invoice_id: int
    buyer_id: int
    number: str
    status: str
    currency: str
    timezone: str
    issued_at: datetime
    due_date: datetime
    total: Decimal
    due: Decimal
    seller: dict[str, Any]
    customer: str | None
    settlements: int


def payable(conn: Connection[Any], invoice_id: int) -> Payable | None:
    """An invoice by id; None for a draft, too."""
    with conn.cursor(row_factory=class_row(Payable)) as cursor:
        cursor.execute(
            """
            SELECT i.id AS invoice_id, i.buyer_id, i.invoice_number AS number, i.status::text, i.currency, i.timezone,
                   i.issued_at, i.due_date, i.total_amount AS total, i.amount_due AS due, i.seller,
                   b.provider_customer_id AS customer,
                   (SELECT count(*) FROM invoice_settlements s WHERE s.invoice_id = i.id) AS settlements
              FROM invoices i JOIN buyers b ON b.id = i.buyer_id
             WHERE i.id = %s AND i.issued_at IS NOT NULL
            """,
            (invoice_id,),
        )
        return cursor.fetchone()
