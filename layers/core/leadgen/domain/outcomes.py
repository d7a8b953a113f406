"""What a call to somebody else's system came to."""

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Literal

# Answers that ask for patience: whoever gives one is called less often for a while.
SLOWING = frozenset({429, 502, 503, 504})
GONE = 410


@dataclass(frozen=True)
class Taken:
    """The other side has it. ``reference`` is its own name for it, as far as it gave one."""

    reference: str | None = None


@dataclass(frozen=True)
class Refused:
    """The other side has read it and does not want it. ``reason`` is in its words, None where it gave none."""

    reason: str | None = None


@dataclass(frozen=True)
class FailedForNow:
    """The other side does not have it, and may take it later; not before ``retry_after`` seconds, where it said so."""

    cause: str
    retry_after: float | None = None


@dataclass(frozen=True)
class FailedForGood:
    """The other side does not have it, and asking again is of no use."""

    cause: str


@dataclass(frozen=True)
class Unknown:
    """The request went out and nobody can say what became of it: the other side may have it."""

    cause: str


CallOutcome = Taken | Refused | FailedForNow | FailedForGood | Unknown
Name = Literal["taken", "refused", "failed", "failed_for_good", "unknown"]


def name(outcome: CallOutcome) -> Name:
    """An outcome's name on record."""
    match outcome:
        case Taken():
            return "taken"
        case Refused():
            return "refused"
        case FailedForNow():
            return "failed"
        case FailedForGood():
            return "failed_for_good"
        case Unknown():
            return "unknown"


def of_status(status: int, retry_after: float | None) -> Taken | FailedForNow | FailedForGood:
    """What a status says by itself: 2xx is success, 410 is the end, everything else, a redirect too, a failure."""
    if 200 <= status < 300:
        return Taken()
    if status == GONE:
        return FailedForGood("gone")
    return FailedForNow("status", retry_after)


def seconds_to_wait(header: str | None, *, now: datetime) -> float | None:
    """What a ``Retry-After`` asks for, in seconds or as a date (RFC 9110, 10.2.3); None for none and for nonsense."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if at.tzinfo is None:  # "-0000": a time of an unknown zone
        return None
    return max(0.0, (at - now).total_seconds())
