"""When prepaid money is topped up by itself, and what a declined card means for the next time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from leadgen.billing.domain.terms import AutoTopUp
from leadgen.payments.domain import provider_backoff, top_ups
from leadgen.payments.domain.top_ups import PrepaidAccount

NOW = datetime(2026, 6, 17, 12, tzinfo=UTC)
TERMS = AutoTopUp(below=Decimal("50.00"), amount=Decimal("100.00"))
LOW = PrepaidAccount(
    buyer_id=1, currency="USD", is_active=True, wallet=Decimal("60.00"), spoken_for=Decimal("10.01"), has_method=True,
    is_pending=False, failed_at=None, error=None,
)  # fmt: skip


def test_what_is_free_below_the_limit_is_topped_up_by_the_agreed_amount() -> None:
    assert top_ups.due(LOW, TERMS, NOW) == Decimal("100.00")
    assert top_ups.due(replace(LOW, spoken_for=Decimal("10.00")), TERMS, NOW) is None  # the limit itself is enough


@pytest.mark.parametrize("change", [{"is_active": False}, {"has_method": False}, {"is_pending": True}])
def test_nothing_is_topped_up_that_cannot_be_or_is_under_way(change: dict[str, bool]) -> None:
    assert top_ups.due(replace(LOW, **change), TERMS, NOW) is None  # type: ignore[arg-type]  # each of its own type


def test_without_a_rule_nothing_is_topped_up() -> None:
    assert top_ups.due(LOW, None, NOW) is None


@pytest.mark.parametrize(
    ("error", "ago", "is_due"),
    [
        ("insufficient_funds", timedelta(hours=24, seconds=-1), False),
        ("insufficient_funds", timedelta(hours=24), True),
        ("stolen_card", timedelta(days=400), False),
        ("authentication_required", timedelta(days=400), False),
    ],
)
def test_a_declined_card_is_left_alone_for_a_day_or_until_there_is_another(
    error: str, ago: timedelta, is_due: bool
) -> None:
    declined = replace(LOW, failed_at=NOW - ago, error=error)
    assert (top_ups.due(declined, TERMS, NOW) is not None) == is_due


def test_the_provider_is_asked_again_ever_more_rarely_and_at_least_four_times_a_day() -> None:
    pauses = [provider_backoff.pause(attempt) for attempt in range(1, 40)]
    assert pauses[:3] == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(hours=6)
