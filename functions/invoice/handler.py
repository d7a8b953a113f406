"""On schedule: invoice closed cycles, mark overdue invoices, remind, pause, and issue payouts → invoice.generated."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from leadgen.invoicing.service import run as invoicing_run
from leadgen.payments.service import checkout
from leadgen.platform import clock
from leadgen.platform.log import logger
from leadgen.platform.messaging import bus
from leadgen.publishers.service import payouts
from leadgen.receivables.service import dunning
from leadgen.receivables.service import overdue as receivables_overdue

# What is left of Lambda's time when nothing more is begun: enough for the buyer at hand.
SPARE_SECONDS = 30


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Lambda's entry: a scheduled event."""
    return run(clock.now(), lambda: context is None or context.get_remaining_time_in_millis() > SPARE_SECONDS * 1000)


def run(now: datetime, has_time: Callable[[], bool] = lambda: True) -> dict[str, int]:
    """Do all that is due; safe to run twice, at once, or late. What there is no time for is the next run's."""
    with bus.transaction() as transaction:
        overdue = receivables_overdue.mark_overdue(transaction.conn, now=now)
    invoiced = invoicing_run.run(bus.transaction, now=now, has_time=has_time)
    paused = dunning.review_pauses(bus.transaction, now=now)
    reminded = dunning.remind(bus.transaction, now=now, pay_at=checkout.payment_url, has_time=has_time)
    paid_out = payouts.run(now)
    done = {
        **asdict(invoiced),
        **paid_out,
        "overdue": overdue,
        "pauses_changed": paused,
        "reminded": reminded.reminded,
        "not_reminded": reminded.not_sent,
        "left": invoiced.left + reminded.left,
    }
    logger.info("invoice.run", extra={"stage": "invoice", **done})
    return done
