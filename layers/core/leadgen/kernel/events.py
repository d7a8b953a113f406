"""The topics and events that stages and subscribers receive. A message holds ids, never personal data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Topic(StrEnum):
    """The names of the lifecycle events, and of the wake-ups, which are no events."""

    LEAD_RECEIVED = "lead.received"
    LEAD_VALIDATED = "lead.validated"
    LEAD_REJECTED = "lead.rejected"
    LEAD_ROUTED = "lead.routed"
    LEAD_UNROUTED = "lead.unrouted"
    DELIVERY_DUE = "delivery.due"
    DELIVERY_FAILED = "delivery.failed"
    DELIVERY_REJECTED = "delivery.rejected"
    LEAD_DELIVERED = "lead.delivered"
    LEAD_BILLED = "lead.billed"
    LEAD_ACCEPTED = "lead.accepted"
    LEAD_RETURNED = "lead.returned"
    BUYER_BALANCE_THRESHOLD = "buyer.balance_threshold"
    BUYER_CREDIT_LIMIT_NEAR = "buyer.credit_limit_near"
    INVOICE_GENERATED = "invoice.generated"
    CREDIT_NOTE_ISSUED = "credit_note.issued"
    PAYMENT_RECEIVED = "payment.received"
    PAYMENT_FAILED = "payment.failed"
    REFUND_REQUESTED = "refund.requested"
    TOP_UP_DUE = "top_up.due"
    AUDIT_FAILED = "audit.failed"
    NOTICE_DUE = "notice.due"


# What events were called before: messages in the queues, subscriptions and requests may still use these names.
NAMES_OF_BEFORE = {"delivery.refused": Topic.DELIVERY_REJECTED.value}

WAKE_UPS = frozenset({Topic.DELIVERY_DUE, Topic.NOTICE_DUE, Topic.REFUND_REQUESTED, Topic.TOP_UP_DUE})


def current_name(event: str) -> str:
    """An event's name of now, whatever it was called when its message was written."""
    return NAMES_OF_BEFORE.get(event, event)


@dataclass(frozen=True)
class Event:
    """One announcement; ``delay_seconds`` holds it back, ``ids`` are further ids (buyer_id, invoice_id …)."""

    topic: Topic
    occurred_at: datetime
    lead_id: int | None = None
    trace_id: str | None = None
    delay_seconds: float = 0
    ids: dict[str, int | str] = field(default_factory=dict)

    def message(self) -> dict[str, int | str | None]:
        """The message's body."""
        return {
            "event": self.topic.value,
            "lead_id": self.lead_id,
            "occurred_at": self.occurred_at.isoformat(),
            "trace_id": self.trace_id,
            **self.ids,
        }


# What happens to a lead once, whoever announces it and with whatever else.
_ONCE_A_LEAD = frozenset(
    {
        Topic.LEAD_RECEIVED,
        Topic.LEAD_VALIDATED,
        Topic.LEAD_DELIVERED,
        Topic.LEAD_BILLED,
        Topic.LEAD_ACCEPTED,
        Topic.LEAD_REJECTED,
        Topic.LEAD_RETURNED,
    }
)
_ABOUT = (
    "lead_id", "invoice_id", "credit_note_id", "payment_id", "delivery_id", "attempt", "audit_id", "invariant"
)  # fmt: skip


def event_key(message: Mapping[str, object]) -> str:
    """What an event is the first and only one of, however often it is announced: its name and the ids it is about."""
    names = ("lead_id",) if message["event"] in _ONCE_A_LEAD else _ABOUT
    about = [f"{name}={message[name]}" for name in names if message.get(name) is not None]
    return ":".join((str(message["event"]), *about))
