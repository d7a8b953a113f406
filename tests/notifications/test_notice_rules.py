"""What a notice says, when it is tried again, and how fast a recovery may go."""

import json
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.notifications.domain import notices
from leadgen.notifications.domain.notices import Done, GivenUp, Kind, Later, NoticeProgress, Pace
from leadgen.outbound.domain.outcomes import CallOutcome, FailedForGood, FailedForNow, Rejected, Succeeded, Unknown
from tests.support.domain_values import NOON


def state(kind: Kind = "event", *, made: int = 1, lost: int = 0) -> NoticeProgress:
    return NoticeProgress(kind, held_since=NOON, made=made, lost=lost, jitter_seed=7)


def test_an_event_says_its_ids_and_nothing_else_of_the_message() -> None:
    message = {
        "event": "lead.delivered", "occurred_at": "2026-06-17T12:00:00+00:00", "lead_id": 7, "invoice_id": None,
        "trace_id": "t", "buyer_id": 3, "delivery_id": "d", "attempt": 2, "email": "jane@example.com", "name": "Jane",
        "source_id": {"email": "jane@example.com"},
    }  # fmt: skip
    ids = notices.ids(message)
    assert ids == {"lead_id": 7, "buyer_id": 3, "delivery_id": "d", "attempt": 2}
    assert json.loads(notices.body("lead.delivered", "2026-06-17T12:00:00+00:00", ids)) == {
        "event": "lead.delivered", "occurred_at": "2026-06-17T12:00:00+00:00", "data": ids,
    }  # fmt: skip


def test_only_a_trial_says_that_it_is_one() -> None:
    assert json.loads(notices.body("lead.received", "t", {}, trial=True))["trial"] is True
    assert "trial" not in json.loads(notices.body("lead.received", "t", {}))


@pytest.mark.parametrize(
    ("outcome", "step"),
    [
        (Succeeded(), Done()),
        (FailedForGood("status 410"), GivenUp("status 410")),
        (Rejected("no"), GivenUp("rejected: no")),
    ],
)
def test_what_is_clear_ends_it(outcome: CallOutcome, step: Any) -> None:
    assert notices.next_step(state(), outcome) == step


def test_what_may_have_arrived_is_sent_again_but_never_an_sms() -> None:
    assert isinstance(notices.next_step(state(), Unknown("no answer")), Later)
    assert notices.next_step(state("sms"), Unknown("no answer")) == GivenUp("no answer")
    assert notices.interrupted(state("sms", lost=1)) == GivenUp("interrupted")
    assert notices.interrupted(state(lost=1)) is None


def test_an_event_is_tried_eight_times_over_27_hours() -> None:
    steps = [notices.next_step(state(made=made), FailedForNow("status 500")) for made in range(1, 9)]
    waits = [step.seconds for step in steps if isinstance(step, Later)]
    assert len(waits) == 7
    assert steps[-1] == GivenUp("status 500")
    for wait, step in zip(waits, (5, 300, 1800, 7200, 18000, 36000, 36000), strict=True):
        assert 0.8 * step <= wait <= 1.2 * step


def test_what_waits_for_a_place_asks_ever_more_rarely() -> None:
    waits: list[float] = []
    now = NOON
    while len(waits) < 30:
        step = notices.held_back(state(made=0), until=now + timedelta(seconds=0.25), now=now)
        assert isinstance(step, Later)
        assert step.waits_for == "capacity"
        waits.append(step.seconds)
        now += timedelta(seconds=step.seconds)
    assert waits[0] == 0.25
    assert waits == sorted(waits)
    assert waits[-1] == 60


def test_an_endpoint_is_waited_for_as_long_as_the_schedule_lasts_from_when_it_bore_no_call() -> None:
    years_later = NOON.replace(year=2030)
    first = notices.held_back(replace(state(), held_since=None), until=years_later, now=years_later)
    assert first == Later(0, waits_for="capacity")
    window = timedelta(seconds=notices.SCHEDULES["event"].window)
    assert isinstance(notices.held_back(state(), until=NOON + window, now=NOON + window), Later)
    late = NOON + window + timedelta(microseconds=1)
    assert isinstance(notices.held_back(state(), until=late, now=late), GivenUp)
    assert notices.held_back(state(), until=None, now=NOON) == GivenUp("the endpoint is gone")


@given(
    rate=st.integers(1, 50),
    asks=st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(0, 40)), min_size=1, max_size=30),
    window=st.integers(1, 10),
)
def test_a_recovery_never_goes_faster_than_its_rate(rate: int, asks: list[tuple[int, int]], window: int) -> None:
    pace, now, admitted = Pace(rate, NOON, NOON), NOON, []
    for pause, wanted in asks:
        now += timedelta(microseconds=pause)
        paced = notices.paced(pace, wanted, now=now)
        assert paced.calls + len(paced.come_back_at) == wanted
        assert all(at > now for at in paced.come_back_at)
        assert paced.calls > 0 or wanted == 0 or now < pace.paced_to
        admitted += [now] * paced.calls
        pace = paced.pace
    for start in admitted:
        within = [at for at in admitted if start <= at < start + timedelta(seconds=window)]
        assert len(within) <= rate * (window + 1)


@given(rate=st.integers(1, 50), wanted=st.integers(1, 200))
def test_those_sent_back_come_one_after_the_other(rate: int, wanted: int) -> None:
    first = notices.paced(Pace(rate, NOON, NOON), wanted, now=NOON)
    second = notices.paced(first.pace, wanted, now=NOON)
    times = [*first.come_back_at, *second.come_back_at]
    step = timedelta(seconds=1) / rate
    assert all(later - earlier >= step for earlier, later in pairwise(times))
