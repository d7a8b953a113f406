"""Claims and records refunds and automatic payments at the payment provider, each by one worker at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.payments.domain.top_ups import PrepaidAccount


@dataclass(frozen=True)
class DueRefund:
    """A refund to be made of a payment (the provider's id); ``attempts`` counts this one. ``provider_id`` is its own,
    where it is made already.
    """

    refund_id: int
    buyer_id: int
    payment: str
    amount: Decimal
    currency: str
    created_at: datetime
    attempts: int
    provider_id: str | None


def claim_refund(conn: Connection[Any], refund_id: int, *, now: datetime, until: datetime) -> DueRefund | None:
    """Take a refund that waits for the provider and that nobody else is at."""
    with conn.cursor(row_factory=class_row(DueRefund)) as cursor:
        cursor.execute(
            """
            UPDATE refunds r SET attempts = r.attempts + 1, claimed_until = %(until)s
              FROM payments p
             WHERE r.id = %(id)s AND r.status = 'pending' AND (r.claimed_until IS NULL OR r.claimed_until <= %(now)s)
               AND p.id = r.payment_id AND p.provider_id IS NOT NULL
            RETURNING r.id AS refund_id, r.buyer_id, p.provider_id AS payment, r.amount, r.currency, r.created_at,
                      r.attempts, r.provider_id
            """,
            {"id": refund_id, "now": now, "until": until},
        )
        return cursor.fetchone()


def put_off_refund(conn: Connection[Any], refund_id: int, *, until: datetime, provider_id: str | None) -> None:
    """Leave a refund alone until then; its id at the provider, where that is known now."""
    conn.execute(
        """
        UPDATE refunds SET claimed_until = %s, provider_id = coalesce(provider_id, %s)
         WHERE id = %s AND status = 'pending'
        """,
        (until, provider_id, refund_id),
    )


@dataclass(frozen=True)
class TopUp:
    """An automatic payment to be taken from the card a buyer has left; ``attempts`` counts this one."""

    payment_id: int
    buyer_id: int
    amount: Decimal
    currency: str
    customer: str | None
    method: str | None
    created_at: datetime
    attempts: int
    idempotency_key: str


def claim_top_up(conn: Connection[Any], payment_id: int, *, now: datetime, until: datetime) -> TopUp | None:
    """Take an automatic payment that waits for the provider and that nobody else is at."""
    with conn.cursor(row_factory=class_row(TopUp)) as cursor:
        cursor.execute(
            """
            UPDATE payments p
               SET attempts = p.attempts + 1, claimed_until = %(until)s, payment_method_id = b.payment_method_id
              FROM buyers b
             WHERE p.id = %(id)s AND p.is_automatic AND p.status = 'pending'
               AND (p.claimed_until IS NULL OR p.claimed_until <= %(now)s) AND b.id = p.buyer_id
            RETURNING p.id AS payment_id, p.buyer_id, p.amount, p.currency, b.provider_customer_id AS customer,
                      b.payment_method_id AS method, p.created_at, p.attempts, p.idempotency_key
            """,
            {"id": payment_id, "now": now, "until": until},
        )
        return cursor.fetchone()


def put_off_payment(conn: Connection[Any], payment_id: int, *, until: datetime) -> None:
    """Leave an automatic payment alone until then."""
    conn.execute("UPDATE payments SET claimed_until = %s WHERE id = %s AND status = 'pending'", (until, payment_id))


@dataclass(frozen=True)
class PendingPayment:
    """A payment that has not come."""

    payment_id: int
    buyer_id: int
    is_automatic: bool


def pending(conn: Connection[Any], payment_id: int) -> PendingPayment | None:
    """A pending payment by id."""
    with conn.cursor(row_factory=class_row(PendingPayment)) as cursor:
        cursor.execute(
            """
            SELECT id AS payment_id, buyer_id, is_automatic FROM payments WHERE id = %s AND status = 'pending'
            """,
            (payment_id,),
        )
        return cursor.fetchone()


def fail_payment(conn: Connection[Any], payment_id: int, error: str, *, now: datetime) -> bool:
    """A pending payment will not come; whether it was pending."""
    changed = conn.execute(
        """
        UPDATE payments SET status = 'failed', error = left(%s, 200), updated_at = %s
         WHERE id = %s AND status = 'pending'
        """,
        (error, now, payment_id),
    )
    return changed.rowcount > 0


def fits(conn: Connection[Any], payment_id: int, *, buyer_id: int, amount: Decimal, currency: str) -> bool:
    """Whether a payment waits for just this money."""
    row = conn.execute(
        """
        SELECT true FROM payments
         WHERE id = %s AND buyer_id = %s AND amount = %s AND currency = %s AND method = 'stripe'
           AND invoice_id IS NULL AND status IN ('pending', 'failed')
        """,
        (payment_id, buyer_id, amount, currency),
    ).fetchone()
    return row is not None


@dataclass(frozen=True)
class Known:
    """A refund on record that the provider speaks of."""

    refund_id: int
    status: str


def refund_of(
    conn: Connection[Any], *, provider_id: str, refund_id: int | None, payment: str | None, amount: Decimal
) -> Known | None:
    """The refund with this id of the provider's; or of this id of ours, of this payment and amount, with none yet."""
    with conn.cursor(row_factory=class_row(Known)) as cursor:
        cursor.execute(
            """
            SELECT r.id AS refund_id, r.status FROM refunds r JOIN payments p ON p.id = r.payment_id
             WHERE r.provider_id = %(provider)s
                OR (r.id = %(id)s::bigint AND r.provider_id IS NULL AND p.provider_id = %(payment)s::text
                    AND r.amount = %(amount)s)
             ORDER BY r.provider_id IS NULL LIMIT 1
            """,
            {"provider": provider_id, "id": refund_id, "payment": payment, "amount": amount},
        )
        return cursor.fetchone()


@dataclass(frozen=True)
class PendingCall:
    """What waits for the provider: a refund or an automatic payment, by its id."""

    kind: str
    id: int
    buyer_id: int


def pending_calls(conn: Connection[Any], *, now: datetime, since: datetime, limit: int) -> list[PendingCall]:
    """Refunds and automatic payments that nobody is at: those never taken are there since before ``since``."""
    with conn.cursor(row_factory=class_row(PendingCall)) as cursor:
        cursor.execute(
            """
            SELECT kind, id, buyer_id FROM (
              SELECT 'refund' AS kind, id, buyer_id, created_at, claimed_until FROM refunds
               WHERE status = 'pending'
              UNION ALL
              SELECT 'top_up', id, buyer_id, created_at, claimed_until FROM payments
               WHERE status = 'pending' AND is_automatic) AS waiting
             WHERE coalesce(claimed_until <= %(now)s, created_at <= %(since)s)
             ORDER BY created_at LIMIT %(limit)s
            """,
            {"now": now, "since": since, "limit": limit},
        )
        return cursor.fetchall()


def accounts(conn: Connection[Any], buyer_ids: Sequence[int]) -> list[tuple[PrepaidAccount, object]]:
    """Prepaid money of buyers that are topped up by themselves, with their billing terms as stored."""
    rows = conn.execute(
        """
        SELECT b.id, b.currency, b.is_active, w.balance, b.pending_amount,
               b.payment_method_id IS NOT NULL AND b.provider_customer_id IS NOT NULL,
               coalesce(last.status = 'pending', false),
               CASE WHEN last.status = 'failed' AND last.payment_method_id = b.payment_method_id
                    THEN last.updated_at END, last.error,
               b.billing
          FROM buyers b
          JOIN wallets w ON w.buyer_id = b.id
          LEFT JOIN LATERAL (
            SELECT p.status, p.updated_at, p.payment_method_id, p.error FROM payments p
             WHERE p.buyer_id = b.id AND p.is_automatic ORDER BY p.id DESC LIMIT 1) AS last ON true
         WHERE b.id = ANY(%s) AND b.billing ? 'auto_top_up'
         ORDER BY b.id
        """,
        (sorted(set(buyer_ids)),),
    )
    return [(PrepaidAccount(*row[:9]), row[9]) for row in rows]


def below(conn: Connection[Any], *, retried_before: datetime, for_good: Sequence[str], limit: int) -> list[int]:
    """Buyers whose prepaid money may be due to be topped up: less of it is free than their own rule allows, and their
    card was not declined, since ``retried_before`` or ``for_good``.
    """
    rows = conn.execute(
        """
        SELECT b.id FROM buyers b JOIN wallets w ON w.buyer_id = b.id
         WHERE b.billing ? 'auto_top_up' AND b.is_active AND b.payment_method_id IS NOT NULL
           AND w.balance - b.pending_amount < (b.billing -> 'auto_top_up' ->> 'below')::numeric
           AND NOT EXISTS (
             SELECT FROM payments p
              WHERE p.buyer_id = b.id AND p.is_automatic
                AND (p.status = 'pending'
                     OR p.status = 'failed' AND p.payment_method_id = b.payment_method_id
                        AND (p.updated_at > %(since)s OR p.error = ANY(%(for_good)s))))
         ORDER BY b.id LIMIT %(limit)s
        """,
        {"since": retried_before, "for_good": list(for_good), "limit": limit},
    )
    return [row[0] for row in rows]


def add_top_up(
    conn: Connection[Any],
    buyer_id: int,
    amount: Decimal,
    currency: str,
    *,
    actor: str,
    idempotency_key: str,
    is_automatic: bool,
    now: datetime,
) -> int | None:
    """Record money that is to come into a wallet; its id, or None where the key is taken or an automatic one waits."""
    row = conn.execute(
        """
        INSERT INTO payments (created_at, buyer_id, method, status, amount, currency, actor, idempotency_key,
                              is_automatic)
        VALUES (%s, %s, 'stripe', 'pending', %s, %s, %s, %s, %s)
        ON CONFLICT DO NOTHING
        RETURNING id
        """,
        (now, buyer_id, amount, currency, actor, idempotency_key, is_automatic),
    ).fetchone()
    return None if row is None else int(row[0])


@dataclass(frozen=True)
class Requested:
    """A payment that a page was made for."""

    payment_id: int
    amount: Decimal


def by_key(conn: Connection[Any], idempotency_key: str) -> Requested | None:
    """The payment that has a key."""
    with conn.cursor(row_factory=class_row(Requested)) as cursor:
        cursor.execute("SELECT id AS payment_id, amount FROM payments WHERE idempotency_key = %s", (idempotency_key,))
        return cursor.fetchone()
