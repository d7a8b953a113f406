"""One endpoint's breaker: it opens after failures in a row, and a single probe closes it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from leadgen.outbound.domain import breaker
from leadgen.outbound.domain.breaker import (
    DOUBTFUL,
    FAILURES_TO_OPEN,
    FIRST_ALLOWED,
    FULL,
    HANGS_SECONDS,
    MOST_ALLOWED,
    SLOW,
    Admission,
    Breaker,
    InFlight,
)
from leadgen.outbound.domain.outcomes import CallOutcome, FailedForGood, FailedForNow, Rejected, Succeeded, Unknown
from tests.support.domain_values import NOON

CLOSED = Breaker()
RESET = Unknown("no HTTP answer")


def after(state: Breaker, outcome: CallOutcome, status: int | None = None, seconds: float = 0.01) -> Breaker:
    return breaker.after(state, outcome, status=status, seconds=seconds, now=NOON)


def opened(times: int = 1) -> Breaker:
    state = CLOSED
    for _ in range(FAILURES_TO_OPEN):
        state = after(state, RESET)
    for _ in range(times - 1):
        state = after(replace(state, state="half_open"), RESET)
    return state


def test_an_unknown_endpoint_gets_so_many_calls_and_the_rest_come_back_soon() -> None:
    assert breaker.admit(CLOSED, InFlight(), 99, now=NOON) == Admission(FIRST_ALLOWED, NOON + FULL, CLOSED)
    assert breaker.admit(CLOSED, InFlight(FIRST_ALLOWED - 1, NOON), 99, now=NOON).calls == 1
    assert breaker.admit(CLOSED, InFlight(FIRST_ALLOWED + 5, NOON), 99, now=NOON).calls == 0


def test_fast_answers_earn_more_calls_at_once_up_to_the_most() -> None:
    state = CLOSED
    for _ in range(200):
        state = after(state, Succeeded(), 200)
    assert state.allowed == MOST_ALLOWED


def test_while_a_call_hangs_one_more_is_the_most() -> None:
    hanging = InFlight(1, NOON - SLOW)
    assert breaker.admit(CLOSED, hanging, 5, now=NOON) == Admission(0, NOON + DOUBTFUL, CLOSED)
    assert breaker.admit(CLOSED, InFlight(1, NOON - SLOW + timedelta(microseconds=1)), 5, now=NOON).calls == 5


def test_after_a_failure_calls_go_one_by_one_until_one_succeeds() -> None:
    failed = after(CLOSED, RESET)
    assert failed.state == "closed"
    assert breaker.admit(failed, InFlight(), 5, now=NOON).calls == 1
    assert breaker.admit(after(failed, Succeeded(), 200), InFlight(), 5, now=NOON).calls == 5


def test_three_failures_in_a_row_open_it_and_a_success_between_them_does_not() -> None:
    assert opened().state == "open"
    twice = after(after(CLOSED, RESET), RESET)
    assert twice.state == "closed"
    assert after(after(twice, Succeeded(), 200), RESET).failures == 1


@pytest.mark.parametrize("outcome", [Unknown("timeout"), FailedForNow("timeout")], ids=str)
def test_one_call_that_hangs_opens_it_at_once(outcome: CallOutcome) -> None:
    assert after(CLOSED, outcome, seconds=HANGS_SECONDS).state == "open"
    assert after(CLOSED, outcome, seconds=HANGS_SECONDS - 0.001).state == "closed"


def test_open_nobody_calls_until_its_time_is_over_and_then_one_probes() -> None:
    state = opened()
    assert state.open_until is not None
    assert breaker.admit(state, InFlight(), 5, now=NOON) == Admission(0, state.open_until, state)
    later = state.open_until
    probing = replace(state, state="half_open")
    assert breaker.admit(state, InFlight(), 5, now=later) == Admission(1, later + DOUBTFUL, probing)
    assert breaker.admit(probing, InFlight(1, later), 5, now=later) == Admission(0, later + DOUBTFUL, probing)


def test_a_probe_that_succeeds_closes_it_and_one_that_fails_opens_it_for_longer() -> None:
    probing = replace(opened(), state="half_open")
    assert after(probing, Succeeded(), 200).state == "closed"
    for times, seconds in enumerate([5, 10, 20, 40, 80, 160, 320, 640], start=1):
        until = opened(times).open_until
        assert until is not None
        assert min(0.8 * seconds, 300) <= (until - NOON).total_seconds() <= min(1.2 * seconds, 300)


def test_endpoints_that_failed_together_are_probed_apart() -> None:
    failed = [breaker.after(CLOSED, Unknown("timeout"), status=None, seconds=5, now=NOON + timedelta(microseconds=n))
              for n in range(100)]  # fmt: skip
    assert len({state.open_until for state in failed}) == 100
    waits = [(state.open_until - NOON).total_seconds() for state in failed if state.open_until]
    assert (min(waits) < 4.3, max(waits) > 5.7) == (True, True)


def test_what_was_under_way_when_it_opened_counts_for_nothing() -> None:
    assert after(opened(), RESET) == opened()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_answer_that_asks_for_patience_gets_it(status: int) -> None:
    slowed = after(CLOSED, FailedForNow(f"status {status}", retry_after=30), status)
    assert slowed.allowed == FIRST_ALLOWED // 2
    assert slowed.open_until == NOON + timedelta(seconds=30)
    assert breaker.admit(slowed, InFlight(), 5, now=NOON) == Admission(0, slowed.open_until, slowed)
    assert breaker.admit(slowed, InFlight(), 5, now=NOON + timedelta(seconds=30)).calls == 1


@pytest.mark.parametrize("asked", [301, 3600, 1e12])
def test_nobody_is_waited_for_longer_than_five_minutes(asked: float) -> None:
    slowed = after(CLOSED, FailedForNow("status 429", retry_after=asked), 429)
    assert slowed.open_until == NOON + timedelta(seconds=300)


@pytest.mark.parametrize("status", [400, 401, 404, 307])
def test_an_endpoint_that_answers_is_alive_whatever_it_says_of_a_lead(status: int) -> None:
    state = CLOSED
    for _ in range(10):
        state = after(state, FailedForNow(f"status {status}"), status)
    assert state.state == "closed"
    assert after(CLOSED, Rejected("duplicate"), 200).failures == 0


def test_a_mail_server_that_refuses_an_address_is_alive() -> None:
    assert after(CLOSED, FailedForGood("the address is refused")) == after(CLOSED, Succeeded())


def test_gone_is_gone_whatever_comes_after() -> None:
    gone = after(CLOSED, FailedForGood("status 410"), 410)
    assert breaker.admit(gone, InFlight(), 5, now=NOON + timedelta(days=365)) == Admission(0, None, gone)
    assert after(gone, Succeeded(), 200) == gone
    assert after(gone, RESET) == gone


def test_trouble_with_one_alone_says_nothing_against_whoever_was_called() -> None:
    """A mail server that puts off one mailbox takes the mail of all others."""
    state = CLOSED
    for _ in range(FAILURES_TO_OPEN):
        state = after(state, FailedForNow("the mail server refused the recipient (450)", only_this=True))
    assert (state.state, state.failures) == ("closed", 0)
    assert after(replace(opened(), state="half_open"), FailedForNow("later", only_this=True)).state == "closed"
