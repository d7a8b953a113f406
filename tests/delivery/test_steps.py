"""What follows from what a call came to: again, the next channel, the next buyer, or a person."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from leadgen.delivery.domain import steps
from leadgen.delivery.domain.steps import DeliveryProgress, Done, Release, Review, TryAgain
from leadgen.outbound.domain.backoff import Schedule, specified
from leadgen.outbound.domain.outcomes import CallOutcome, FailedForGood, FailedForNow, Rejected, Succeeded, Unknown

NOW = datetime(2026, 6, 17, 12, tzinfo=UTC)
SPECIFIED = specified(attempts=3, unit_seconds=1)
FAILED, UNKNOWN, GONE = FailedForNow("status 500"), Unknown("timeout"), FailedForGood("status 410")
FIRST = DeliveryProgress("webhook", None, made=1, outcome_unknown=False, jitter_seed=1, mailable=True)
SECOND, THIRD = replace(FIRST, made=2), replace(FIRST, made=3)
BY_MAIL = replace(FIRST, channel="email")


@pytest.mark.parametrize(
    ("state", "outcome", "step"),
    [
        (FIRST, Succeeded("ref-1"), Done("ref-1")),
        (THIRD, Succeeded(), Done(None)),
        (replace(FIRST, outcome_unknown=True), Succeeded(), Done(None)),
        (FIRST, FAILED, TryAgain("webhook", 5)),
        (SECOND, FAILED, TryAgain("webhook", 15)),
        (THIRD, FAILED, TryAgain("email", 0)),
        (FIRST, FailedForNow("status 503", retry_after=8), TryAgain("webhook", 8)),
        (replace(THIRD, mailable=False), FAILED, Review("webhook_failed")),
        (BY_MAIL, FAILED, TryAgain("email", 5)),
        (replace(BY_MAIL, made=3), FAILED, Review("email_failed")),
        (FIRST, GONE, TryAgain("email", 0)),
        (replace(FIRST, mailable=False), GONE, Review("webhook_failed")),
        (FIRST, Rejected("duplicate"), Release("duplicate")),
        (replace(SECOND, broke_down=True), Rejected("duplicate"), Review("rejected_outcome_unknown", "duplicate")),
        (replace(THIRD, broke_down=True), FAILED, TryAgain("email", 0)),
        (FIRST, UNKNOWN, TryAgain("webhook", 5)),
        (THIRD, UNKNOWN, Review("outcome_unknown")),
        (replace(BY_MAIL, made=3), UNKNOWN, Review("outcome_unknown")),
    ],
    ids=str,
)
def test_what_follows_an_attempt(state: DeliveryProgress, outcome: CallOutcome, step: object) -> None:
    assert steps.next_step(state, outcome, SPECIFIED) == step


@pytest.mark.parametrize("outcome", [FAILED, UNKNOWN, GONE, Rejected("duplicate")], ids=str)
@pytest.mark.parametrize("channel", ["webhook", "email"])
@pytest.mark.parametrize("made", [1, 2, 3])
def test_a_lead_in_doubt_goes_to_no_other_channel_and_no_other_buyer(
    outcome: CallOutcome, channel: steps.Channel, made: int
) -> None:
    outcome_unknown = replace(FIRST, channel=channel, made=made, outcome_unknown=True)
    match steps.next_step(outcome_unknown, outcome, SPECIFIED):
        case TryAgain(channel=again):
            assert again == channel
        case Review(reason=reason):
            assert reason in ("outcome_unknown", "rejected_outcome_unknown")
        case step:
            pytest.fail(str(step))


def test_whoever_is_held_back_waits_for_the_endpoint() -> None:
    until = NOW + timedelta(seconds=30)
    assert steps.held_back(FIRST, SPECIFIED, until=until, now=NOW) == TryAgain("webhook", 30)


def test_an_endpoint_is_waited_for_no_longer_than_the_schedule_and_a_minute() -> None:
    window = timedelta(seconds=SPECIFIED.window)
    assert window == timedelta(seconds=84)  # (5 + 15) x 1.2 + 60
    held = replace(FIRST, held_since=NOW - timedelta(seconds=80))
    assert steps.held_back(held, SPECIFIED, until=NOW + timedelta(seconds=4), now=NOW) == TryAgain("webhook", 4)
    late = NOW + timedelta(seconds=5)
    assert steps.held_back(held, SPECIFIED, until=late, now=NOW) == TryAgain("email", 0)
    assert steps.held_back(replace(held, outcome_unknown=True), SPECIFIED, until=late, now=NOW) == Review(
        "outcome_unknown"
    )
    # Whoever has not waited yet waits, however long ago its delivery began.
    assert steps.held_back(FIRST, SPECIFIED, until=late, now=NOW) == TryAgain("webhook", 5)


def test_who_has_waited_long_asks_again_more_rarely_and_not_when_the_others_do() -> None:
    patient = Schedule((40_000.0,), jittered=True)
    until, waited = NOW + timedelta(seconds=2), timedelta(seconds=1000)
    pauses = set()
    for seed in range(100):
        held = replace(FIRST, held_since=NOW - waited, jitter_seed=seed)
        again = steps.held_back(held, patient, until=until, now=NOW)
        assert isinstance(again, TryAgain)
        assert 2 <= again.delay_seconds <= 2 + 1000 * steps.PATIENCE
        pauses.add(round(again.delay_seconds))
    assert len(pauses) > 50


def test_an_endpoint_that_is_gone_is_not_waited_for() -> None:
    assert steps.held_back(FIRST, SPECIFIED, until=None, now=NOW) == TryAgain("email", 0)
