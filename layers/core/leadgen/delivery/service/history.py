"""A delivery with all its attempts, as the API and the command line show it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from psycopg import Connection

from leadgen.delivery.domain import verdicts
from leadgen.delivery.domain.verdicts import Delivery
from leadgen.delivery.store import history
from leadgen.delivery.store.history import RecordedAttempt
from leadgen.platform.egress.urls import without_query


@dataclass(frozen=True)
class DeliveryHistory:
    """A delivery with its attempts, oldest first."""

    delivery: Delivery
    attempts: tuple[RecordedAttempt, ...]


def load(conn: Connection[Any], delivery_ids: Sequence[str]) -> list[DeliveryHistory]:
    """These deliveries, in the order given, in two statements."""
    if not delivery_ids:
        return []
    made: dict[str, list[RecordedAttempt]] = defaultdict(list)
    for attempt in history.attempts(conn, delivery_ids):
        made[attempt.delivery_id].append(attempt)
    shown = history.shown(conn, delivery_ids)
    return [DeliveryHistory(delivery, tuple(made[delivery.delivery_id])) for delivery in shown]


def in_review(conn: Connection[Any], *, limit: int) -> list[DeliveryHistory]:
    """The review queue, longest waiting first."""
    return [
        delivery_history
        for delivery_history in load(conn, history.in_review(conn, limit=limit))
        if delivery_history.delivery.status == "in_review"  # somebody may have decided meanwhile
    ]


def of_lead(conn: Connection[Any], lead_id: int) -> list[DeliveryHistory]:
    """A lead's deliveries, oldest first."""
    return load(conn, history.of_lead(conn, lead_id))


def as_json(delivery_history: DeliveryHistory) -> dict[str, Any]:
    """A delivery as an operator needs it to decide."""
    delivery = delivery_history.delivery
    return {
        "delivery_id": delivery.delivery_id,
        "lead_id": delivery.lead_id,
        "buyer_id": delivery.buyer_id,
        "buyer": delivery.buyer,
        "status": delivery.status,
        "words": verdicts.state(delivery),
        "since": delivery.settled_at or delivery.created_at,
        "reason": delivery.review_reason or delivery.release_reason,
        "channel": delivery.channel,
        "next_attempt_at": delivery.next_attempt_at,
        "outcome_unknown": delivery.outcome_unknown,
        "rejection": delivery.rejection,
        "reference": delivery.reference,
        "attempts": len(delivery_history.attempts),
        "last_attempt": attempt_as_json(delivery_history.attempts[-1]) if delivery_history.attempts else None,
        "verdicts": list(verdicts.possible(delivery)),
    }


def in_full(delivery_history: DeliveryHistory) -> dict[str, Any]:
    """The same with every attempt, its endpoint, and a person's verdict on it; of the body only what it is."""
    delivery = delivery_history.delivery
    endpoint = None
    if delivery.endpoint_url is not None:
        endpoint = {
            "endpoint_id": delivery.endpoint_id,
            "url": without_query(delivery.endpoint_url),
            "state": delivery.endpoint_state,
            "reason": delivery.endpoint_reason,
        }
    verdict = None
    if delivery.verdict is not None:
        verdict = {
            "verdict": delivery.verdict,
            "buyer_id": delivery.verdict_buyer_id,
            "at": delivery.verdict_at,
            "by": delivery.verdict_by,
        }
    return {
        **as_json(delivery_history),
        "created_at": delivery.created_at,
        "settled_at": delivery.settled_at,
        "content_type": delivery.content_type,
        "body_bytes": delivery.body_bytes,
        "endpoint": endpoint,
        "verdict": verdict,
        "timeline": [attempt_as_json(attempt) for attempt in delivery_history.attempts],
    }


def attempt_as_json(attempt: RecordedAttempt) -> dict[str, Any]:
    """An attempt, with its outcome in words too."""
    fields = asdict(attempt)
    del fields["delivery_id"]
    return {**fields, "words": verdicts.OUTCOMES[attempt.outcome]}
