"""Executes pending refunds and automatic top-ups at Stripe: claim and commit, call, record.

A row's first call carries the row's own key, and so does every later one. Before a later one it is looked whether an
earlier one went through after all: the provider forgets keys after a day.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from psycopg import Connection

from leadgen.buyers import store as buyers_store
from leadgen.kernel.errors import Refusal
from leadgen.kernel.events import Event, Topic
from leadgen.outbound.service import claims
from leadgen.payments.adapters import provider
from leadgen.payments.adapters.provider import Charged, ProviderLater, ProviderRefused, Refunded
from leadgen.payments.domain import minor_units, provider_backoff
from leadgen.payments.domain.provider_backoff import LOOK_AGAIN
from leadgen.payments.service import receipts, refunds, top_ups
from leadgen.payments.service.provider_events import ACTOR
from leadgen.payments.service.receipts import Received
from leadgen.payments.store import collection
from leadgen.payments.store.collection import DueRefund, PendingCall, TopUp

# Whether an earlier one went through, and the call itself.
_CALL_SECONDS = 2 * provider.CALL_SECONDS
_FAILED = ("failed", "canceled")


@dataclass(frozen=True)
class Recorded:
    """What came of the call, for the log; the events are the caller's to announce."""

    outcome: str
    events: tuple[Event, ...] = ()
    reason: str | None = None


Record = Callable[[Connection[Any], datetime], Recorded]


def wake_up(waiting: PendingCall, now: datetime) -> Event:
    """Have the provider called for what waits."""
    if waiting.kind == "top_up":
        return top_ups.wake_up(waiting.id, waiting.buyer_id, now)
    return Event(Topic.REFUND_REQUESTED, now, ids={"refund_id": waiting.id, "buyer_id": waiting.buyer_id})


@dataclass(frozen=True)
class ClaimedCall:
    """A claimed row and the number of its attempt; ``call`` calls the provider and returns how to record its answer."""

    attempt: int
    call: Callable[[], Record]


def refund_due(conn: Connection[Any], refund_id: int, now: datetime) -> ClaimedCall | None:
    """Take a refund that waits to be made; None where there is nothing to do, or another worker does it."""
    claimed = collection.claim_refund(conn, refund_id, now=now, until=claims.until(now, call_seconds=_CALL_SECONDS))
    return None if claimed is None else ClaimedCall(claimed.attempts, partial(_refund, claimed))


def top_up_due(conn: Connection[Any], payment_id: int, now: datetime) -> ClaimedCall | None:
    """Take an automatic payment that waits to be taken from its card; None as above."""
    claimed = collection.claim_top_up(conn, payment_id, now=now, until=claims.until(now, call_seconds=_CALL_SECONDS))
    return None if claimed is None else ClaimedCall(claimed.attempts, partial(_top_up, claimed))


def _refund(claimed: DueRefund) -> Record:
    ours = {"refund_id": str(claimed.refund_id), "buyer_id": str(claimed.buyer_id)}
    try:
        made = _earlier(claimed, ours)
        if made is None:
            amount = minor_units.minor(claimed.amount, claimed.currency)
            made = provider.refund(claimed.payment, amount, ours, key=_key(claimed))
    except ProviderLater as failure:
        return _later(claimed, str(failure))
    except ProviderRefused as refusal:
        return _refund_failed(claimed.refund_id, refusal.code)
    except ValueError:
        return _refund_failed(claimed.refund_id, "invalid_amount")
    return _refund_made(claimed.refund_id, made)


def _earlier(claimed: DueRefund, ours: dict[str, str]) -> Refunded | None:
    if claimed.provider_id is not None:
        return provider.refund_now(claimed.provider_id)
    return provider.find_refund(claimed.payment, ours) if claimed.attempts > 1 else None


def _key(claimed: DueRefund) -> str:
    # With the time it was made, the same id in another database is another key.
    return f"refund:{claimed.refund_id}:{claimed.created_at.isoformat()}"


def _refund_made(refund_id: int, made: Refunded) -> Record:
    def record(conn: Connection[Any], now: datetime) -> Recorded:
        if made.status in _FAILED:
            return Recorded(
                "refund_failed", refunds.fail(conn, refund_id, error=made.error or "failed", now=now).events
            )
        if made.status != "succeeded":
            collection.put_off_refund(conn, refund_id, until=now + LOOK_AGAIN, provider_id=made.provider_id)
            return Recorded("refund_pending")
        try:
            paid = refunds.succeed(conn, refund_id, provider_id=made.provider_id, now=now)
        except Refusal:
            return Recorded("refund_had_failed")  # by an event meanwhile
        return Recorded("refund_paid", paid.events)

    return record


def _refund_failed(refund_id: int, code: str) -> Record:
    def record(conn: Connection[Any], now: datetime) -> Recorded:
        return Recorded("refund_failed", refunds.fail(conn, refund_id, error=code, now=now).events)

    return record


def _top_up(claimed: TopUp) -> Record:
    ours = {"payment_id": str(claimed.payment_id), "buyer_id": str(claimed.buyer_id)}
    if claimed.customer is None or claimed.method is None:
        return _declined(claimed, "resource_missing")
    try:
        made = provider.find_charge(claimed.customer, ours, since=claimed.created_at) if claimed.attempts > 1 else None
        if made is None:
            made = provider.charge(
                claimed.customer,
                claimed.method,
                minor_units.minor(claimed.amount, claimed.currency),
                claimed.currency,
                ours,
                description="Prepaid leads",
                key=claimed.idempotency_key,
            )
    except ProviderLater as failure:
        return _later(claimed, str(failure))
    except ProviderRefused as refusal:
        return _declined(claimed, refusal.code)
    except ValueError:
        return _declined(claimed, "invalid_amount")
    if made.status == "succeeded":
        return _charged(claimed, made)
    if made.status == "processing":
        return _under_way(claimed)
    return _declined(claimed, made.error or "authentication_required")


def _charged(claimed: TopUp, made: Charged) -> Record:
    def record(conn: Connection[Any], now: datetime) -> Recorded:
        receipt = receipts.receive(
            conn,
            Received(
                buyer_id=claimed.buyer_id,
                invoice_id=None,
                method="stripe",
                amount=claimed.amount,
                currency=claimed.currency,
                received_at=made.made_at,
                actor=ACTOR,
                provider_id=made.provider_id,
                payment_id=claimed.payment_id,
            ),
            now=now,
            anyway=True,
        )
        return Recorded("topped_up", receipt.events)

    return record


def _declined(claimed: TopUp, code: str) -> Record:
    def record(conn: Connection[Any], now: datetime) -> Recorded:
        buyers_store.lock(conn, [claimed.buyer_id])
        if not collection.fail_payment(conn, claimed.payment_id, code, now=now):
            return Recorded("top_up_failed")
        return Recorded("top_up_failed", (top_ups.failed(claimed.payment_id, claimed.buyer_id, now),))

    return record


def _under_way(claimed: TopUp) -> Record:
    def record(conn: Connection[Any], now: datetime) -> Recorded:
        collection.put_off_payment(conn, claimed.payment_id, until=now + LOOK_AGAIN)
        return Recorded("top_up_pending")

    return record


def _later(claimed: DueRefund | TopUp, why: str) -> Record:
    def record(conn: Connection[Any], now: datetime) -> Recorded:
        until = now + provider_backoff.pause(claimed.attempts)
        if isinstance(claimed, DueRefund):
            collection.put_off_refund(conn, claimed.refund_id, until=until, provider_id=None)
        else:
            collection.put_off_payment(conn, claimed.payment_id, until=until)
        return Recorded("later", reason=why)

    return record
