"""When schedules are due."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from leadgen_local.schedules.expressions import ScheduleError, next_after


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "now", "due"),
    [
        ("rate(1 minute)", "2026-03-01T10:00:30", "2026-03-01T10:01"),
        ("rate(1 minute)", "2026-03-01T10:01:00", "2026-03-01T10:02"),
        ("rate(15 minutes)", "2026-03-01T10:01", "2026-03-01T10:15"),
        ("rate(2 hours)", "2026-03-01T10:01", "2026-03-01T12:00"),
        ("rate(1 day)", "2026-02-28T10:01", "2026-03-01T00:00"),
        ("cron(5 * * * ? *)", "2026-03-01T10:05", "2026-03-01T11:05"),
        ("cron(30 3 * * ? *)", "2026-12-31T04:00", "2027-01-01T03:30"),
        ("cron(0/20 8-9 ? * MON-FRI *)", "2026-03-06T09:40", "2026-03-09T08:00"),
        ("cron(0 0 1 * ? *)", "2026-03-01T00:00", "2026-04-01T00:00"),
        ("cron(0 12 ? * 1,7 *)", "2026-03-02T00:00", "2026-03-07T12:00"),
        ("cron(0 0 29 2 ? *)", "2026-03-01T00:00", "2028-02-29T00:00"),
        ("cron(10,50 22 15 JAN,jul ? 2026-2030)", "2026-07-15T22:50", "2027-01-15T22:10"),
    ],
)
def test_next_is_the_first_due_time_strictly_later(expression: str, now: str, due: str) -> None:
    assert next_after(expression, at(now)) == at(due)


def test_times_of_other_zones_are_compared_in_utc() -> None:
    now = datetime(2026, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=5)))
    assert next_after("cron(30 7 * * ? *)", now) == at("2026-03-01T07:30")


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("every minute", "neither rate"),
        ("rate(0 minutes)", "positive"),
        ("cron(* * * * *)", "neither rate"),
        ("cron(60 * * * ? *)", "not within 0 to 59"),
        ("cron(0 0 L * ? *)", "not supported"),
        ("cron(0 0 1 * MON *)", "exactly one"),
        ("cron(0 0 ? * ? *)", "exactly one"),
        ("cron(0 0 30 2 ? *)", "never due"),
        ("cron(0 0 1 1 ? 2020)", "never due"),
    ],
)
def test_an_expression_that_cannot_be_kept_is_refused(expression: str, why: str) -> None:
    with pytest.raises(ScheduleError, match=why):
        next_after(expression, at("2026-03-01T00:00"))
