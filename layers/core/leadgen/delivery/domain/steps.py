"""Decides the next step of a delivery from an attempt's outcome: done, retry, release or review."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from leadgen.outbound.domain.backoff import Schedule, share
from leadgen.outbound.domain.outcomes import CallOutcome, FailedForGood, FailedForNow, Rejected, Succeeded, Unknown

Channel = Literal["webhook", "email"]

EVENT = "lead.delivered"

# What is held back is tried again later by up to this part of the time that it has waited already.
PATIENCE = 0.5

# A worker that dies with every attempt is no accident: then a person looks at it.
MOST_LOST = 10


@dataclass(frozen=True)
class DeliveryProgress:
    """How far a delivery is. ``made`` are the attempts on this channel that count: those of dead workers do not.

    ``held_since`` is since when it has waited for its endpoint to take a call; ``outcome_unknown`` is whether that of
    an attempt is unknown, and ``broke_down`` whether the buyer's side failed over one.
    """

    channel: Channel
    held_since: datetime | None
    made: int
    outcome_unknown: bool
    jitter_seed: int
    mailable: bool
    broke_down: bool = False


@dataclass(frozen=True)
class Done:
    """The buyer has the lead; ``reference`` is its own name for it."""

    reference: str | None


@dataclass(frozen=True)
class Release:
    """The buyer has rejected the lead and does not have it: the policy decides what becomes of it."""

    reason: str


@dataclass(frozen=True)
class TryAgain:
    """Another attempt on ``channel`` after ``delay_seconds``."""

    channel: Channel
    delay_seconds: float


ReviewReason = Literal[
    "webhook_failed",
    "email_failed",
    "outcome_unknown",
    "rejected",
    "rejected_outcome_unknown",
    "format_invalid",
    "workers_died",
    "erased",
]


@dataclass(frozen=True)
class Review:
    """Nothing is left to try by itself: an operator decides. ``rejection`` is the buyer's reason, where it gave one."""

    reason: ReviewReason
    rejection: str | None = None


Step = Done | Release | TryAgain | Review


def next_step(state: DeliveryProgress, outcome: CallOutcome, schedule: Schedule) -> Step:
    """What follows an attempt: again on this channel, then by e-mail, then the review queue.

    A lead whose outcome is unknown stays with its buyer, under its delivery id, on its channel: after the
    schedule a person decides.
    """
    match outcome:
        case Succeeded(reference=reference):
            return Done(reference)
        case Rejected(reason=reason):
            # It may have accepted the lead before, and reject it now as one that it has already.
            doubtful = state.outcome_unknown or state.broke_down
            return Review("rejected_outcome_unknown", reason) if doubtful else Release(reason)
        case FailedForGood():
            return channel_over(state)
        case FailedForNow(retry_after=retry_after):
            return _again(state, schedule, retry_after)
        case Unknown():
            return _again(after_unknown(state), schedule, None)


def after_unknown(state: DeliveryProgress) -> DeliveryProgress:
    """The state after an attempt of unknown outcome."""
    return replace(state, outcome_unknown=True)


def held_back(state: DeliveryProgress, schedule: Schedule, *, until: datetime | None, now: datetime) -> Step:
    """What follows when the endpoint takes no call before ``until``, or none any more: it is waited for no longer than
    the whole schedule lasts.

    What has waited long is tried again more rarely, and not with the others: a crowd before one endpoint leaves the
    workers to others.
    """
    since = state.held_since or now
    end = since + timedelta(seconds=schedule.window)
    if until is None or until > end:
        return channel_over(state)
    later = until + (now - since) * PATIENCE * share(state.jitter_seed, state.made)
    return TryAgain(state.channel, (min(later, end) - now).total_seconds())


def channel_over(state: DeliveryProgress) -> TryAgain | Review:
    """What follows when nothing more is to be expected of the channel."""
    if state.outcome_unknown:
        return Review("outcome_unknown")
    if state.channel == "webhook" and state.mailable:
        return TryAgain("email", 0)
    return Review("webhook_failed" if state.channel == "webhook" else "email_failed")


def _again(state: DeliveryProgress, schedule: Schedule, retry_after: float | None) -> TryAgain | Review:
    delay = schedule.delay(state.made, seed=state.jitter_seed, retry_after=retry_after)
    return channel_over(state) if delay is None else TryAgain(state.channel, delay)
