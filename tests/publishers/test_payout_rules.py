"""When a publisher is paid, and what of."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.publishers.domain import payouts
from leadgen.publishers.domain.payouts import Earned, PublisherAccount

JULY = datetime(2026, 7, 1, tzinfo=UTC)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)


def account(timezone: str = "UTC", last: datetime | None = None) -> PublisherAccount:
    return PublisherAccount(1, "Home Pages", "USD", timezone, last)


def earned(*amounts: str, at: datetime = datetime(2026, 6, 17, 12, tzinfo=UTC)) -> list[Earned]:
    return [Earned(number, at, Decimal(amount)) for number, amount in enumerate(amounts, start=1)]


@pytest.mark.parametrize(
    ("timezone", "now", "closed"),
    [
        ("UTC", "2026-06-30T23:59:59.999999+00:00", "2026-06-01T00:00+00:00"),
        ("UTC", "2026-07-01T00:00+00:00", "2026-07-01T00:00+00:00"),
        ("America/Denver", "2026-07-01T05:59:59+00:00", "2026-06-01T06:00+00:00"),
        ("America/Denver", "2026-07-01T06:00+00:00", "2026-07-01T06:00+00:00"),
        ("Asia/Tokyo", "2026-06-30T15:00+00:00", "2026-06-30T15:00+00:00"),
        ("UTC", "2026-09-17T12:00+00:00", "2026-09-01T00:00+00:00"),  # weeks late
    ],
)
def test_a_month_closes_at_its_midnight_in_the_publishers_zone(timezone: str, now: str, closed: str) -> None:
    assert payouts.close(account(timezone), datetime.fromisoformat(now)) == datetime.fromisoformat(closed)


def test_a_month_that_was_paid_is_not_paid_again() -> None:
    assert payouts.close(account(last=JULY), datetime(2026, 7, 31, tzinfo=UTC)) is None
    assert payouts.close(account(last=JULY), datetime(2026, 8, 1, tzinfo=UTC)) == datetime(2026, 8, 1, tzinfo=UTC)
    # The publisher has moved west: what closes hours after the last payout's end is a payout of its own.
    assert payouts.close(account("America/Denver", JULY), datetime(2026, 7, 1, 5, tzinfo=UTC)) is None


def test_a_payout_begins_where_the_last_one_ended_or_with_the_month_of_its_first_earning() -> None:
    first = payouts.draft(account(), earned("5"), period_end=JULY)
    later = payouts.draft(account(last=datetime(2026, 4, 1, tzinfo=UTC)), earned("5"), period_end=JULY)
    assert first is not None
    assert later is not None
    assert (first.period_start, later.period_start) == (JUNE, datetime(2026, 4, 1, tzinfo=UTC))


def test_what_is_earned_at_the_close_is_the_next_payouts() -> None:
    both = [*earned("5"), *earned("7", at=JULY)]
    drafted = payouts.draft(account(), both, period_end=JULY)
    assert drafted is not None
    assert [line.amount for line in drafted.lines] == [Decimal(5)]


@pytest.mark.parametrize("amounts", [(), ("5", "-5"), ("5", "-5.01"), ("-1",)])
def test_nothing_and_less_is_not_paid(amounts: tuple[str, ...]) -> None:
    assert payouts.draft(account(), earned(*amounts), period_end=JULY) is None


@given(st.lists(st.decimals(-100, 100, places=2).filter(bool).map(str), max_size=8))
def test_a_payout_pays_what_was_earned_less_what_was_reversed(amounts: list[str]) -> None:
    drafted = payouts.draft(account(), earned(*amounts), period_end=JULY)
    assert (drafted is not None) == (sum(map(Decimal, amounts)) > 0)
    if drafted is not None:
        assert drafted.total == drafted.earned - drafted.reversed == sum(map(Decimal, amounts))
        assert min(drafted.earned, drafted.reversed) >= 0
