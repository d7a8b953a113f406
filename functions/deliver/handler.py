"""lead.routed, delivery.due: webhook, then e-mail, then manual review → lead.delivered or delivery.failed."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, assert_never

from leadgen.adapters import batch, bus, clock, egress, mail, settings
from leadgen.adapters.batch import Message, Outcome
from leadgen.adapters.log import logger
from leadgen.domain import delivery
from leadgen.domain.delivery import Attempt, Parcel, Review, Taken, TryAgain
from leadgen.domain.events import Event, Topic
from leadgen.store import deliveries
from leadgen.store.deliveries import AttemptRecord, Settlement, Unfinished

Step = Taken | TryAgain | Review

# How much longer than the call itself a claim lives: time to record what came of it.
CLAIM_GRACE_SECONDS = 10


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: an SQS batch."""
    return batch.run("deliver", event, process)


def process(messages: Sequence[Message], now: datetime) -> list[Outcome]:
    """Claim the due deliveries and commit, call all buyers at once, record: no transaction is open during a call."""
    lead_ids = batch.lead_ids(messages)
    with bus.transaction() as transaction:
        until = now + timedelta(seconds=settings.current().webhook_timeout_seconds + CLAIM_GRACE_SECONDS)
        parcels = deliveries.claim_due(transaction.conn, lead_ids, now=now, until=until)
        claimed = {parcel.lead_id for parcel in parcels}
        unclaimed = [lead_id for lead_id in lead_ids if lead_id not in claimed]
        unfinished = deliveries.unfinished(transaction.conn, unclaimed, now=now) if unclaimed else []
        transaction.announce([_again(delivery, now) for delivery in unfinished])
    records = _attempt_all(parcels)
    steps = {record.parcel.lead_id: _next_step(record) for record in records}
    if records:
        finished = clock.now()
        with bus.transaction() as transaction:
            deliveries.record_attempts(transaction.conn, records)
            settled = [_settlement(r.parcel, steps[r.parcel.lead_id], finished) for r in records]
            still_ours = set(deliveries.settle(transaction.conn, settled, now=finished))
            transaction.announce(
                [
                    _event(r.parcel, steps[r.parcel.lead_id], finished)
                    for r in records
                    if r.parcel.delivery_id in still_ours
                ]
            )
    return [_outcome(message, {r.parcel.lead_id: r for r in records}, steps) for message in messages]


def _attempt_all(parcels: Sequence[Parcel]) -> list[AttemptRecord]:
    if not parcels:
        return []
    with ThreadPoolExecutor(max_workers=len(parcels), thread_name_prefix="deliver") as pool:
        return list(pool.map(_attempt, parcels))


def _attempt(parcel: Parcel) -> AttemptRecord:
    started_at, began = clock.now(), clock.seconds()
    http_status, error = None, None
    try:
        match parcel.channel:
            case "webhook":
                http_status = _post(parcel)
            case "email":
                _mail(parcel)
            case _:
                assert_never(parcel.channel)
    except (egress.EgressFailed, mail.MailFailed) as failure:
        error = str(failure)
    except Exception as bug:  # counted as an attempt, or this lead would come again for ever
        logger.exception("attempt.failed", extra={"stage": "deliver", "lead_id": parcel.lead_id})
        error = type(bug).__name__
    taken = error is None and (http_status is None or 200 <= http_status < 300)
    milliseconds = round((clock.seconds() - began) * 1000)
    return AttemptRecord(parcel, started_at, Attempt(taken, milliseconds, http_status, error))


def _post(parcel: Parcel) -> int:
    if parcel.webhook_url is None:
        raise egress.EgressFailed("the buyer has no webhook any more")
    body = delivery.webhook_body(parcel)
    configured = settings.current()
    answer = egress.post(
        parcel.webhook_url,
        body,
        delivery.webhook_headers(parcel, body),
        timeout_seconds=configured.webhook_timeout_seconds,
        allowed_origins=configured.egress_allowed_origins,
        allowed_ports=configured.egress_ports,
    )
    return answer.status


def _mail(parcel: Parcel) -> None:
    if parcel.email_to is None:
        raise mail.MailFailed("the buyer takes no e-mail any more")
    mail.send(
        to=parcel.email_to,
        subject=delivery.email_subject(parcel),
        text=delivery.email_text(parcel),
        message_id=parcel.delivery_id,
        timeout_seconds=settings.current().webhook_timeout_seconds,
    )


def _next_step(record: AttemptRecord) -> Step:
    configured = settings.current()
    return delivery.next_step(
        record.parcel,
        record.attempt,
        most_attempts=configured.webhook_max_retries,
        retry_unit_seconds=configured.webhook_retry_delay,
    )


def _settlement(parcel: Parcel, step: Step, now: datetime) -> Settlement:
    match step:
        case Taken():
            return Settlement(parcel.delivery_id, "taken", parcel.channel, False, None, None)
        case TryAgain(channel=channel, delay_seconds=delay):
            at = now + timedelta(seconds=delay)
            return Settlement(parcel.delivery_id, "pending", channel, channel != parcel.channel, at, None)
        case Review(reason=reason):
            return Settlement(parcel.delivery_id, "in_review", parcel.channel, False, None, reason)
        case _:
            assert_never(step)


def _event(parcel: Parcel, step: Step, now: datetime) -> Event:
    match step:
        case Taken():
            return Event(Topic.LEAD_DELIVERED, now, parcel.lead_id, parcel.trace_id, ids={"buyer_id": parcel.buyer_id})
        case TryAgain(delay_seconds=delay):
            return Event(Topic.DELIVERY_DUE, now, parcel.lead_id, parcel.trace_id, delay_seconds=delay)
        case Review():
            return Event(Topic.DELIVERY_FAILED, now, parcel.lead_id, parcel.trace_id, ids={"buyer_id": parcel.buyer_id})
        case _:
            assert_never(step)


def _again(delivery: Unfinished, now: datetime) -> Event:
    """Say again what billing may have missed; or come back when another worker's claim is over, should it have died."""
    if delivery.claimed_until is None:
        return Event(Topic.LEAD_DELIVERED, now, delivery.lead_id, delivery.trace_id)
    delay = (delivery.claimed_until - now).total_seconds()
    return Event(Topic.DELIVERY_DUE, now, delivery.lead_id, delivery.trace_id, delay_seconds=delay)


def _outcome(message: Message, records: Mapping[int, AttemptRecord], steps: Mapping[int, Step]) -> Outcome:
    lead_id = message.lead_id
    if lead_id is None or lead_id not in records:
        return Outcome("nothing_due", lead_id)
    parcel, attempt, step = records[lead_id].parcel, records[lead_id].attempt, steps[lead_id]
    facts = {
        "buyer_id": parcel.buyer_id,
        "delivery_id": parcel.delivery_id,
        "channel": parcel.channel,
        "attempt": parcel.attempt,
        "http_status": attempt.http_status,
        "error": attempt.error,
        "call_milliseconds": attempt.milliseconds,
        "trace_id": parcel.trace_id,
    }
    match step:
        case Taken():
            return Outcome("delivered", lead_id, facts)
        case TryAgain(delay_seconds=delay):
            return Outcome("retry", lead_id, {**facts, "delay_seconds": delay})
        case Review(reason=reason):
            return Outcome("in_review", lead_id, {**facts, "reason": reason})
        case _:
            assert_never(step)
