"""What delivery announces of deliveries that need another look, and logs of every message."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_never

from leadgen.delivery.domain.steps import Done, Release, Review, Step, TryAgain
from leadgen.delivery.service.dispatch import DeliveryToSend
from leadgen.delivery.store.deliveries import Overdue, Unfinished
from leadgen.kernel.events import Event, Topic
from leadgen.outbound.domain import outcomes
from leadgen.outbound.service.webhook import Call
from leadgen.platform.messaging.batch import Message, Outcome


def again(delivery: Unfinished, now: datetime) -> Event:
    """``lead.delivered`` once more, should billing have missed it; or ``delivery.due`` for when another
    worker's claim is over, should that worker have died.
    """
    if delivery.claimed_until is None:
        ids: dict[str, int | str] = {"buyer_id": delivery.buyer_id}
        return Event(Topic.LEAD_DELIVERED, now, delivery.lead_id, delivery.trace_id, ids=ids)
    delay = (delivery.claimed_until - now).total_seconds()
    return Event(Topic.DELIVERY_DUE, now, delivery.lead_id, delivery.trace_id, delay_seconds=delay)


def overdue(delivery: Overdue, now: datetime) -> Event:
    """``delivery.due`` once more, for a delivery whose time has come."""
    return Event(Topic.DELIVERY_DUE, now, delivery.lead_id, delivery.trace_id)


def outcome(message: Message, steps: Mapping[int, Step], calls: Mapping[int, tuple[DeliveryToSend, Call]]) -> Outcome:
    """The log line of a message. The mappings are by lead id."""
    lead_id = message.lead_id
    if lead_id is None or lead_id not in steps:
        return Outcome("nothing_due", lead_id)
    facts: dict[str, Any] = {}
    if lead_id in calls:
        facts = _facts(*calls[lead_id])
    match steps[lead_id]:
        case Done():
            return Outcome("delivered", lead_id, facts)
        case Release():
            return Outcome("rejected", lead_id, facts)
        case TryAgain(channel=channel, delay_seconds=delay):
            name = "retry" if lead_id in calls else "held_back"
            return Outcome(name, lead_id, {**facts, "next_channel": channel, "delay_seconds": delay})
        case Review(reason=reason):
            return Outcome("in_review", lead_id, {**facts, "reason": reason})
        case _:
            assert_never(steps[lead_id])


def _facts(outgoing: DeliveryToSend, call: Call) -> dict[str, Any]:
    due = outgoing.due
    return {
        "buyer_id": due.buyer_id,
        "delivery_id": due.delivery_id,
        "channel": due.channel,
        "attempt": outgoing.claimed.attempt,
        "call": outcomes.name(call.outcome),
        "http_status": call.status,
        "error": outcomes.cause(call.outcome),
        "call_milliseconds": call.milliseconds,
        "trace_id": due.trace_id,
    }
