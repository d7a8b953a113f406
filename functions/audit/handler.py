"""On schedule: check every invariant of the money → audit.failed, an event for each one that does not hold."""

from collections import Counter
from datetime import datetime
from typing import Any

from leadgen.platform import clock, db
from leadgen.platform.log import count, logger
from leadgen.platform.messaging import bus
from leadgen.reconciliation import service
from leadgen.reconciliation.store import runs

# A row or two show what is wrong; a thousand show no more.
_MOST_ROWS = 100


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: a scheduled event."""
    return run(clock.now())


def run(now: datetime) -> dict[str, int]:
    """Check every invariant and record what was found; the metric ``violations`` raises the alarm."""
    began = clock.seconds()
    with db.current().connection() as conn:
        audited = service.audit(conn, now=now)
    milliseconds = round((clock.seconds() - began) * 1000)
    broken = [one for one in audited if one.broken]
    violations = sum(len(one.broken) for one in broken)
    findings = service.findings(audited, most=_MOST_ROWS)
    with bus.transaction() as transaction:
        audit_id = runs.record(
            transaction.conn, ran_at=now, milliseconds=milliseconds, violations=violations, findings=findings
        )
        transaction.announce([service.event(one, audit_id, now) for one in broken])
    for one in broken:
        logger.error("audit.failed", extra={"stage": "audit", "invariant": one.name, **service.rows(one)})
    count("audit", Counter(violations=violations), milliseconds=milliseconds)
    logger.info("audit.run", extra={"stage": "audit", "violations": violations, "milliseconds": milliseconds})
    return {"invariants": len(audited), "violations": violations}
