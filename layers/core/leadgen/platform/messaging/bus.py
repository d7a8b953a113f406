"""Messages between the stages, announced in the transaction that makes them true.

The database's queues are the outbox everywhere. In the embedded stack the topics are bound to the stages' queues and
the commit delivers. On AWS every topic is bound to the one queue ``outbox``: after the commit the function publishes
what it announced to SNS and deletes it; what a crash leaves there, ``sweep`` publishes.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from leadgen.kernel.events import Event, Topic
from leadgen.platform import clock, db, settings
from leadgen.platform.log import logger
from leadgen.platform.messaging import queues

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

_LARGEST_BATCH = 10
_LONGEST_DELAY_SECONDS = 900


@dataclass
class Transaction:
    """A stage's transaction: its connection, and what it has announced."""

    conn: Connection[Any]
    _outbox: list[int] = field(default_factory=list)

    def announce(self, events: Sequence[Event]) -> None:
        """Tell the events when this transaction commits; one statement, none for no events."""
        if events:
            sent = queues.announce(self.conn, events)
            self._outbox.extend(message.msg_id for message in sent if message.queue_name == queues.OUTBOX)


@contextmanager
def transaction() -> Iterator[Transaction]:
    """Load, decide, apply and announce in one transaction; then publish what went to the outbox."""
    with db.current().connection() as conn:
        work = Transaction(conn)
        with conn.transaction():
            yield work
        publish(conn, work._outbox)


def publish(conn: Connection[Any], outbox_ids: Sequence[int]) -> None:
    """Publish announced messages and delete them from the outbox. A failure leaves them there for the sweep."""
    if not outbox_ids:
        return
    try:
        _publish(conn, queues.read_outbox(conn, msg_ids=outbox_ids, before=None, limit=len(outbox_ids)))
    except Exception:  # committed already: the caller's work stands whatever happens here
        logger.exception("outbox.publish_failed", extra={"messages": len(outbox_ids)})


def publish_leftovers(*, before: datetime, limit: int) -> int:
    """Publish what has lain in the outbox since ``before``; how many messages that were."""
    with db.current().connection() as conn:
        if not queues.exists(conn, queues.OUTBOX):
            return 0
        left = queues.read_outbox(conn, msg_ids=None, before=before, limit=limit)
        _publish(conn, left)
        return len(left)


def _publish(conn: Connection[Any], messages: Sequence[queues.OutboxMessage]) -> None:
    # No transaction is open during a call. What is sent but not deleted is sent again: every stage is guarded.
    now = clock.now()
    for start in range(0, len(messages), _LARGEST_BATCH):
        batch = messages[start : start + _LARGEST_BATCH]
        queues_to_wake = {
            Topic.DELIVERY_DUE.value: settings.current().deliver_queue_url,
            Topic.NOTICE_DUE.value: settings.current().notify_queue_url,
            Topic.REFUND_REQUESTED.value: settings.current().collect_queue_url,
            Topic.TOP_UP_DUE.value: settings.current().collect_queue_url,
        }
        events = [m for m in batch if m.message["event"] not in queues_to_wake]
        if events:
            _publish_events(events)
        for topic, queue_url in queues_to_wake.items():
            wake_ups = [m for m in batch if m.message["event"] == topic]
            if wake_ups:
                _send_wake_ups(queue_url or "", wake_ups, now)
        queues.delete(conn, queues.OUTBOX, [m.msg_id for m in batch])


def _publish_events(messages: Sequence[queues.OutboxMessage]) -> None:
    answer = _sns().publish_batch(
        TopicArn=settings.current().events_topic_arn or "",
        PublishBatchRequestEntries=[{"Id": str(m.msg_id), "Message": json.dumps(m.message)} for m in messages],
    )
    if answer.get("Failed"):
        raise RuntimeError(f"SNS refused {len(answer['Failed'])} of {len(messages)} messages")


def _send_wake_ups(queue_url: str, messages: Sequence[queues.OutboxMessage], now: datetime) -> None:
    # SNS cannot hold a message back, SQS can: a wake-up goes straight to the queue it wakes.
    answer = _sqs().send_message_batch(
        QueueUrl=queue_url,
        Entries=[
            {
                "Id": str(m.msg_id),
                "MessageBody": json.dumps(m.message),
                "DelaySeconds": min(max(0, round((m.due - now).total_seconds())), _LONGEST_DELAY_SECONDS),
            }
            for m in messages
        ],
    )
    if answer.get("Failed"):
        raise RuntimeError(f"SQS refused {len(answer['Failed'])} of {len(messages)} wake-ups")


def depths(conn: Connection[Any]) -> list[queues.Depth]:
    """How full every queue is: the database's, and on AWS those of SQS (which does not report a message's age)."""
    return queues.depths(conn) + [_sqs_depth(url) for url in settings.current().queue_urls]


def _sqs_depth(url: str) -> queues.Depth:
    answer = _sqs().get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    )
    visible = int(answer["Attributes"]["ApproximateNumberOfMessages"])
    in_flight = int(answer["Attributes"]["ApproximateNumberOfMessagesNotVisible"])
    return queues.Depth(url.rsplit("/", 1)[-1], visible + in_flight, visible, None)


@lru_cache(maxsize=1)
def _sns() -> "SNSClient":
    import boto3  # half a second at import: only where something is sent

    return boto3.client("sns")


@lru_cache(maxsize=1)
def _sqs() -> "SQSClient":
    import boto3

    return boto3.client("sqs")


Transactions = Callable[[], AbstractContextManager[Transaction]]
"""Opens a transaction of the database, which is committed at its end, and announces what is announced in it."""


def on_connection(conn: Connection[Any], *, keep: bool) -> Transactions:
    """Transactions of one connection; without ``keep`` each is rolled back at its end."""

    @contextmanager
    def transaction() -> Iterator[Transaction]:
        with conn.transaction(force_rollback=not keep):
            yield Transaction(conn)

    return transaction
