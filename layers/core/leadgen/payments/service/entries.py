"""Enters payments and refunds for people: audited, and once for each idempotency key."""

from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.audit_trail import service as audit_trail_service
from leadgen.audit_trail.domain import Actor
from leadgen.kernel import amounts
from leadgen.kernel.errors import Refusal
from leadgen.kernel.trace import Json
from leadgen.ledger import store as ledger_store
from leadgen.payments.domain.entries import PaymentEntry, RefundEntry
from leadgen.payments.service import receipts, refunds
from leadgen.payments.service.receipts import Receipt, Received
from leadgen.payments.service.refunds import Refunding
from leadgen.payments.store import payments
from leadgen.receivables.store import settlements


def payment(
    conn: Connection[Any], invoice_id: int, entry: PaymentEntry, *, key: str | None, actor: Actor, now: datetime
) -> Receipt:
    """Record money that came in for an invoice. Raises Refusal as ``receipts.receive`` does."""
    buyer_id = settlements.buyer_of(conn, invoice_id)
    if buyer_id is None:
        raise Refusal.missing("invoice", invoice_id)
    return _enter(conn, buyer_id, invoice_id, entry, key=key, actor=actor, now=now)


def top_up(
    conn: Connection[Any], buyer_id: int, entry: PaymentEntry, *, key: str | None, actor: Actor, now: datetime
) -> Receipt:
    """Record money that a buyer prepaid. Raises Refusal as ``receipts.receive`` does."""
    return _enter(conn, buyer_id, None, entry, key=key, actor=actor, now=now)


def _enter(
    conn: Connection[Any],
    buyer_id: int,
    invoice_id: int | None,
    entry: PaymentEntry,
    *,
    key: str | None,
    actor: Actor,
    now: datetime,
) -> Receipt:
    money = ledger_store.money(conn, [buyer_id]).get(buyer_id)
    if money is None:
        raise Refusal.missing("buyer", buyer_id)
    currency = entry.currency or money.currency
    if currency != money.currency:
        raise receipts.wrong_currency(buyer_id, money.currency, currency)
    received = Received(
        buyer_id=buyer_id,
        invoice_id=invoice_id,
        method=entry.method,
        amount=amounts.read(entry.amount, currency),
        currency=currency,
        received_at=entry.received_at or now,
        actor=actor.name,
        reference=entry.reference,
        note=entry.note,
        idempotency_key=key,
    )
    receipt = receipts.receive(conn, received, now=now)
    if not receipt.is_repeated:
        row = ("payment", receipt.payment_id)
        audit_trail_service.record(conn, actor, "payment.record", row, None, _about(received, receipt), now=now)
    return receipt


def _about(received: Received, receipt: Receipt) -> dict[str, Json]:
    return {
        "buyer_id": received.buyer_id,
        "invoice_id": received.invoice_id,
        "method": received.method,
        "amount": str(received.amount),
        "currency": received.currency,
        "reference": received.reference,
        "to_invoice": str(receipt.to_invoice),
        "to_debt": str(receipt.to_debt),
        "to_wallet": str(receipt.to_wallet),
    }


def refund(
    conn: Connection[Any], payment_id: int, entry: RefundEntry, *, key: str | None, actor: Actor, now: datetime
) -> Refunding:
    """Give money of a payment back. Raises Refusal as ``refunds.request`` does."""
    found = payments.get(conn, payment_id)
    if found is None:
        raise Refusal.missing("payment", payment_id)
    return refunds.request(
        conn,
        payment_id,
        amounts.read(entry.amount, found.currency),
        reason=entry.reason,
        reference=entry.reference,
        actor=actor,
        idempotency_key=key,
        now=now,
    )
