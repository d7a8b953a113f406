"""lead.routed, delivery.due: webhook, then e-mail, then review → lead.delivered, delivery.rejected or .failed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from leadgen.delivery.service import attempt, dispatch, records
from leadgen.delivery.service.dispatch import DeliveryToSend
from leadgen.delivery.store import deliveries
from leadgen.leads import service as leads_service
from leadgen.outbound.domain import backoff
from leadgen.outbound.service import claims
from leadgen.outbound.service.webhook import Call
from leadgen.platform import clock, settings
from leadgen.platform.messaging import batch, bus
from leadgen.platform.messaging.batch import Message, Outcome


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: an SQS batch."""
    return batch.run("deliver", event, process)


def process(messages: Sequence[Message], now: datetime) -> list[Outcome]:
    """Claim what is due and commit, call the buyers at once, record each answer: no transaction is open in a call."""
    lead_ids = leads_service.lead_ids(messages)
    configured = settings.current()
    until = claims.until(now, call_seconds=configured.webhook_timeout_seconds)
    default = backoff.specified(attempts=configured.webhook_max_retries, unit_seconds=configured.webhook_retry_delay)
    with bus.transaction() as transaction:
        claimed = dispatch.claim(transaction.conn, lead_ids, default, now=now, until=until)
        known = {outgoing.due.lead_id for outgoing in claimed.to_send} | claimed.steps.keys()
        others = [lead_id for lead_id in lead_ids if lead_id not in known]
        unfinished = deliveries.unfinished(transaction.conn, others, now=now) if others else []
        transaction.announce([*claimed.events, *(records.again(delivery, now) for delivery in unfinished)])
    calls: dict[int, tuple[DeliveryToSend, Call]] = {}
    steps = dict(claimed.steps)

    def record(made: Sequence[tuple[DeliveryToSend, Call]]) -> None:
        with bus.transaction() as transaction:
            following, events = dispatch.record(transaction.conn, made, now=clock.now())
            transaction.announce(events)
        steps.update(following)
        calls.update({outgoing.due.lead_id: (outgoing, call) for outgoing, call in made})

    claims.carry_out(claimed.to_send, attempt.hand_over, record)
    return [records.outcome(message, steps, calls) for message in messages]
