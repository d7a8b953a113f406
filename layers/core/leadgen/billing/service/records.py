"""What billing announces of a billed lead, and logs of every message."""

from collections.abc import Mapping
from datetime import datetime

from leadgen.billing.store.charges import Billed
from leadgen.kernel.events import Event, Topic
from leadgen.platform.messaging.batch import Message, Outcome


def event(lead: Billed, now: datetime) -> Event:
    """``lead.billed``."""
    return Event(Topic.LEAD_BILLED, now, lead.lead_id, lead.trace_id, ids={"buyer_id": lead.buyer_id})


def outcome(message: Message, billed: Mapping[int, Billed]) -> Outcome:
    """The log line of a message. The mapping is by lead id."""
    lead = billed.get(message.lead_id) if message.lead_id is not None else None
    if lead is None:
        return Outcome("repeated", message.lead_id)
    return Outcome(
        "billed",
        lead.lead_id,
        {
            "buyer_id": lead.buyer_id,
            "offer_id": lead.offer_id,
            "price": str(lead.price),
            "trace_id": lead.trace_id,
        },
    )
