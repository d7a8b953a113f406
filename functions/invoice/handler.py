"""On schedule: invoice every account whose billing cycle has closed → invoice.generated."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from leadgen.adapters import bus, clock
from leadgen.adapters.log import logger
from leadgen.operations import invoice_run

# What is left of Lambda's time when nothing more is begun: enough for the buyer at hand.
SPARE_SECONDS = 30


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Lambda's entry: a scheduled event."""
    return run(clock.now(), lambda: context is None or context.get_remaining_time_in_millis() > SPARE_SECONDS * 1000)


def run(now: datetime, has_time: Callable[[], bool] = lambda: True) -> dict[str, int]:
    """Issue what is due; safe to run twice, at once, or late. What there is no time for is the next run's."""
    done = asdict(invoice_run.run(bus.transaction, now=now, has_time=has_time))
    logger.info("invoice.run", extra={"stage": "invoice", **done})
    return done
