"""The retry schedule, on a virtual clock: none early, none late beyond its jitter, none after the last."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.delivery.domain.steps import DeliveryProgress, Done, Release, Review, TryAgain, next_step
from leadgen.outbound.domain.backoff import JITTER, PATIENCE_SECONDS, Schedule, specified
from leadgen.outbound.domain.outcomes import CallOutcome, FailedForGood, FailedForNow, Rejected, Succeeded, Unknown

LONG = Schedule((5, 300, 1800, 7200, 18000, 36000), jittered=True)


def test_the_specified_attempts_are_at_once_after_5_and_after_15_seconds() -> None:
    schedule = specified(attempts=3, unit_seconds=1)
    assert schedule == Schedule((5, 15), jittered=False)
    assert [schedule.delay(made, seed=7) for made in (1, 2, 3, 4)] == [5, 15, None, None]


@pytest.mark.parametrize(
    ("attempts", "unit", "steps"), [(1, 1, ()), (2, 1, (5,)), (5, 2, (10, 30, 30, 30)), (3, 0, (0, 0))]
)
def test_the_specified_pauses_stretch_with_the_unit_and_keep_the_last_step(
    attempts: int, unit: float, steps: tuple[float, ...]
) -> None:
    assert specified(attempts=attempts, unit_seconds=unit).steps == steps


@given(st.integers(0, 2**31 - 1), st.integers(1, 6))
def test_jitter_is_within_a_fifth_and_the_same_for_the_same_seed(seed: int, made: int) -> None:
    delay = LONG.delay(made, seed=seed)
    assert delay == LONG.delay(made, seed=seed)
    assert delay is not None
    assert (1 - JITTER) * LONG.steps[made - 1] <= delay <= (1 + JITTER) * LONG.steps[made - 1]


def test_seeds_stray_evenly() -> None:
    delays = [LONG.delay(2, seed=seed) or 0 for seed in range(10_000)]
    tenths = [sum(240 + 12 * n <= delay < 240 + 12 * (n + 1) for delay in delays) for n in range(10)]
    assert all(850 < count < 1150 for count in tenths), tenths


@pytest.mark.parametrize(("retry_after", "delay"), [(None, 5), (0, 5), (3, 5), (8, 8), (60, 60), (61, 60), (1e12, 60)])
def test_a_retry_after_puts_off_and_never_brings_forward_and_is_clamped(retry_after: float, delay: float) -> None:
    assert specified(attempts=3, unit_seconds=1).delay(1, seed=1, retry_after=retry_after) == delay


def test_a_long_step_is_put_off_to_twice_itself_at_most() -> None:
    steady = Schedule((300,), jittered=False)
    assert steady.delay(1, seed=1, retry_after=10_000) == 600


def _answers(chance: random.Random) -> CallOutcome:
    possible: list[CallOutcome] = [
        FailedForNow("status 500"),
        FailedForNow("status 500"),
        FailedForNow("connection refused"),
        FailedForNow("status 429", retry_after=chance.choice([0, 1, 30, 3600, 1e12])),
        FailedForNow("status 503", retry_after=chance.uniform(0, 10_000)),
        Unknown("timeout"),
        FailedForGood("status 410"),
        Rejected("duplicate"),
        Succeeded(),
    ]
    return chance.choice(possible)


@pytest.mark.parametrize("schedule", [LONG, specified(attempts=3, unit_seconds=1)], ids=["long", "specified"])
def test_ten_thousand_deliveries_against_random_answers_keep_their_schedule(schedule: Schedule) -> None:
    chance = random.Random(20261122)
    ends = {Done: 0, Release: 0, Review: 0, TryAgain: 0}
    for number in range(10_000):
        clock, attempts, outcome_unknown, gone = 0.0, [0.0], False, False
        seed = chance.randrange(2**31)
        while True:
            outcome = _answers(chance)
            state = DeliveryProgress("webhook", None, len(attempts), outcome_unknown, seed, mailable=True)
            step = next_step(state, outcome, schedule)
            outcome_unknown |= isinstance(outcome, Unknown)
            gone = isinstance(outcome, FailedForGood)
            if not isinstance(step, TryAgain) or step.channel != "webhook":
                break
            expected = schedule.steps[len(attempts) - 1]
            asked = outcome.retry_after if isinstance(outcome, FailedForNow) else None
            jitter = JITTER if schedule.jittered else 0
            earliest, latest = expected * (1 - jitter), expected * (1 + jitter)
            if asked is not None:
                clamped = min(asked, max(2 * expected, PATIENCE_SECONDS))
                earliest, latest = max(earliest, clamped), max(latest, clamped)
            assert earliest - 1e-9 <= step.delay_seconds <= latest + 1e-9, (number, attempts, outcome)
            clock += step.delay_seconds
            attempts.append(clock)
        assert len(attempts) <= schedule.attempts
        # It ends because it is settled, gone, or because every attempt was made: never for impatience.
        if not isinstance(outcome, Succeeded | Rejected) and not gone:
            assert len(attempts) == schedule.attempts
        ends[type(step)] += 1
    assert min(ends.values()) > 100, ends
