"""refund.requested and top_up.due: what waits for the payment provider is asked of it → payment.received,
payment.failed.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from leadgen.adapters import batch, bus, clock
from leadgen.adapters.batch import Message, Outcome
from leadgen.domain.events import Topic
from leadgen.operations import asking_provider
from leadgen.operations.asking_provider import Record


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: an SQS batch."""
    return batch.run("collect", event, process)


def process(messages: Sequence[Message], now: datetime) -> list[Outcome]:
    """Claim what waits and commit, ask the provider for one after the other, record each answer by itself."""
    refund_ids = _ids(messages, Topic.REFUND_REQUESTED, "refund_id")
    payment_ids = _ids(messages, Topic.TOP_UP_DUE, "payment_id")
    with bus.transaction() as transaction:
        refunds = asking_provider.claim_refunds(transaction.conn, refund_ids, now=now)
        top_ups = asking_provider.claim_top_ups(transaction.conn, payment_ids, now=now)
    asked = [_ask(asking_provider.refund, one, {"refund_id": one.refund_id}) for one in refunds]
    asked += [_ask(asking_provider.top_up, one, {"payment_id": one.payment_id}) for one in top_ups]
    idle = len(messages) - len(asked)
    return asked + [Outcome("nothing_due")] * max(idle, 0)


def _ids(messages: Sequence[Message], topic: Topic, name: str) -> list[int]:
    return sorted({int(message.body[name]) for message in messages if message.event == topic})


def _ask(ask: Callable[[Any], Record], claimed: Any, about: dict[str, int]) -> Outcome:
    record = ask(claimed)
    with bus.transaction() as transaction:
        recorded = record(transaction.conn, clock.now())
        transaction.announce(recorded.events)
    outcome, _, reason = recorded.outcome.partition(": ")
    return Outcome(outcome, None, {**about, "attempt": claimed.attempts, **({"reason": reason} if reason else {})})
