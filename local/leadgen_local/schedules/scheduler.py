"""Calls the scheduled functions when their time has come, as EventBridge Scheduler does; one thread for each schedule.

A run that was due while nothing was up is not made up for, and a run that takes longer than its period is not joined
by another one.
"""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from leadgen_local.schedules.expressions import next_after
from leadgen_local.template.reader import Schedule, Template

_SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
_LONGEST_WAIT_SECONDS = 30.0  # the machine's clock may be set, or the machine sleep

_logger = logging.getLogger(__name__)


class Scheduler:
    """Every schedule of the template. `handlers` are called by function name."""

    def __init__(self, template: Template, handlers: Mapping[str, Callable[[dict[str, Any]], object]]) -> None:
        self._schedules = template.schedules
        self._handlers = handlers

    def start(self, stop: threading.Event) -> None:
        """Keep the schedules in threads of their own until `stop` is set; raises ScheduleError for one it cannot."""
        now = datetime.now(UTC)
        for schedule in self._schedules:
            next_after(schedule.expression, now)
        for schedule in self._schedules:
            threading.Thread(target=self._keep, args=(schedule, stop), name=schedule.name, daemon=True).start()

    def invoke(self, schedule: Schedule, due: datetime) -> None:
        """Call the function as of `due`. What it raises is logged: the next run may do better."""
        event = scheduled_event(schedule, due)
        try:
            self._handlers[schedule.function](event)
        except Exception:
            _logger.exception("%s: %s failed", schedule.name, schedule.function)

    def _keep(self, schedule: Schedule, stop: threading.Event) -> None:
        due = next_after(schedule.expression, datetime.now(UTC))
        while not stop.is_set():
            left = (due - datetime.now(UTC)).total_seconds()
            if left > 0:
                stop.wait(min(left, _LONGEST_WAIT_SECONDS))
                continue
            self.invoke(schedule, due)
            due = next_after(schedule.expression, datetime.now(UTC))


def scheduled_event(schedule: Schedule, due: datetime) -> dict[str, Any]:
    """The schedule's input with the time it is due filled in."""
    text = schedule.input.replace(_SCHEDULED_TIME, due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    event: dict[str, Any] = json.loads(text)
    return event
