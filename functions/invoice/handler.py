"""On schedule: invoice every account whose billing cycle has closed → invoice.generated."""

from datetime import datetime
from typing import Any

from leadgen.adapters import clock
from leadgen.adapters.log import logger
from leadgen.operations import invoicing


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: a scheduled event."""
    return run(clock.now())


def run(now: datetime) -> dict[str, int]:
    """Issue what is due; safe to run twice, at once, or late."""
    issued, failed = invoicing.close_cycles(now=now)
    logger.info("invoice.run", extra={"stage": "invoice", "issued": issued, "failed": failed})
    return {"issued": issued, "failed": failed}
