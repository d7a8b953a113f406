"""Every minute: announces again whatever waits too long. A queue may lose a wake-up; the sweep finds what is due."""

from datetime import datetime, timedelta
from typing import Any

from leadgen.buyers import store as buyers_store
from leadgen.delivery.service import records as delivery_records
from leadgen.delivery.store import deliveries
from leadgen.documents.service import mails as documents_mails
from leadgen.documents.store import mails as documents_mails_store
from leadgen.leads import service as leads_service
from leadgen.leads.store import leads
from leadgen.notifications.service import dispatch
from leadgen.notifications.store import notices
from leadgen.payments.service import collection as payments_collection
from leadgen.payments.service import provider_events as payments_provider_events
from leadgen.payments.service import top_ups
from leadgen.payments.store import collection as payments_collection_store
from leadgen.payments.store import provider_events as payments_provider_events_store
from leadgen.platform import clock, db
from leadgen.platform.log import logger
from leadgen.platform.messaging import bus

# How long a step may take before it is taken for lost.
PATIENCE = timedelta(seconds=60)

# How late a delivery or a notice may be: its own wake-up takes a moment.
GRACE = timedelta(seconds=5)

# How much is picked up in one run.
MOST = 1000

# Each takes its own transaction, or a buyer's lock.
MOST_EVENTS = 200
MOST_TOP_UPS = 100

# Replays of a batch are woken before their time: as many as the fastest one makes until the next run.
MOST_NOTICES = 4000
AHEAD = timedelta(seconds=dispatch.AHEAD_SECONDS)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: a scheduled event."""
    return run(clock.now())


def run(now: datetime) -> dict[str, int]:
    """Announce again what is overdue; every stage is guarded, so once too often harms nobody."""
    since, overdue_since = now - PATIENCE, now - GRACE
    published = bus.publish_leftovers(before=since, limit=MOST)
    with bus.transaction() as transaction:
        conn = transaction.conn
        stuck = leads.take_stuck(conn, now=now, since=since, limit=MOST)
        due = deliveries.take_overdue(conn, now=now, since=overdue_since, limit=MOST)
        overdue = notices.overdue(conn, now=now, since=overdue_since, ahead=now + AHEAD, limit=MOST_NOTICES)
        documents = documents_mails_store.overdue(conn, now=now, since=since, limit=MOST)
        transaction.announce(
            [leads_service.next_step(lead, now) for lead in stuck]
            + [delivery_records.overdue(delivery, now) for delivery in due]
            + [dispatch.wake_up_at(one, now) for one in overdue]
            + [documents_mails.again(one, now) for one in documents]
        )
    swept = {
        "published": published,
        "leads": len(stuck),
        "deliveries": len(due),
        "notices": len(overdue),
        "documents": len(documents),
    }
    swept |= {"provider_events": _act_on_events(now, since), "unasked": _repeat_calls(now, since)}
    logger.info("sweep.run", extra={"stage": "sweep", **swept})
    return swept


def _act_on_events(now: datetime, since: datetime) -> int:
    """Events of the payment provider that were not processed, each in a transaction of its own."""
    with db.current().connection() as conn:
        waiting = payments_provider_events_store.due(conn, now=now, since=since, limit=MOST_EVENTS)
    for event_id in waiting:
        with bus.transaction() as transaction:
            transaction.announce(payments_provider_events.work(transaction.conn, event_id, now=now))
    return len(waiting)


def _repeat_calls(now: datetime, since: datetime) -> int:
    """Refunds and top-ups not under way, and prepaid money that has become less without a lead being billed."""
    with bus.transaction() as transaction:
        low = top_ups.low(transaction.conn, now=now, limit=MOST_TOP_UPS)
        buyers_store.lock(transaction.conn, low)
        events = top_ups.due(transaction.conn, low, now)
        waiting = payments_collection_store.pending_calls(transaction.conn, now=now, since=since, limit=MOST)
        events += [payments_collection.wake_up(one, now) for one in waiting]
        transaction.announce(events)
    return len(waiting)
