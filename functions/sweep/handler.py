"""Every minute: whatever waits too long is announced again. The queues are the wake-up, this is the guarantee."""

from datetime import datetime, timedelta
from typing import Any

from leadgen.adapters import bus, clock
from leadgen.adapters.log import logger
from leadgen.domain.events import Event, Topic
from leadgen.operations import mailing_documents, telling
from leadgen.store import deliveries, document_mails, leads, notices
from leadgen.store.leads import Stuck

# How long a step may take before it is taken for lost, and how much is picked up in one run.
PATIENCE = timedelta(seconds=60)
MOST = 1000

# Replays of a recovery are woken before their time: as many as the fastest one makes until the next run.
MOST_NOTICES = 4000
AHEAD = timedelta(seconds=telling.AHEAD_SECONDS)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: a scheduled event."""
    return run(clock.now())


def run(now: datetime) -> dict[str, int]:
    """Announce again what is overdue; every stage is guarded, so once too often harms nobody."""
    since = now - PATIENCE
    published = bus.publish_leftovers(before=since, limit=MOST)
    with bus.transaction() as transaction:
        stuck = leads.take_stuck(transaction.conn, now=now, since=since, limit=MOST)
        due = deliveries.take_overdue(transaction.conn, now=now, since=now - timedelta(seconds=5), limit=MOST)
        told = notices.overdue(
            transaction.conn, now=now, since=now - timedelta(seconds=5), ahead=now + AHEAD, limit=MOST_NOTICES
        )
        documents = document_mails.overdue(transaction.conn, now=now, since=since, limit=MOST)
        transaction.announce(
            [Event(Topic(lead.event), now, lead.lead_id, lead.trace_id, ids=_of_buyer(lead)) for lead in stuck]
            + [Event(Topic.DELIVERY_DUE, now, delivery.lead_id, delivery.trace_id) for delivery in due]
            + [telling.wake_up_at(one, now) for one in told]
            + [mailing_documents.again(one, now) for one in documents]
        )
    swept = {
        "published": published,
        "leads": len(stuck),
        "deliveries": len(due),
        "notices": len(told),
        "documents": len(documents),
    }
    logger.info("sweep.run", extra={"stage": "sweep", **swept})
    return swept


def _of_buyer(lead: Stuck) -> dict[str, int | str]:
    return {} if lead.buyer_id is None else {"buyer_id": lead.buyer_id}
