"""On schedule: is all the money where it should be? → audit.failed, an event for each invariant that does not hold."""

import time
from collections import Counter
from datetime import datetime
from typing import Any

from leadgen.kernel.events import Event, Topic
from leadgen.platform import clock, db
from leadgen.platform.log import count, logger
from leadgen.platform.messaging import bus
from leadgen.reconciliation import service as reconciliation_service
from leadgen.reconciliation.store import runs

# A row or two tell what is wrong; a thousand tell no more.
_MOST_ROWS = 100


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: a scheduled event."""
    return run(clock.now())


def run(now: datetime) -> dict[str, int]:
    """Ask every invariant, and keep what was found; the metric ``violations`` raises the alarm."""
    began = time.monotonic()
    with db.current().connection() as conn:
        audited = reconciliation_service.audit(conn, now=now)
    milliseconds = round((time.monotonic() - began) * 1000)
    broken = [one for one in audited if one.broken]
    violations = sum(len(one.broken) for one in broken)
    findings = reconciliation_service.findings(audited, most=_MOST_ROWS)
    with bus.transaction() as transaction:
        audit_id = runs.record(
            transaction.conn, ran_at=now, milliseconds=milliseconds, violations=violations, findings=findings
        )
        transaction.announce(
            [
                Event(Topic.AUDIT_FAILED, now, ids={"audit_id": audit_id, "invariant": one.name, **_rows(one)})
                for one in broken
            ]
        )
    for one in broken:
        logger.error("audit.failed", extra={"stage": "audit", "invariant": one.name, **_rows(one)})
    count("audit", Counter(violations=violations), milliseconds=milliseconds)
    logger.info("audit.run", extra={"stage": "audit", "violations": violations, "milliseconds": milliseconds})
    return {"invariants": len(audited), "violations": violations}


def _rows(broken: reconciliation_service.Invariant) -> dict[str, int | str]:
    """The offending rows, as a message may hold them: their table, how many, and the first of their ids."""
    ids = ",".join(str(row.id) for row in broken.broken[:20])
    return {"subject": broken.broken[0].subject, "rows": len(broken.broken), "ids": ids}
