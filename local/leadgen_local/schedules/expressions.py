"""When a schedule of EventBridge Scheduler is due next: `rate(…)` and `cron(…)`, in UTC.

`L`, `W` and `#` in cron expressions are refused: no schedule here needs them.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_WEEKDAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_LAST_YEAR = 2199
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ScheduleError(ValueError):
    """The expression is none that is supported, or names no future time."""


def next_after(expression: str, now: datetime) -> datetime:
    """The first due time strictly after `now`, in UTC.

    A rate is counted from the epoch, not from the start of this process, so a restart does not shift it.
    Raises ScheduleError for an expression that is malformed or will never be due again.
    """
    now = now.astimezone(UTC)
    if match := _RATE.fullmatch(expression):
        return _next_of_rate(int(match.group(1)) * _UNITS[match.group(2)], now, expression)
    if match := _CRON.fullmatch(expression):
        return _next_of_cron(match.groups(), now, expression)
    raise ScheduleError(f"{expression!r} is neither rate(value unit) nor cron(with six fields).")


def _next_of_rate(period: timedelta, now: datetime, expression: str) -> datetime:
    if not period:
        raise ScheduleError(f"{expression!r}: the value of a rate must be positive.")
    return _EPOCH + ((now - _EPOCH) // period + 1) * period


def _next_of_cron(fields: tuple[str, ...], now: datetime, expression: str) -> datetime:
    try:
        minutes = _values(fields[0], 0, 59)
        hours = _values(fields[1], 0, 23)
        days = _values(fields[2], 1, 31)
        months = _values(fields[3], 1, 12, _MONTHS)
        weekdays = _values(fields[4], 1, 7, _WEEKDAYS)
        years = _values(fields[5], 1970, _LAST_YEAR)
    except ValueError as error:
        raise ScheduleError(f"{expression!r}: {error}") from error
    if (fields[2] == "?") == (fields[4] == "?"):
        raise ScheduleError(f"{expression!r}: exactly one of day-of-month and day-of-week must be '?'.")
    for day in _days(now.date(), years, months):
        if day.day not in days or day.isoweekday() % 7 + 1 not in weekdays:
            continue
        for hour in sorted(hours):
            for minute in sorted(minutes):
                due = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
                if due > now:
                    return due
    raise ScheduleError(f"{expression!r} is never due after {now.isoformat()}.")


def _days(first: date, years: set[int], months: set[int]) -> Iterator[date]:
    for year in sorted(year for year in years if year >= first.year):
        for month in sorted(months):
            day = max(first, date(year, month, 1))
            while (day.year, day.month) == (year, month):
                yield day
                day += timedelta(days=1)


def _values(field: str, low: int, high: int, names: Mapping[str, int] | None = None) -> set[int]:
    """Everything a field allows: `*`, `?`, or a comma list of values, ranges and steps."""
    values: set[int] = set()
    for part in field.upper().split(","):
        span, _, step = part.partition("/")
        if span in ("*", "?"):
            first, last = low, high
        else:
            start, dash, end = span.partition("-")
            first = _number(start, names)
            last = _number(end, names) if dash else (high if step else first)
        if not low <= first <= last <= high:
            raise ValueError(f"{part!r} is not within {low} to {high}.")
        values.update(range(first, last + 1, _number(step, None) if step else 1))
    return values


def _number(text: str, names: Mapping[str, int] | None) -> int:
    if names is not None and text in names:
        return names[text]
    if not text.isdecimal():
        raise ValueError(f"{text!r} is not supported.")
    return int(text)
