"""Refunds money from the wallet the way it came: reserved first, then paid or released."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection

from leadgen.audit_trail import service as audit_trail_service
from leadgen.audit_trail.domain import Actor
from leadgen.buyers import store as buyers_store
from leadgen.kernel import amounts
from leadgen.kernel.errors import Refusal
from leadgen.kernel.events import Event, Topic
from leadgen.kernel.trace import Json
from leadgen.ledger import domain as ledger_domain
from leadgen.ledger import store as ledger_store
from leadgen.ledger.domain import Account, Kind, Transaction
from leadgen.payments.domain import payments as domain
from leadgen.payments.store import payments as payments_store
from leadgen.payments.store import refunds
from leadgen.payments.store.refunds import NewRefund, Refund
from leadgen.receivables.service import debts

PROVIDER = "stripe"
"""The methods whose provider pays back what it has received, and reports when it has."""


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
    """Give money of a payment back. One of the provider's is pending until that confirms it; what a person pays back is
    paid now. Locks the buyer. The same key again is the same refund.

    Raises Refusal 400 ``invalid_amount``, 404, and 409 ``payment_not_succeeded``, ``refund_exceeds_payment``,
    ``refund_exceeds_wallet`` or ``refund_differs``.
    """
    buyer_id = payments_store.buyer_of(conn, payment_id)
    if buyer_id is None:
        raise Refusal.missing("payment", payment_id)
    buyers_store.lock(conn, [buyer_id])
    payment = payments_store.get(conn, payment_id)
    assert payment is not None  # it was there, and payments are never deleted
    amount = amounts.exact(amount, payment.currency)
    before = None if idempotency_key is None else refunds.get(conn, idempotency_key=idempotency_key)
    if before is not None:
        if (before.payment_id, before.amount) != (payment_id, amount):
            raise _differs()
        return _state(before, is_repeated=True)
    money = ledger_store.money(conn, [buyer_id])[buyer_id]
    domain.refuse_refund(payment, amount, wallet=money.wallet, pending=money.pending)
    new = NewRefund(
        buyer_id=buyer_id,
        payment_id=payment_id,
        amount=amount,
        currency=payment.currency,
        is_paid=payment.method != PROVIDER,
        reason=reason,
        reference=reference,
        actor=actor.name,
        idempotency_key=idempotency_key,
    )
    refund = _added(conn, new, now)
    row = ("refund", refund.refund_id)
    audit_trail_service.record(conn, actor, "refund.request", row, None, _about(refund, new), now=now)
    wake_up = Event(Topic.REFUND_REQUESTED, now, ids={"refund_id": refund.refund_id})
    return _state(refund, is_repeated=False, events=() if new.is_paid else (wake_up,))


def _about(refund: Refund, new: NewRefund) -> dict[str, Json]:
    return {
        "payment_id": new.payment_id,
        "amount": str(new.amount),
        "currency": new.currency,
        "status": refund.status,
        "reason": new.reason,
        "reference": new.reference,
    }


def _added(conn: Connection[Any], new: NewRefund, now: datetime) -> Refund:
    refund_id = refunds.add(conn, new, now=now)
    if refund_id is None:  # the key was taken meanwhile, under another buyer's lock
        raise _differs()
    status = "succeeded" if new.is_paid else "pending"
    refund = Refund(refund_id, new.buyer_id, new.payment_id, new.amount, new.currency, status, None)
    moves = [_posting(refund, "refund_requested", "wallet", "refunds_due", new.actor, now)]
    if new.is_paid:
        moves.append(_posting(refund, "refund_paid", "refunds_due", "cash", new.actor, now))
    ledger_store.post(conn, moves)
    return refund


def succeed(conn: Connection[Any], refund_id: int, *, provider_id: str, now: datetime) -> Refunding:
    """The provider has paid a refund. Said again, nothing moves; one that has failed stays so: the provider has its
    money back. Raises Refusal 404.
    """
    refund = _locked(conn, refund_id)
    if refund.status != "pending":
        return _state(refund, is_repeated=True)
    refunds.settle(conn, refund_id, provider_id=provider_id, error=None, now=now)
    ledger_store.post(conn, [_posting(refund, "refund_paid", "refunds_due", "cash", f"provider:{PROVIDER}", now)])
    return _state(refund, status="succeeded", is_repeated=False)


def fail(conn: Connection[Any], refund_id: int, *, error: str, now: datetime) -> Refunding:
    """The provider cannot pay a refund, or has its money back after it had: it is in the wallet again, where debts may
    take it. Said again, nothing moves. Raises Refusal 404.
    """
    refund = _locked(conn, refund_id)
    if refund.status == "failed":
        return _state(refund, is_repeated=True)
    actor = f"provider:{PROVIDER}"
    comes_from: Account = "refunds_due" if refund.status == "pending" else "cash"
    refunds.settle(conn, refund_id, provider_id=None, error=error, now=now)
    ledger_store.post(conn, [_posting(refund, "refund_failed", comes_from, "wallet", actor, now)])
    debts.from_wallet(conn, refund.buyer_id, actor=actor, now=now)
    return _state(refund, status="failed", is_repeated=False)


def _locked(conn: Connection[Any], refund_id: int) -> Refund:
    found = refunds.get(conn, refund_id=refund_id)
    if found is None:
        raise Refusal.missing("refund", refund_id)
    buyers_store.lock(conn, [found.buyer_id])
    refund = refunds.get(conn, refund_id=refund_id)
    assert refund is not None  # it was there, and refunds are never deleted
    return refund


def _posting(refund: Refund, kind: Kind, debit: Account, credit: Account, actor: str, now: datetime) -> Transaction:
    return Transaction(
        key=f"{kind}:{refund.refund_id}",
        kind=kind,
        currency=refund.currency,
        occurred_at=now,
        actor=actor,
        entries=ledger_domain.entries((debit, credit, refund.amount)),
        buyer_id=refund.buyer_id,
        payment_id=refund.payment_id,
    )


def _state(
    refund: Refund, *, is_repeated: bool, status: str | None = None, events: tuple[Event, ...] = ()
) -> Refunding:
    return Refunding(
        refund_id=refund.refund_id,
        payment_id=refund.payment_id,
        buyer_id=refund.buyer_id,
        amount=refund.amount,
        currency=refund.currency,
        status=status or refund.status,
        is_repeated=is_repeated,
        events=events,
    )


def _differs() -> Refusal:
    return Refusal(
        409,
        "refund_differs",
        "a refund of another payment or amount has this key: one Idempotency-Key names one refund",
    )
