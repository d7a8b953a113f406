"""One endpoint's circuit breaker: whether it may be called now, and by how many calls at once.

Closed, calls go through: as many at once as its answers have earned. After failures in a row, or one that hung, it
opens, and nobody calls it until its time is over; then one call probes it while the others wait. A hanging endpoint so
holds one worker now and then, and takes none from others.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from leadgen.outbound.domain.backoff import doubled, stray
from leadgen.outbound.domain.outcomes import (
    GONE,
    SLOWING,
    CallOutcome,
    FailedForGood,
    FailedForNow,
    Rejected,
    Succeeded,
    Unknown,
)

State = Literal["closed", "open", "half_open", "gone"]

# Calls at once: to an endpoint that nothing is known of, to one that has proven itself, and while it is slow.
FIRST_ALLOWED = 10
MOST_ALLOWED = 50
ALLOWED_WHILE_SLOW = 1

# A call that has had no answer for so long makes its endpoint suspect, until it is over.
SLOW = timedelta(milliseconds=500)

# So many failures in a row open it, or a single one that has kept a worker waiting for so long.
FAILURES_TO_OPEN = 3
HANGS_SECONDS = 1.0

# How long it stays open at first; each time it opens again twice as long. They stray, lest those that failed together
# be probed together.
FIRST_PAUSE_SECONDS = 5
LONGEST_PAUSE_SECONDS = 300

# Whoever finds no capacity comes back after this: where calls are answered soon, and where one hangs.
FULL = timedelta(milliseconds=250)
DOUBTFUL = timedelta(seconds=5)


@dataclass(frozen=True)
class Breaker:
    """An endpoint as the database has it, under its lock.

    ``failures`` are those in a row; ``openings`` how often it has opened since it last answered well.
    """

    state: State = "closed"
    reason: str | None = None
    failures: int = 0
    openings: int = 0
    allowed: int = FIRST_ALLOWED
    open_until: datetime | None = None


@dataclass(frozen=True)
class InFlight:
    """The calls under way to an endpoint, and since when the oldest of them."""

    calls: int = 0
    oldest_at: datetime | None = None


@dataclass(frozen=True)
class Admission:
    """How many of the wanted calls may go out now; the others come back at ``come_back_at``, or never where it is None.

    ``breaker`` is the endpoint's state from now on.
    """

    calls: int
    come_back_at: datetime | None
    breaker: Breaker


def admit(breaker: Breaker, in_flight: InFlight, wanted: int, *, now: datetime) -> Admission:
    """Admit as many calls as the endpoint takes."""
    match breaker.state:
        case "gone":
            return Admission(0, None, breaker)
        case "closed":
            return _admit_closed(breaker, in_flight, wanted, now)
        case "open" | "half_open":
            if breaker.open_until is not None and now < breaker.open_until:
                return Admission(0, breaker.open_until, breaker)
            # The probe's worker may have died: its claim is over then, and it is in flight no more.
            probes = 0 if in_flight.calls else min(wanted, 1)
            return Admission(probes, now + DOUBTFUL, replace(breaker, state="half_open"))


def _admit_closed(breaker: Breaker, in_flight: InFlight, wanted: int, now: datetime) -> Admission:
    if breaker.open_until is not None and now < breaker.open_until:  # it sent Retry-After or an answer like it
        return Admission(0, breaker.open_until, breaker)
    slow = in_flight.oldest_at is not None and now - in_flight.oldest_at >= SLOW
    doubtful = slow or breaker.failures > 0
    most = min(breaker.allowed, ALLOWED_WHILE_SLOW) if doubtful else breaker.allowed
    pause = DOUBTFUL if doubtful else FULL
    return Admission(max(0, min(wanted, most - in_flight.calls)), now + pause, breaker)


def after(breaker: Breaker, outcome: CallOutcome, *, status: int | None, seconds: float, now: datetime) -> Breaker:
    """The breaker after one call's outcome; ``seconds`` is how long the call took."""
    match outcome:
        case FailedForGood() if status == GONE:
            return replace(breaker, state="gone", reason="the endpoint answered 410 Gone", open_until=None)
        case Succeeded() | Rejected() | FailedForGood() | FailedForNow(only_this=True):
            return _after_success(breaker, seconds)  # it is alive, whatever it answers to this one
        case FailedForNow() | Unknown():
            if status is not None and status < 500 and status not in SLOWING:
                return _after_success(breaker, seconds)
            pause = outcome.retry_after if isinstance(outcome, FailedForNow) and status in SLOWING else None
            return _after_failure(breaker, outcome.cause, pause, hangs=seconds >= HANGS_SECONDS, now=now)


def _after_success(breaker: Breaker, seconds: float) -> Breaker:
    if breaker.state == "gone":
        return breaker
    fast = seconds < SLOW.total_seconds()
    allowed = min(breaker.allowed + 1, MOST_ALLOWED) if fast else max(breaker.allowed // 2, FIRST_ALLOWED)
    return Breaker(allowed=allowed)


def _after_failure(breaker: Breaker, reason: str, retry_after: float | None, *, hangs: bool, now: datetime) -> Breaker:
    if breaker.state in ("open", "gone"):  # a call that was under way when it opened
        return breaker
    failures = breaker.failures + 1
    slowed = replace(breaker, failures=failures, allowed=max(breaker.allowed // 2, 1), reason=reason)
    if breaker.state == "half_open" or hangs or failures >= FAILURES_TO_OPEN:
        strays = stray(int(now.timestamp() * 1_000_000), breaker.openings)
        strayed = doubled(FIRST_PAUSE_SECONDS, breaker.openings) * (1 + strays)
        pause = min(max(strayed, retry_after or 0), LONGEST_PAUSE_SECONDS)
        return replace(slowed, state="open", openings=breaker.openings + 1, open_until=now + timedelta(seconds=pause))
    if retry_after is not None:
        until = now + timedelta(seconds=min(retry_after, LONGEST_PAUSE_SECONDS))
        return replace(slowed, open_until=max(until, breaker.open_until or until))
    return slowed
