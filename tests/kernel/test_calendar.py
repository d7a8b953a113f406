"""Hours, days and billing cycles in a market's own time, across every kind of clock change."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.kernel import calendar
from leadgen.kernel.calendar import Cycle

ZONES = [
    "UTC", "America/Denver", "America/Havana", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Kathmandu",
    "America/St_Johns", "Pacific/Chatham", "Asia/Beirut", "America/Asuncion", "Pacific/Kiritimati",
]  # fmt: skip
INSTANTS = st.datetimes(datetime(2023, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "now", "hour", "day"),
    [
        ("UTC", "2026-06-17T12:34:56", "2026-06-17T12:00", "2026-06-17T00:00"),
        ("America/Denver", "2026-06-17T05:59", "2026-06-17T05:00", "2026-06-16T06:00"),
        ("America/Denver", "2026-06-17T06:00", "2026-06-17T06:00", "2026-06-17T06:00"),
        # Spring: 8 March 2026 has 23 hours.
        ("America/Denver", "2026-03-09T05:59", "2026-03-09T05:00", "2026-03-08T07:00"),
        # Autumn: the hour from 1:00 comes twice on 1 November 2026, and each is an hour of its own.
        ("America/Denver", "2026-11-01T07:30", "2026-11-01T07:00", "2026-11-01T06:00"),
        ("America/Denver", "2026-11-01T08:30", "2026-11-01T08:00", "2026-11-01T06:00"),
        # Midnight itself is skipped: the day begins with the jump, at 1:00.
        ("America/Havana", "2026-03-08T05:00", "2026-03-08T05:00", "2026-03-08T05:00"),
        ("America/Havana", "2026-03-08T04:59", "2026-03-08T04:00", "2026-03-07T05:00"),
        ("Africa/Cairo", "2026-04-23T22:00", "2026-04-23T22:00", "2026-04-23T22:00"),
        # Midnight comes twice: the day begins with the first.
        ("America/Havana", "2026-11-01T05:30", "2026-11-01T05:00", "2026-11-01T04:00"),
        # Half an hour of change: in autumn the half hour from 1:30 comes twice, in spring that from 2:00 never.
        ("Australia/Lord_Howe", "2026-04-04T14:59", "2026-04-04T14:00", "2026-04-04T13:00"),
        ("Australia/Lord_Howe", "2026-04-04T15:15", "2026-04-04T15:00", "2026-04-04T13:00"),
        ("Australia/Lord_Howe", "2026-04-04T15:29", "2026-04-04T15:00", "2026-04-04T13:00"),
        ("Australia/Lord_Howe", "2026-10-03T15:45", "2026-10-03T15:30", "2026-10-03T13:30"),
        # A change at a quarter to: 2:45 becomes 3:45 in spring, 3:45 becomes 2:45 in autumn.
        ("Pacific/Chatham", "2026-09-26T14:05", "2026-09-26T14:00", "2026-09-26T11:15"),
        ("Pacific/Chatham", "2026-04-04T14:05", "2026-04-04T14:00", "2026-04-04T10:15"),
        ("Asia/Kathmandu", "2026-06-17T12:34", "2026-06-17T12:15", "2026-06-16T18:15"),
    ],
)
def test_cap_periods_begin_where_the_market_s_clock_says(zone: str, now: str, hour: str, day: str) -> None:
    periods = calendar.cap_periods(utc(now), zone)
    assert (periods.hour, periods.day) == (utc(hour), utc(day))


@pytest.mark.parametrize("zone", ZONES)
@given(now=INSTANTS)
def test_every_instant_is_in_exactly_one_hour_and_one_day(zone: str, now: datetime) -> None:
    periods = calendar.cap_periods(now, zone)
    assert periods.day <= periods.hour <= now
    # A period's own start, and every instant of it so far, belong to that same period.
    assert calendar.cap_periods(periods.day, zone).day == periods.day
    assert calendar.cap_periods(periods.hour, zone).hour == periods.hour
    between = periods.day + (now - periods.day) / 2
    assert calendar.cap_periods(between, zone).day == periods.day
    # A day is one date of the local calendar, from its first instant on.
    local = ZoneInfo(zone)
    assert now.astimezone(local).date() == periods.day.astimezone(local).date()
    assert (periods.day - timedelta(microseconds=1)).astimezone(local).date() < now.astimezone(local).date()


@pytest.mark.parametrize("zone", ZONES)
def test_the_days_of_two_years_follow_each_other_without_gap_or_overlap(zone: str) -> None:
    moment = utc("2025-12-31T12:00")
    starts = sorted({calendar.cap_periods(moment + timedelta(hours=n), zone).day for n in range(24 * 731)})
    assert len(starts) in (731, 732)
    for start, end in pairwise(starts):
        assert timedelta(hours=22) < end - start < timedelta(hours=26)
        assert calendar.cap_periods(end - timedelta(microseconds=1), zone).day == start


@pytest.mark.parametrize(
    ("cycle", "now", "closed"),
    [
        ("weekly", "2026-06-17T12:00", "2026-06-15T06:00"),  # Monday, midnight in Denver
        ("weekly", "2026-06-15T06:00", "2026-06-15T06:00"),  # at the close itself
        ("weekly", "2026-06-15T05:59:59", "2026-06-08T06:00"),
        ("weekly", "2026-03-09T06:30", "2026-03-09T06:00"),  # the night after the clocks changed
        ("monthly", "2026-06-17T12:00", "2026-06-01T06:00"),
        ("monthly", "2026-06-01T05:59:59", "2026-05-01T06:00"),
        ("monthly", "2026-03-31T12:00", "2026-03-01T07:00"),
        ("monthly", "2026-12-31T12:00", "2026-12-01T07:00"),
        ("biweekly", "2024-01-08T07:00", "2024-01-08T07:00"),
        ("biweekly", "2024-01-21T12:00", "2024-01-08T07:00"),
        ("biweekly", "2024-01-22T07:00", "2024-01-22T07:00"),
    ],
)
def test_a_cycle_closes_at_local_midnight(cycle: Cycle, now: str, closed: str) -> None:
    assert calendar.last_close(utc(now), "America/Denver", cycle) == utc(closed)


def test_a_close_at_a_midnight_that_is_skipped_is_the_jump() -> None:
    # In Tehran the clocks went from 0:00 to 1:00 on Monday, 22 March 2021.
    assert calendar.last_close(utc("2021-03-22T12:00"), "Asia/Tehran", "weekly") == utc("2021-03-21T20:30")
    assert calendar.last_close(utc("2021-03-21T20:29:59"), "Asia/Tehran", "weekly") == utc("2021-03-14T20:30")


def test_two_week_cycles_go_on_through_a_year_of_53_weeks() -> None:
    closes = {
        calendar.last_close(utc("2026-12-01T12:00") + timedelta(days=n), "UTC", "biweekly") for n in range(90)
    }  # fmt: skip
    assert {(b - a).days for a, b in pairwise(sorted(closes))} == {14}


@pytest.mark.parametrize("cycle", ["weekly", "biweekly", "monthly"])
@pytest.mark.parametrize("zone", ["America/Denver", "America/Havana", "Africa/Cairo", "Pacific/Kiritimati"])
@given(now=INSTANTS)
def test_the_last_close_is_past_local_and_stable(cycle: Cycle, zone: str, now: datetime) -> None:
    close = calendar.last_close(now, zone, cycle)
    assert close <= now
    assert calendar.last_close(close, zone, cycle) == close
    assert calendar.last_close(close - timedelta(microseconds=1), zone, cycle) < close
    longest = {"weekly": 7, "biweekly": 14, "monthly": 31}[cycle]
    assert now - close < timedelta(days=longest, hours=2)
    local = close.astimezone(ZoneInfo(zone)).date()
    assert local.day == 1 if cycle == "monthly" else local.weekday() == date(2026, 6, 15).weekday()


def zones_by_rules() -> list[list[str]]:
    """Every zone once, beside those that are other names for the same rules."""
    alike: dict[object, list[str]] = {}
    for zone in sorted(available_timezones()):
        files = [file for folder in TZPATH if (file := Path(folder, zone)).is_file()]
        alike.setdefault(files[0].read_bytes() if files else zone, []).append(zone)
    return list(alike.values())


def test_in_every_zone_each_instant_of_2026_falls_in_exactly_one_cap_day() -> None:
    lengths: dict[timedelta, set[str]] = {}
    for zone, *aliases in zones_by_rules():
        start = calendar.cap_periods(utc("2025-12-31T12:00"), zone).day
        local_date = start.astimezone(ZoneInfo(zone)).date()
        while start < utc("2027-01-02T00:00"):
            end = calendar.next_period(start, zone, "day")
            # The day is the instants from start up to end, and those only.
            assert calendar.cap_periods(start, zone).day == start
            assert calendar.cap_periods(end - timedelta(microseconds=1), zone).day == start
            lengths.setdefault(end - start, set()).update((zone, *aliases))
            start, local_date = end, local_date + timedelta(days=1)
            assert start.astimezone(ZoneInfo(zone)).date() == local_date
    hours = {length / timedelta(hours=1): zones for length, zones in lengths.items()}
    assert set(hours) == {22, 23, 23.5, 24, 24.5, 25, 26}
    assert hours[23.5] == hours[24.5] == {"Australia/LHI", "Australia/Lord_Howe"}
    assert hours[22] == hours[26] == {"Antarctica/Troll"}  # the one place whose clocks change by two hours


@pytest.mark.parametrize("zone", ZONES)
def test_the_twenty_ninth_of_february_and_the_end_of_the_year_are_days_like_any_other(zone: str) -> None:
    local = ZoneInfo(zone)
    for first, days in ((date(2028, 2, 27), 4), (date(2026, 12, 30), 4)):
        start = calendar.cap_periods(datetime(first.year, first.month, first.day, 12, tzinfo=local), zone).day
        for number in range(days):
            assert start.astimezone(local).date() == first + timedelta(days=number)
            start = calendar.next_period(start, zone, "day")


@pytest.mark.parametrize("zone", ZONES)
@given(now=INSTANTS)
def test_weeks_begin_on_monday_and_months_on_the_first_and_each_ends_where_the_next_begins(
    zone: str, now: datetime
) -> None:
    local = ZoneInfo(zone)
    periods = calendar.cap_periods(now, zone)
    assert periods.week <= periods.day <= now
    assert periods.month <= periods.day
    assert periods.week.astimezone(local).weekday() == 0
    assert periods.month.astimezone(local).day == 1
    for period in ("week", "month"):
        following = calendar.next_period(now, zone, period)
        assert following > now
        assert getattr(calendar.cap_periods(following, zone), period) == following
        assert getattr(calendar.cap_periods(following - timedelta(microseconds=1), zone), period) == getattr(
            periods, period
        )


@given(INSTANTS, st.sampled_from(ZONES))
def test_the_next_hour_is_never_far_and_another_one(now: datetime, zone: str) -> None:
    following = calendar.next_period(now, zone, "hour")
    assert now < following <= now + timedelta(hours=1)
    assert calendar.cap_periods(following, zone).hour == following


@pytest.mark.parametrize("zone", ["Australia/Lord_Howe", "Pacific/Chatham", "America/Denver"])
def test_on_the_days_of_odd_clock_changes_the_next_hour_is_still_to_come(zone: str) -> None:
    for day in ("2026-03-08", "2026-04-04", "2026-09-26", "2026-10-03", "2026-11-01"):
        for minute in range(0, 24 * 60, 5):
            now = utc(day) + timedelta(minutes=minute)
            following = calendar.next_period(now, zone, "hour")
            assert now < following <= now + timedelta(hours=1)
            assert calendar.cap_periods(following, zone).hour == following
            assert calendar.cap_periods(following - timedelta(microseconds=1), zone).hour == (
                calendar.cap_periods(now, zone).hour
            )
