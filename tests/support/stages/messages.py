"""Feeds messages to the stages in tests, and reads what they sent."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection, sql

from leadgen.platform.messaging.batch import Message

_OCCURRED_AT = datetime(2026, 6, 17, 11, 59, tzinfo=UTC)


def messages(event: str, lead_ids: Sequence[int]) -> list[Message]:
    """One message a lead, as a stage's ``process`` takes them."""
    return [
        Message(f"message-{lead_id}", event, lead_id, _OCCURRED_AT, f"trace-{lead_id}", body(event, lead_id))
        for lead_id in lead_ids
    ]


def body(event: str, lead_id: int | None, **ids: int | str) -> dict[str, Any]:
    """A message's body, as a stage announces it."""
    return {
        "event": event,
        "lead_id": lead_id,
        "occurred_at": _OCCURRED_AT.isoformat(),
        "trace_id": f"trace-{lead_id}",
        **ids,
    }


def sqs_event(*bodies: object) -> dict[str, Any]:
    """An SQS event with a record a body; text is taken as it stands. Message ids count from "m0"."""
    return {
        "Records": [
            {"messageId": f"m{place}", "body": given if isinstance(given, str) else json.dumps(given)}
            for place, given in enumerate(bodies)
        ]
    }


def failed_ids(answer: dict[str, Any]) -> set[str]:
    """The messages that a handler wants again."""
    return {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}


def waiting(conn: Connection[Any], queue: str) -> list[dict[str, Any]]:
    """The messages in a queue, oldest first, delayed ones included."""
    table = sql.Identifier("pgmq", f"q_{queue}")
    return [row[0] for row in conn.execute(sql.SQL("SELECT message FROM {} ORDER BY msg_id").format(table))]


def sent(conn: Connection[Any], queue: str) -> list[tuple[str, int | None]]:
    """The events in a queue, with the leads they are about."""
    return [(message["event"], message["lead_id"]) for message in waiting(conn, queue)]
