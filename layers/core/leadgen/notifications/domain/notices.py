"""Notices (whatever is sent and is not the sale): their bodies, and the next step after a call."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from leadgen.outbound.domain.backoff import Schedule
from leadgen.outbound.domain.outcomes import CallOutcome, FailedForGood, FailedForNow, Rejected, Succeeded, Unknown

Kind = Literal["event", "trial", "sms", "replay"]

# An event is tried for 27 hours, as Standard Webhooks proposes. Somebody waits for a replay, and an SMS is soon stale.
SCHEDULES: Mapping[Kind, Schedule] = {
    "event": Schedule((5, 300, 1800, 7200, 18000, 36000, 36000), jittered=True),
    "replay": Schedule((5, 300, 1800), jittered=True),
    "sms": Schedule((60, 300), jittered=True),
    "trial": Schedule((), jittered=False),
}

# A worker that dies with every attempt is no accident.
MOST_LOST = 10

# What waits for capacity comes back later the longer it has waited: a crowd is not tried every moment.
_PATIENCE_SHARE = 4
_LONGEST_WAIT = timedelta(seconds=60)

# How many calls a replay batch may make at once after a pause: those of one second.
_BURST = timedelta(seconds=1)

_SINGLE = frozenset({"attempt"})


def ids(message: Mapping[str, object]) -> dict[str, int | str]:
    """What a message is about: its ids and nothing else that may be in it."""
    return {
        name: value
        for name, value in message.items()
        if (name.endswith("_id") or name in _SINGLE) and name != "trace_id" and isinstance(value, int | str)
    }


def body(event: str, occurred_at: str, about: Mapping[str, int | str], *, trial: bool = False) -> bytes:
    """What a subscriber gets. Made once: these bytes are kept, signed and sent at every attempt."""
    fields: dict[str, object] = {"event": event, "occurred_at": occurred_at, "data": dict(about)}
    return json.dumps(fields | {"trial": True} if trial else fields, separators=(",", ":")).encode()


@dataclass(frozen=True)
class NoticeProgress:
    """How far a notice is: ``made`` are the attempts that count, those of dead workers do not; ``held_since`` is since
    when it has waited for its endpoint to bear a call.
    """

    kind: Kind
    held_since: datetime | None
    made: int
    lost: int
    jitter_seed: int


@dataclass(frozen=True)
class Done:
    """It has arrived."""


@dataclass(frozen=True)
class Later:
    """Another attempt after ``seconds``; ``waits_for`` is why none was made now, where it was not for the schedule: the
    endpoint takes no more calls, or its replay batch has reached its rate.
    """

    seconds: float
    waits_for: Literal["time", "capacity", "rate"] = "time"


@dataclass(frozen=True)
class GivenUp:
    """Nothing more is tried; ``error`` is the reason."""

    error: str


Step = Done | Later | GivenUp


def next_step(state: NoticeProgress, outcome: CallOutcome) -> Step:
    """What follows an attempt. Nothing is sold by a notice, so one that may have arrived is sent again; but not an SMS:
    a person reads it.
    """
    match outcome:
        case Succeeded():
            return Done()
        case Rejected(reason=reason):
            return GivenUp(f"rejected: {reason}")
        case FailedForGood(cause=cause):
            return GivenUp(cause)
        case FailedForNow(cause=cause, retry_after=retry_after):
            return _again(state, cause, retry_after)
        case Unknown(cause=cause):
            return GivenUp(cause) if state.kind == "sms" else _again(state, cause, None)


def _again(state: NoticeProgress, cause: str, retry_after: float | None) -> Later | GivenUp:
    schedule = SCHEDULES[state.kind]
    delay = schedule.delay(state.made, seed=state.jitter_seed, retry_after=retry_after)
    return GivenUp(cause) if delay is None else Later(delay)


def interrupted(state: NoticeProgress) -> GivenUp | None:
    """What follows when workers die over a notice again and again; None while it is worth another try."""
    if state.lost >= MOST_LOST or (state.kind == "sms" and state.lost):
        return GivenUp("interrupted")
    return None


def held_back(state: NoticeProgress, *, until: datetime | None, now: datetime) -> Later | GivenUp:
    """What follows when the endpoint takes no call before ``until``, or none any more: it is waited for no longer than
    the whole schedule lasts.
    """
    window = timedelta(seconds=SCHEDULES[state.kind].window)
    if until is None:
        return GivenUp("the endpoint is gone")
    since = state.held_since or now
    if until > since + window:
        return GivenUp("the endpoint bore no call in all the time")
    patience = min((now - since) / _PATIENCE_SHARE, _LONGEST_WAIT)
    return Later(max(until - now, patience).total_seconds(), waits_for="capacity")


@dataclass(frozen=True)
class Pace:
    """How fast a replay batch may go, as the database has it under its lock: at most ``rate`` calls a second.

    ``paced_to`` is when the calls admitted so far are paid for at that rate, ``queued_to`` when the last of those that
    were sent back comes again.
    """

    rate: int
    paced_to: datetime
    queued_to: datetime


@dataclass(frozen=True)
class Paced:
    """How many of those that are due may be called now, and when each of the others comes again."""

    calls: int
    come_back_at: Sequence[datetime]
    pace: Pace


def paced(pace: Pace, wanted: int, *, now: datetime) -> Paced:
    """Let as many of a replay batch's calls go as its rate allows, and spread the others over the time after: however
    many have come due in an outage, they do not burst.
    """
    step = timedelta(seconds=1) / pace.rate
    paced_to, calls = max(pace.paced_to, now), 0
    while calls < wanted and paced_to + step <= now + _BURST:
        paced_to += step
        calls += 1
    queued_to = max(pace.queued_to, now) if calls < wanted else pace.queued_to
    come_back_at = [queued_to + step * (place + 1) for place in range(wanted - calls)]
    after = replace(pace, paced_to=paced_to, queued_to=come_back_at[-1] if come_back_at else queued_to)
    return Paced(calls, come_back_at, after)
