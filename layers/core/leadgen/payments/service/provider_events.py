"""Acts on each event of the payment provider once, in whatever order they come.

The provider is not called again. Every event holds how the thing it is about stood, and of each thing one state
is the last: a payment that succeeded stays so, a refund that failed never succeeds, a chargeback that closed stays
closed. So the state that comes last, and not the event that comes last, decides. An event of a payment that is not
known yet waits for it.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

import psycopg
from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.buyers import store as buyers_store
from leadgen.kernel.errors import Refusal
from leadgen.kernel.events import Event
from leadgen.payments.domain import minor_units
from leadgen.payments.domain import provider_events as payments_provider_events
from leadgen.payments.domain.provider_backoff import LOOK_AGAIN
from leadgen.payments.domain.provider_events import (
    DisputeChanged,
    EventUnreadable,
    MethodSaved,
    PaymentFailed,
    PaymentSucceeded,
    ProviderEvent,
    RefundChanged,
)
from leadgen.payments.service import chargebacks, receipts, refunds, top_ups
from leadgen.payments.service.receipts import Received
from leadgen.payments.store import collection, payers, payments
from leadgen.payments.store import provider_events as payments_provider_events_store
from leadgen.payments.store.provider_events import WaitingEvent
from leadgen.platform.log import count, logger

ACTOR = "provider:stripe"

# After about 45 days.
_MOST_ATTEMPTS = 16
# What comes before what it is about is no fault: it waits for minutes at most.
_PATIENT_ATTEMPTS = 2
_FAILED = ("failed", "canceled")


class _Waits(Exception):
    """Nothing can be done about an event yet; the message says what it waits for."""


@dataclass(frozen=True)
class _Done:
    outcome: str
    events: tuple[Event, ...] = ()


def take_in(conn: Connection[Any], provider_event: ProviderEvent, *, now: datetime) -> list[Event]:
    """Keep an event and act on it, in the caller's transaction; the events are the caller's to announce. One that comes
    again is acted on only if it still waits.
    """
    payments_provider_events_store.keep(
        conn,
        provider_event.event_id,
        event_type=provider_event.type,
        object_id=provider_event.object_id,
        created_at=provider_event.created_at,
        facts=provider_event.facts.model_dump(mode="json", exclude_none=True),
        now=now,
    )
    return work(conn, provider_event.event_id, now=now)


def work(conn: Connection[Any], event_id: str, *, now: datetime) -> list[Event]:
    """Act on an event that is kept, unless somebody has. What fails is undone, and the event waits for another try."""
    waiting = payments_provider_events_store.take(conn, event_id)
    if waiting is None:
        return []
    try:
        facts = payments_provider_events.stored(waiting.facts)
        with conn.transaction():
            done = _act(conn, facts, waiting, now)
    except (_Waits, EventUnreadable) as reason:
        return _put_off(conn, waiting, str(reason), now)
    except Refusal as refusal:
        return _put_off(conn, waiting, refusal.code, now)
    except (psycopg.Error, ValueError) as error:
        return _put_off(conn, waiting, type(error).__name__, now)
    payments_provider_events_store.done(conn, event_id, done.outcome, now=now)
    logger.info(done.outcome, extra={"stage": "pay", "event_id": event_id, "event": waiting.type})
    events = list(done.events)
    if isinstance(facts, PaymentSucceeded):
        for other in payments_provider_events_store.about_payment(conn, facts.payment):
            events += work(conn, other, now=now)
    return events


def _put_off(conn: Connection[Any], waiting: WaitingEvent, reason: str, now: datetime) -> list[Event]:
    attempts = waiting.attempts + 1
    if attempts >= _MOST_ATTEMPTS:
        payments_provider_events_store.done(conn, waiting.event_id, f"given_up: {reason}", now=now)
    else:
        payments_provider_events_store.put_off(conn, waiting.event_id, reason)
    fields = {"stage": "pay", "event_id": waiting.event_id, "event": waiting.type, "waits_for": reason}
    if attempts <= _PATIENT_ATTEMPTS and reason == "payment_unknown":
        logger.info("provider_event.waits", extra=fields)
    else:
        logger.error("provider_event.waits", extra=fields)
        count("pay", Counter({"event_waits": 1}), 0)
    return []


def _act(conn: Connection[Any], facts: payments_provider_events.Facts, waiting: WaitingEvent, now: datetime) -> _Done:
    match facts:
        case PaymentSucceeded():
            return _received(conn, facts, waiting, now)
        case PaymentFailed():
            return _not_received(conn, facts, waiting, now)
        case RefundChanged():
            return _refunded(conn, facts, now)
        case DisputeChanged():
            return _disputed(conn, facts, now)
        case MethodSaved():
            return _saved(conn, facts, waiting, now)
        case _:
            assert_never(facts)


def _received(conn: Connection[Any], facts: PaymentSucceeded, waiting: WaitingEvent, now: datetime) -> _Done:
    """The money is with the provider: it goes to its invoice, or else into the wallet of whoever it is from."""
    if facts.amount == 0:
        return _Done("nothing_received")
    amount = minor_units.amount(facts.amount, facts.currency)
    buyer_id = payers.whose(
        conn,
        buyer_id=facts.buyer_id,
        invoice_id=facts.invoice_id,
        payment_id=facts.payment_id,
        customer=facts.customer,
    )
    if buyer_id is None:
        raise _Waits("buyer_unknown")
    buyers_store.lock(conn, [buyer_id])
    payment_id = facts.payment_id
    if payment_id is not None and not collection.fits(
        conn, payment_id, buyer_id=buyer_id, amount=amount, currency=facts.currency
    ):
        payment_id = None
    receipt = receipts.receive(
        conn,
        Received(
            buyer_id=buyer_id,
            invoice_id=facts.invoice_id,
            method="stripe",
            amount=amount,
            currency=facts.currency,
            received_at=waiting.created_at,
            actor=ACTOR,
            provider_id=facts.payment,
            payment_id=payment_id,
        ),
        now=now,
        anyway=True,
    )
    if receipt.is_repeated:
        return _Done("payment_repeated", receipt.events)
    elsewhere = facts.invoice_id is not None and receipt.to_invoice < amount
    return _Done("payment_received_into_wallet" if elsewhere else "payment_received", receipt.events)


def _not_received(conn: Connection[Any], facts: PaymentFailed, waiting: WaitingEvent, now: datetime) -> _Done:
    """An automatic payment ends with the card that is declined. On the provider's page another card may be tried, until
    the page expires.
    """
    pending = None if facts.payment_id is None else collection.pending(conn, facts.payment_id)
    if pending is None or pending.buyer_id != facts.buyer_id:
        return _Done("payment_failed")
    if not pending.is_automatic and waiting.type == "payment_intent.payment_failed":
        return _Done("payment_may_follow")
    buyers_store.lock(conn, [pending.buyer_id])
    if not collection.fail_payment(conn, pending.payment_id, facts.code, now=now):
        return _Done("payment_failed")
    return _Done("payment_failed", (top_ups.failed(pending.payment_id, pending.buyer_id, now),))


def _refunded(conn: Connection[Any], facts: RefundChanged, now: datetime) -> _Done:
    amount = minor_units.amount(facts.amount, facts.currency)
    known = collection.refund_of(
        conn, provider_id=facts.refund, refund_id=facts.refund_id, payment=facts.payment, amount=amount
    )
    has_failed = facts.status in _FAILED or payments_provider_events_store.has_failed(conn, facts.refund)
    if known is not None:
        return _settled(conn, known.refund_id, facts, has_failed, now)
    if has_failed:
        return _Done("refund_failed")
    # Made in the provider's own console: the money is gone, so it is taken from the wallet like any refund.
    payment = None if facts.payment is None else payments.by_provider(conn, facts.payment)
    if payment is None:
        raise _Waits("payment_unknown")
    requested = refunds.request(
        conn, payment[0], amount, reason="refunded at the provider", actor=Actor(ACTOR), reference=facts.refund, now=now
    )
    return _settled(conn, requested.refund_id, facts, has_failed, now)


def _settled(conn: Connection[Any], refund_id: int, facts: RefundChanged, has_failed: bool, now: datetime) -> _Done:
    if has_failed:
        failed = refunds.fail(conn, refund_id, error=facts.error or "failed", now=now)
        return _Done("refund_failed", failed.events)
    if facts.status == "succeeded":
        paid = refunds.succeed(conn, refund_id, provider_id=facts.refund, now=now)
        return _Done("refund_paid", paid.events)
    collection.put_off_refund(conn, refund_id, until=now + LOOK_AGAIN, provider_id=facts.refund)
    return _Done("refund_pending")


def _disputed(conn: Connection[Any], facts: DisputeChanged, now: datetime) -> _Done:
    if not facts.moves:
        return _Done("inquiry")
    if facts.payment is None:
        raise _Waits("payment_unknown")
    chargebacks.open_(
        conn,
        provider_payment_id=facts.payment,
        provider_id=facts.dispute,
        amount=minor_units.amount(facts.amount, facts.currency),
        currency=facts.currency,
        reason=facts.reason,
        evidence_due_by=facts.evidence_due_by,
        opened_at=facts.opened_at,
        now=now,
    )
    if not facts.closed:
        return _Done("chargeback_opened")
    chargebacks.close(conn, provider_id=facts.dispute, won=facts.status == "won", now=now)
    return _Done(f"chargeback_{facts.status}")


def _saved(conn: Connection[Any], facts: MethodSaved, waiting: WaitingEvent, now: datetime) -> _Done:
    buyer_id = payers.whose(conn, buyer_id=facts.buyer_id, invoice_id=None, payment_id=None, customer=facts.customer)
    if buyer_id is None:
        return _Done("buyer_unknown")
    buyers_store.lock(conn, [buyer_id])
    kept = payers.keep_method(
        conn, buyer_id, customer=facts.customer, method=facts.method, saved_at=waiting.created_at, now=now
    )
    return _Done("method_saved" if kept else "method_older", tuple(top_ups.due(conn, [buyer_id], now)))
