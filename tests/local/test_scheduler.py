"""Schedules call their functions."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from leadgen_local.schedules.expressions import ScheduleError
from leadgen_local.schedules.scheduler import Scheduler, scheduled_event
from leadgen_local.template.reader import Schedule, Template
from tests.support.local import a_function

DUE = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
SCHEDULE = Schedule("Tick", "Stage", "rate(1 minute)", '{"scheduled_at": "<aws.scheduler.scheduled-time>", "n": 1}')


def a_scheduler(handler: Callable[[dict[str, Any]], object], schedule: Schedule = SCHEDULE) -> Scheduler:
    return Scheduler(Template({"Stage": a_function()}, (), {}, (), (), (schedule,)), {"Stage": handler})


def test_the_input_has_the_scheduled_time() -> None:
    assert scheduled_event(SCHEDULE, DUE) == {"scheduled_at": "2026-03-01T10:00:00Z", "n": 1}


def test_the_function_is_called_with_the_input() -> None:
    events: list[dict[str, Any]] = []
    a_scheduler(events.append).invoke(SCHEDULE, DUE)
    assert events == [{"scheduled_at": "2026-03-01T10:00:00Z", "n": 1}]


def test_a_failing_function_does_not_end_the_schedule() -> None:
    def fail(event: dict[str, Any]) -> object:
        raise RuntimeError("no")

    a_scheduler(fail).invoke(SCHEDULE, DUE)


def test_a_schedule_that_cannot_be_kept_is_refused_at_the_start() -> None:
    with pytest.raises(ScheduleError):
        a_scheduler(print, Schedule("Never", "Stage", "cron(0 0 30 2 ? *)", "{}")).start(threading.Event())


def test_stopping_ends_the_threads() -> None:
    stop = threading.Event()
    before = set(threading.enumerate())
    a_scheduler(print).start(stop)
    (thread,) = set(threading.enumerate()) - before
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
