"""What an answer says, by its status and its headers."""

from datetime import timedelta
from email.utils import format_datetime

import pytest

from leadgen.outbound.domain import outcomes
from leadgen.outbound.domain.outcomes import CallOutcome, FailedForGood, FailedForNow, Succeeded
from tests.support.domain_values import NOON


def said(status: int, retry_after: float | None = None) -> CallOutcome:
    return outcomes.of_answer(None, status=status, content_type=None, body=b"", complete=True, retry_after=retry_after)


def test_every_2xx_is_success_410_the_end_and_all_else_a_failure_for_now() -> None:
    for status in range(100, 1000):
        match said(status):
            case Succeeded():
                assert 200 <= status < 300
            case FailedForGood():
                assert status == 410
            case outcome:
                assert outcome == FailedForNow(f"status {status}")
                assert status != 410
                assert not 200 <= status < 300


def test_a_retry_after_goes_with_the_failure() -> None:
    assert said(503, 30.0) == FailedForNow("status 503", 30.0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0), ("120", 120), (" 7 ", 7), ("1000000000000", 1e11), (None, None), ("", None), ("-5", None),
        ("1.5", None), ("soon", None), ("٣", None), ("Wed, 17 Jun 2026 12:00:30 GMT", 30),
        ("Wed, 17 Jun 2026 11:00:00 GMT", 0), ("Wednesday, 17-Jun-26 12:01:00 GMT", 60),
        ("Wed, 17 Jun 2026 14:00:30 +0200", 30), ("Wed, 99 Jun 2026 12:00:30 GMT", None),
        ("Wed, 17 Jun 2026 12:00:30", None), ("9" * 400, 999_999_999_999),
    ],
)  # fmt: skip
def test_a_retry_after_is_seconds_or_a_date_and_nonsense_is_none(header: str | None, seconds: float | None) -> None:
    assert outcomes.seconds_to_wait(header, now=NOON) == seconds


def test_a_date_is_held_against_the_clock() -> None:
    assert outcomes.seconds_to_wait(format_datetime(NOON + timedelta(hours=2)), now=NOON) == 7200
