"""Hours, days, weeks and billing cycles in a market's time zone, across clock changes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal, assert_never
from zoneinfo import ZoneInfo

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Cycle = Literal["weekly", "biweekly", "monthly"]


Period = Literal["hour", "day", "week", "month"]
PERIODS: tuple[Period, ...] = ("hour", "day", "week", "month")


@dataclass(frozen=True)
class CapPeriods:
    """The first instants (UTC) of the local hour, day, week (from Monday) and month that an instant falls in.

    Where the clocks change within an hour, the change begins another.
    """

    hour: datetime
    day: datetime
    week: datetime
    month: datetime


def cap_periods(now: datetime, timezone: str) -> CapPeriods:
    """The periods a lead claimed at ``now`` counts against."""
    local = now.astimezone(ZoneInfo(timezone))
    return CapPeriods(
        hour=_hour(local),
        day=_midnight(local),
        week=_midnight(local - timedelta(days=local.weekday())),
        month=_midnight(local.replace(day=1)),
    )


def next_period(now: datetime, timezone: str, period: Period) -> datetime:
    """The first instant (UTC) after ``now`` that counts against another hour, day, week or month."""
    local = now.astimezone(ZoneInfo(timezone))
    match period:
        case "hour":
            began = now.astimezone(UTC) - _gone(local)
            following = began + timedelta(hours=1)
            if not _changes(following, local):
                return following
            return _change(now.astimezone(UTC).replace(microsecond=0), following, local)
        case "day":
            return _midnight(local + timedelta(days=1))
        case "week":
            return _midnight(local + timedelta(days=7 - local.weekday()))
        case "month":
            return _midnight((local.replace(day=1) + timedelta(days=32)).replace(day=1))
        case _:
            assert_never(period)


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


def local_day(now: datetime, timezone: str, days: int) -> datetime:
    """The first instant (UTC) of the local day that is so many days after the one ``now`` falls in."""
    return _midnight(now.astimezone(ZoneInfo(timezone)) + timedelta(days=days))


def day_after(day: date, timezone: str) -> datetime:
    """The first instant (UTC) after a local day."""
    following = day + timedelta(days=1)
    return _midnight(datetime(following.year, following.month, following.day, tzinfo=ZoneInfo(timezone)))


def is_open(local: datetime, *, days: Collection[str], start: str, end: str) -> bool:
    """Whether a wall clock stands in a window that begins on one of ``days`` (``mon`` …) at ``start`` (``18:00``) and
    closes just before ``end``, on the next day where that is not after ``start``.
    """
    clock = local.strftime("%H:%M")
    today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
    if start < end:
        return today in days and start <= clock < end
    return (today in days and clock >= start) or (yesterday in days and clock < end)


def next_opening(now: datetime, timezone: str, hours: Mapping[Day, Sequence[tuple[str, str]]]) -> datetime | None:
    """The first instant (UTC) after ``now`` at which a window of ``hours``, by the day it begins on, opens."""
    local = now.astimezone(ZoneInfo(timezone))
    openings = [
        day.replace(hour=int(start[:2]), minute=int(start[3:]), second=0, microsecond=0, fold=0).astimezone(UTC)
        for day in (local + timedelta(days=ahead) for ahead in range(8))
        for start, _ in hours.get(DAYS[day.weekday()], ())
    ]
    return min((opening for opening in openings if opening > now), default=None)


def day_and_time(local: datetime) -> str:
    """``wed 18:05``, as windows are written."""
    return f"{DAYS[local.weekday()]} {local:%H:%M}"


def _hour(local: datetime) -> datetime:
    start = local.astimezone(UTC) - _gone(local)
    return _change(start, local.astimezone(UTC), local) if _changes(start, local) else start


def _gone(local: datetime) -> timedelta:
    return timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def _changes(instant: datetime, local: datetime) -> bool:
    return instant.astimezone(local.tzinfo).utcoffset() != local.utcoffset()


def _change(before: datetime, after: datetime, local: datetime) -> datetime:
    """The instant between two, to the second, from which on the clocks are not as they were ``before``."""
    was = before.astimezone(local.tzinfo)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=int((after - before).total_seconds() / 2 + 0.5))
        before, after = (before, middle) if _changes(middle, was) else (middle, after)
    return after


def _midnight(local: datetime) -> datetime:
    # Where the clocks skip midnight, the offset before the jump makes this the instant of the jump: the day's first.
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)
