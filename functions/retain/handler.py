"""Every day: erases what is past its retention: personal data, audit rows, rotations, notices, unused endpoints."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from psycopg import Connection

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
    done = {
        "leads_erased": _in_batches(_erase_leads, now),
        "audit_rows_purged": _purge_audit_rows(now),
        "rotations_forgotten": _in_batches(_forget_rotations, now),
        "notices_purged": _in_batches(_purge_notices, now),
    }
    # After the notices that name them, and before the endpoints that they name.
    with db.current().transaction() as conn:
        replays.purge(conn, before=now - retention.NOTICE)
        subscriptions.purge(conn, before=now - retention.NOTICE)
    done["endpoints_forgotten"] = _in_batches(_forget_endpoints, now)
    logger.info("retention.run", extra={"stage": "retain", **done})
    return done


def _in_batches(erase: Callable[[Connection[Any], datetime], int], now: datetime) -> int:
    """Repeat until a batch erases nothing; how many rows that were."""
    total = 0
    while True:
        with db.current().transaction() as conn:
            erased = erase(conn, now)
        if not erased:
            return total
        total += erased


def _erase_leads(conn: Connection[Any], now: datetime) -> int:
    erased = leads.erase_older_than(conn, before=retention.lead_horizon(now), now=now, limit=BATCH)
    if erased:
        deliveries.forget_contents(conn, erased)
    return len(erased)


def _purge_audit_rows(now: datetime) -> int:
    with db.current().transaction() as conn:
        return audit_trail_store.purge(conn, before=retention.audit_horizon(now))


def _forget_rotations(conn: Connection[Any], now: datetime) -> int:
    return rotations.delete(conn, before=now - retention.ROTATION, limit=BATCH)


def _purge_notices(conn: Connection[Any], now: datetime) -> int:
    return notices.purge(conn, before=now - retention.NOTICE, limit=BATCH)


def _forget_endpoints(conn: Connection[Any], now: datetime) -> int:
    return outbound_store.delete(conn, before=now - retention.ENDPOINT, limit=BATCH)
