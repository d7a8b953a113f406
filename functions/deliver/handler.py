"""lead.routed, delivery.due: webhook, then e-mail, then manual review → lead.delivered, .refused or delivery.failed."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, assert_never

from leadgen.delivery.domain.steps import Done, Release, Review, Step, TryAgain
from leadgen.delivery.service import attempt, dispatch
from leadgen.delivery.service.dispatch import Parcel
from leadgen.delivery.store import deliveries
from leadgen.delivery.store.deliveries import Unfinished
from leadgen.kernel.events import Event, Topic
from leadgen.leads import service as leads_service
from leadgen.outbound.domain import backoff, outcomes
from leadgen.outbound.service import webhook
from leadgen.outbound.service.webhook import Call
from leadgen.platform import clock, settings
from leadgen.platform.messaging import batch, bus
from leadgen.platform.messaging.batch import Message, Outcome

# How much longer than the call itself a claim lives: time to record what came of it.
CLAIM_GRACE_SECONDS = 10


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: an SQS batch."""
    return batch.run("deliver", event, process)


def process(messages: Sequence[Message], now: datetime) -> list[Outcome]:
    """Claim what is due and commit, call the buyers at once, record each answer: no transaction is open in a call."""
    lead_ids = leads_service.lead_ids(messages)
    configured = settings.current()
    until = now + timedelta(seconds=configured.webhook_timeout_seconds + CLAIM_GRACE_SECONDS)
    default = backoff.specified(attempts=configured.webhook_max_retries, unit_seconds=configured.webhook_retry_delay)
    with bus.transaction() as transaction:
        claimed = dispatch.claim(transaction.conn, lead_ids, default, now=now, until=until)
        known = {parcel.due.lead_id for parcel in claimed.parcels} | claimed.steps.keys()
        others = [lead_id for lead_id in lead_ids if lead_id not in known]
        unfinished = deliveries.unfinished(transaction.conn, others, now=now) if others else []
        transaction.announce([*claimed.events, *(_again(delivery, now) for delivery in unfinished)])
    calls: dict[int, tuple[Parcel, Call]] = {}
    steps = dict(claimed.steps)

    def record(made: Sequence[tuple[Parcel, Call]]) -> None:
        with bus.transaction() as transaction:
            following, events = dispatch.record(transaction.conn, made, now=clock.now())
            transaction.announce(events)
        steps.update(following)
        calls.update({parcel.due.lead_id: (parcel, call) for parcel, call in made})

    webhook.recorded(webhook.at_once(claimed.parcels, attempt.hand_over), record)
    return [_outcome(message, steps, calls) for message in messages]


def _again(delivery: Unfinished, now: datetime) -> Event:
    """Say again what billing may have missed; or come back when another worker's claim is over, should it have died."""
    if delivery.claimed_until is None:
        ids: dict[str, int | str] = {"buyer_id": delivery.buyer_id}
        return Event(Topic.LEAD_DELIVERED, now, delivery.lead_id, delivery.trace_id, ids=ids)
    delay = (delivery.claimed_until - now).total_seconds()
    return Event(Topic.DELIVERY_DUE, now, delivery.lead_id, delivery.trace_id, delay_seconds=delay)


def _outcome(message: Message, steps: Mapping[int, Step], calls: Mapping[int, tuple[Parcel, Call]]) -> Outcome:
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
            outcome = "retry" if lead_id in calls else "held_back"
            return Outcome(outcome, lead_id, {**facts, "next_channel": channel, "delay_seconds": delay})
        case Review(reason=reason):
            return Outcome("in_review", lead_id, {**facts, "reason": reason})
        case _:
            assert_never(steps[lead_id])


def _facts(parcel: Parcel, call: Call) -> dict[str, Any]:
    due = parcel.due
    return {
        "buyer_id": due.buyer_id,
        "delivery_id": due.delivery_id,
        "channel": due.channel,
        "attempt": parcel.claimed.attempt,
        "call": outcomes.name(call.outcome),
        "http_status": call.status,
        "error": outcomes.cause(call.outcome),
        "call_milliseconds": call.milliseconds,
        "trace_id": due.trace_id,
    }
