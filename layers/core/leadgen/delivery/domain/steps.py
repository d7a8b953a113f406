"""Decides the next step of a delivery from an attempt's outcome: done, retry, release or review."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from leadgen.outbound.domain.backoff import Schedule, share
from leadgen.outbound.domain.outcomes import CallOutcome, FailedForGood, FailedForNow, Refused, Taken, Unknown

Channel = Literal["webhook", "email"]

EVENT = "lead.delivered"

# What is held back asks again later by up to this part of the time that it has waited already.
PATIENCE = 0.5

# A worker that dies with every attempt is no accident: then a person looks at it.
MOST_LOST = 10


@dataclass(frozen=True)
class Standing:
    """How far a delivery is. ``made`` are the attempts on this channel that count: those of dead workers do not.

    ``held_since`` is since when it has waited for its endpoint to bear a call; ``in_doubt`` is whether some attempt
    went out and nobody knows what became of it, and ``broke_down`` whether the buyer's side failed over one.
    """

    channel: Channel
    held_since: datetime | None
    made: int
    in_doubt: bool
    jitter_seed: int
    mailable: bool
    broke_down: bool = False


@dataclass(frozen=True)
class Done:
    """The buyer has the lead; ``reference`` is its own name for it."""

    reference: str | None


@dataclass(frozen=True)
class Release:
    """The buyer has refused the lead and does not have it: the policy says what becomes of it."""

    reason: str


@dataclass(frozen=True)
class TryAgain:
    """Another attempt on ``channel`` after ``delay_seconds``."""

    channel: Channel
    delay_seconds: float


ReviewReason = Literal[
    "webhook_failed",
    "email_failed",
    "unknown",
    "refused",
    "refused_in_doubt",
    "format_invalid",
    "workers_died",
    "erased",
]


@dataclass(frozen=True)
class Review:
    """Nothing is left to try by itself: an operator decides. ``refusal`` is what the buyer has said, where it did."""

    reason: ReviewReason
    refusal: str | None = None


Step = Done | Release | TryAgain | Review


def next_step(standing: Standing, outcome: CallOutcome, schedule: Schedule) -> Step:
    """What follows an attempt: again on this channel, then by e-mail, then the review queue.

    A lead in doubt stays with its buyer, under its delivery id, on its channel: after the schedule a person decides.
    """
    match outcome:
        case Taken(reference=reference):
            return Done(reference)
        case Refused(reason=reason):
            # It may have taken the lead before, and refuse it now as one that it has already.
            doubtful = standing.in_doubt or standing.broke_down
            return Review("refused_in_doubt", reason) if doubtful else Release(reason)
        case FailedForGood():
            return channel_over(standing)
        case FailedForNow(retry_after=retry_after):
            return _again(standing, schedule, retry_after)
        case Unknown():
            return _again(in_doubt(standing), schedule, None)


def in_doubt(standing: Standing) -> Standing:
    """As it stands after an attempt of which nobody knows what became."""
    return replace(standing, in_doubt=True)


def held_back(standing: Standing, schedule: Schedule, *, until: datetime | None, now: datetime) -> Step:
    """What follows when the endpoint bears no call before ``until``, or none any more: it is waited for no longer than
    the whole schedule lasts.

    Who has waited long asks again more rarely, and not when the others do: a crowd before one endpoint leaves the
    workers to others.
    """
    since = standing.held_since or now
    end = since + timedelta(seconds=schedule.window)
    if until is None or until > end:
        return channel_over(standing)
    later = until + (now - since) * PATIENCE * share(standing.jitter_seed, standing.made)
    return TryAgain(standing.channel, (min(later, end) - now).total_seconds())


def channel_over(standing: Standing) -> TryAgain | Review:
    """What follows when nothing more is to be expected of the channel."""
    if standing.in_doubt:
        return Review("unknown")
    if standing.channel == "webhook" and standing.mailable:
        return TryAgain("email", 0)
    return Review("webhook_failed" if standing.channel == "webhook" else "email_failed")


def _again(standing: Standing, schedule: Schedule, retry_after: float | None) -> TryAgain | Review:
    delay = schedule.delay(standing.made, seed=standing.jitter_seed, retry_after=retry_after)
    return channel_over(standing) if delay is None else TryAgain(standing.channel, delay)
