"""Every day: what is kept no longer goes: personal data, audit rows, idle rotations, unused endpoints."""

from datetime import datetime
from typing import Any

from leadgen.audit_trail import store as audit_trail_store
from leadgen.delivery.store import deliveries
from leadgen.leads.domain import retention
from leadgen.leads.store import leads
from leadgen.notifications.store import notices, replays, subscriptions
from leadgen.outbound import store as outbound_store
from leadgen.platform import clock, db
from leadgen.platform.log import logger
from leadgen.routing.store import rotations

BATCH = 1000


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: a scheduled event."""
    return run(clock.now())


def run(now: datetime) -> dict[str, int]:
    """Erase in batches, each its own transaction, until nothing is left to erase."""
    erased = 0
    while (count := _erase(now)) > 0:
        erased += count
    with db.current().transaction() as conn:
        purged = audit_trail_store.purge(conn, before=retention.audit_horizon(now))
    forgotten = 0
    while (count := _forget(now)) > 0:
        forgotten += count
    purged = 0
    while (count := _purge_notices(now)) > 0:
        purged += count
    with db.current().transaction() as conn:
        replays.purge(conn, before=now - retention.NOTICE)
        subscriptions.purge(conn, before=now - retention.NOTICE)
    unused = 0
    while (count := _forget_endpoints(now)) > 0:
        unused += count
    done = {
        "leads_erased": erased,
        "audit_rows_purged": purged,
        "pools_forgotten": forgotten,
        "notices_purged": purged,
        "endpoints_forgotten": unused,
    }
    logger.info("retention.run", extra={"stage": "retain", **done})
    return done


def _erase(now: datetime) -> int:
    with db.current().transaction() as conn:
        erased = leads.erase_older_than(conn, before=retention.lead_horizon(now), now=now, limit=BATCH)
        if erased:
            deliveries.forget_contents(conn, erased)
        return len(erased)


def _forget(now: datetime) -> int:
    with db.current().transaction() as conn:
        return rotations.forget(conn, before=now - retention.ROTATION, limit=BATCH)


def _purge_notices(now: datetime) -> int:
    with db.current().transaction() as conn:
        return notices.purge(conn, before=now - retention.NOTICE, limit=BATCH)


def _forget_endpoints(now: datetime) -> int:
    with db.current().transaction() as conn:
        return outbound_store.forget(conn, before=now - retention.ENDPOINT, limit=BATCH)
