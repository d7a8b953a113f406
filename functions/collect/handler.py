"""refund.requested, top_up.due: refund or top up at the payment provider → payment.received, .failed."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.kernel.events import Topic
from leadgen.payments.service import collection
from leadgen.payments.service.collection import ClaimedCall
from leadgen.platform import clock
from leadgen.platform.messaging import batch, bus
from leadgen.platform.messaging.batch import Message, Outcome


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: an SQS batch."""
    return batch.run("collect", event, process)


def process(messages: Sequence[Message], now: datetime) -> list[Outcome]:
    """One after the other: claim it and commit, call the provider, record the answer."""
    done = [_call(collection.refund_due, one) for one in _ids(messages, Topic.REFUND_REQUESTED, "refund_id")]
    done += [_call(collection.top_up_due, one) for one in _ids(messages, Topic.TOP_UP_DUE, "payment_id")]
    return done


def _ids(messages: Sequence[Message], topic: Topic, name: str) -> list[int]:
    return sorted({int(message.body[name]) for message in messages if message.event == topic})


def _call(claim: Callable[[Connection[Any], int, datetime], ClaimedCall | None], row_id: int) -> Outcome:
    with bus.transaction() as transaction:
        claimed = claim(transaction.conn, row_id, clock.now())
    if claimed is None:
        return Outcome("nothing_due", None, {"id": row_id})
    record = claimed.call()
    with bus.transaction() as transaction:
        recorded = record(transaction.conn, clock.now())
        transaction.announce(recorded.events)
    return Outcome(recorded.outcome, None, {"id": row_id, "attempt": claimed.attempt, "reason": recorded.reason})
