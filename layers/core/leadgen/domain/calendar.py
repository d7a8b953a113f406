"""Periods in a market's own time: where an hour or a day begins, whatever the clocks do."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, assert_never
from zoneinfo import ZoneInfo

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Cycle = Literal["weekly", "biweekly", "monthly"]


@dataclass(frozen=True)
class CapPeriods:
    """The first instants (UTC) of the local hour and the local day that an instant falls in."""

    hour: datetime
    day: datetime


def cap_periods(now: datetime, timezone: str) -> CapPeriods:
    """The hour and day a lead claimed at ``now`` counts against."""
    local = now.astimezone(ZoneInfo(timezone))
    hour = local.replace(minute=0, second=0, microsecond=0)
    return CapPeriods(hour=hour.astimezone(UTC), day=_midnight(local))


def last_close(now: datetime, timezone: str, cycle: Cycle) -> datetime:
    """The latest local midnight, not after ``now``, at which a billing cycle closed.

    Weeks close as Monday begins, two-week cycles on every other Monday from 8 January 2024 on, months on the first.
    """
    local = now.astimezone(ZoneInfo(timezone))
    match cycle:
        case "monthly":
            closing = local.replace(day=1)
        case "weekly":
            closing = local - timedelta(days=local.weekday())
        case "biweekly":
            monday = local - timedelta(days=local.weekday())
            # A fixed Monday: a year of 53 weeks shifts nothing.
            weeks = (monday.date() - datetime(2024, 1, 8, tzinfo=UTC).date()).days // 7
            closing = monday - timedelta(weeks=weeks % 2)
        case _:
            assert_never(cycle)
    return _midnight(closing)


def is_open(local: datetime, *, days: Collection[str], start: str, end: str) -> bool:
    """Whether a wall clock stands in a window that begins on one of ``days`` (``mon`` …) at ``start`` (``18:00``) and
    closes just before ``end``, on the next day where that is not after ``start``.
    """
    clock = local.strftime("%H:%M")
    today, yesterday = _DAYS[local.weekday()], _DAYS[local.weekday() - 1]
    if start < end:
        return today in days and start <= clock < end
    return (today in days and clock >= start) or (yesterday in days and clock < end)


def day_and_time(local: datetime) -> str:
    """``wed 18:05``, as windows are written."""
    return f"{_DAYS[local.weekday()]} {local:%H:%M}"


def _midnight(local: datetime) -> datetime:
    # Where the clocks skip midnight, the offset before the jump makes this the instant of the jump: the day's first.
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)
