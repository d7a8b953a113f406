"""The event Lambda makes of a batch of messages, and what the function's answer means for each of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leadgen_local.template.intrinsics import ACCOUNT, REGION
from leadgen_local.template.reader import QueueMapping


class MalformedAnswerError(Exception):
    """The function's answer is none that Lambda understands: the whole batch counts as failed."""


@dataclass(frozen=True)
class Message:
    """A message as read from a queue; `receive_count` includes this time."""

    id: int
    receive_count: int
    sent_at: datetime
    received_at: datetime
    body: str


def batch_event(mapping: QueueMapping, messages: Sequence[Message]) -> dict[str, Any]:
    """What the function is called with."""
    return {"Records": [_record(mapping.queue.arn, message) for message in messages]}


def _record(queue_arn: str, message: Message) -> dict[str, Any]:
    return {
        "messageId": str(message.id),
        "receiptHandle": f"{message.id}.{message.receive_count}",
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.receive_count),
            "SentTimestamp": _milliseconds(message.sent_at),
            "SenderId": ACCOUNT,
            "ApproximateFirstReceiveTimestamp": _milliseconds(
                message.received_at if message.receive_count == 1 else message.sent_at
            ),
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(message.body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }


def _milliseconds(instant: datetime) -> str:
    return str(int(instant.timestamp() * 1000))


def failed_ids(mapping: QueueMapping, messages: Sequence[Message], answer: object) -> set[int]:
    """The messages that the answer of the function reports as failed.

    Raises MalformedAnswerError as Lambda would count the whole batch as failed: for another shape, an empty or unknown
    id. A mapping that does not report item failures takes any answer as success.
    """
    if not mapping.reports_item_failures:
        return set()
    sent = {str(message.id): message.id for message in messages}
    match answer:
        case None | {"batchItemFailures": None}:
            return set()
        case dict() if not answer:
            return set()
        case {"batchItemFailures": [*failures]}:
            return {_failed_id(failure, sent) for failure in failures}
    raise MalformedAnswerError(f"{mapping.function} answered {answer!r}, not {{'batchItemFailures': […]}}.")


def _failed_id(failure: object, sent: dict[str, int]) -> int:
    match failure:
        case {"itemIdentifier": str(identifier)} if identifier in sent:
            return sent[identifier]
    raise MalformedAnswerError(f"{failure!r} names no message of the batch.")
