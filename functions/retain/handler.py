"""Every day: personal data leaves the leads, and rows the log tables, when their time of retention is over."""

from datetime import datetime
from typing import Any

from leadgen.adapters import clock, db
from leadgen.adapters.log import logger
from leadgen.domain import retention
from leadgen.store import audit, leads

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
        purged = audit.purge(conn, before=retention.audit_horizon(now))
    logger.info("retention.run", extra={"stage": "retain", "leads_erased": erased, "audit_rows_purged": purged})
    return {"leads_erased": erased, "audit_rows_purged": purged}


def _erase(now: datetime) -> int:
    with db.current().transaction() as conn:
        return leads.erase_older_than(conn, before=retention.lead_horizon(now), now=now, limit=BATCH)
