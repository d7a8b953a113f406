"""Every event: kept once in the log of lifecycle events."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from leadgen.adapters import batch, db
from leadgen.adapters.batch import Message, Outcome
from leadgen.domain.events import Topic, event_key
from leadgen.store import lifecycle
from leadgen.store.lifecycle import LoggedEvent


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: an SQS batch."""
    return batch.run("notify", event, process)


def process(messages: Sequence[Message], now: datetime) -> list[Outcome]:
    """Log the events that are new. A wake-up is no event."""
    events = [message for message in messages if message.event != Topic.DELIVERY_DUE]
    logged = {event_key(dict(message.body)): message for message in events}
    if logged:
        with db.current().transaction() as conn:
            lifecycle.log(
                conn, [LoggedEvent(key, m.event, m.occurred_at, m.lead_id, dict(m.body)) for key, m in logged.items()]
            )
    return [Outcome("noted", message.lead_id, {"event": message.event}) for message in messages]
