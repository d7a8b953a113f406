"""Runs an SQS batch: as a whole, and one by one if that fails; reports partial batch failures."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from leadgen.kernel.events import current_name
from leadgen.platform import clock
from leadgen.platform.db import DatabaseAway
from leadgen.platform.log import count, logger


@dataclass(frozen=True)
class Message:
    """A queue message, read. ``body`` is the whole of it: ids only."""

    message_id: str
    event: str
    lead_id: int | None
    occurred_at: datetime
    trace_id: str | None
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of one message, for its log line and the counters."""

    outcome: str
    lead_id: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


Process = Callable[[Sequence[Message], datetime], list[Outcome]]


def run(stage: str, event: Mapping[str, Any], process: Process) -> dict[str, list[dict[str, str]]]:
    """Feed an SQS event to a stage; the ids of the messages that must come again."""
    messages: list[Message] = []
    failed: list[str] = []
    for record in event["Records"]:
        try:
            messages.append(_read(record))
        except (KeyError, TypeError, ValueError) as error:
            logger.exception("message.unreadable", extra={"stage": stage, "message_id": record.get("messageId"),
                                                      "cause": type(error).__name__})  # fmt: skip
            failed.append(record["messageId"])
    failed += _attempt(stage, messages, process)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _attempt(stage: str, messages: Sequence[Message], process: Process) -> list[str]:
    if not messages:
        return []
    began = clock.seconds()
    try:
        outcomes = process(messages, clock.now())
    except Exception as error:  # whatever it is, the messages come again
        logger.exception(
            "batch.failed", extra={"stage": stage, "messages": len(messages), "cause": type(error).__name__}
        )
        if len(messages) == 1 or isinstance(error, DatabaseAway):  # one by one would only wait as often in vain
            count(stage, Counter({"failed": len(messages)}), (clock.seconds() - began) * 1000)
            return [message.message_id for message in messages]
        return [message_id for message in messages for message_id in _attempt(stage, [message], process)]
    milliseconds = (clock.seconds() - began) * 1000
    for outcome in outcomes:
        logger.info(
            outcome.outcome,
            extra={
                "stage": stage,
                "lead_id": outcome.lead_id,
                **outcome.facts,
                "batch": len(messages),
                "milliseconds": round(milliseconds, 1),
            },
        )
    count(stage, Counter(outcome.outcome for outcome in outcomes), milliseconds)
    return []


def _read(record: Mapping[str, Any]) -> Message:
    body = json.loads(record["body"])
    if not isinstance(body, dict) or not isinstance(body["event"], str):
        raise TypeError("a message is an object with an event")
    body["event"] = current_name(body["event"])
    lead_id = body.get("lead_id")
    if lead_id is not None and (isinstance(lead_id, bool) or not isinstance(lead_id, int)):
        raise ValueError("lead_id is not a whole number")
    return Message(
        message_id=record["messageId"],
        event=body["event"],
        lead_id=lead_id,
        occurred_at=datetime.fromisoformat(body["occurred_at"]),
        trace_id=body.get("trace_id"),
        body=body,
    )
