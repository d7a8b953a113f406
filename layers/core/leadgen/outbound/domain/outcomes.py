"""The outcomes of a call to another system, from its HTTP status and headers."""

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from leadgen.outbound.domain import response_mapping
from leadgen.outbound.domain.response_mapping import AnswerMapping

# Answers that request a pause: an endpoint that gives one is called less often for a while.
SLOWING = frozenset({429, 502, 503, 504})
GONE = 410


@dataclass(frozen=True)
class Succeeded:
    """The other side has it. ``reference`` is its own name for it, as far as it gave one."""

    reference: str | None = None


@dataclass(frozen=True)
class Rejected:
    """The other side has read it and rejects it. ``reason`` may be in its words."""

    reason: str


@dataclass(frozen=True)
class FailedForNow:
    """The other side does not have it, and may take it later; not before ``retry_after`` seconds, where it is set.

    ``only_this``: the trouble is with this one alone, and whoever was called is well.
    """

    cause: str
    retry_after: float | None = None
    only_this: bool = False


@dataclass(frozen=True)
class FailedForGood:
    """The other side does not have it, and another call is of no use."""

    cause: str


@dataclass(frozen=True)
class Unknown:
    """The request went out and its outcome is unknown: the other side may have it."""

    cause: str


CallOutcome = Succeeded | Rejected | FailedForNow | FailedForGood | Unknown
Name = Literal["succeeded", "rejected", "failed", "failed_for_good", "unknown"]


def name(outcome: CallOutcome) -> Name:
    """An outcome's name on record."""
    match outcome:
        case Succeeded():
            return "succeeded"
        case Rejected():
            return "rejected"
        case FailedForNow():
            return "failed"
        case FailedForGood():
            return "failed_for_good"
        case Unknown():
            return "unknown"


def cause(outcome: CallOutcome) -> str | None:
    """What went wrong, in a few words of ours; a rejection's words are its buyer's, and not kept here."""
    match outcome:
        case FailedForNow(cause=cause) | FailedForGood(cause=cause) | Unknown(cause=cause):
            return cause
        case Succeeded() | Rejected():
            return None


def of_answer(
    mapping: AnswerMapping | None, *, status: int, content_type: str | None, body: bytes, complete: bool,
    retry_after: float | None,
) -> CallOutcome:  # fmt: skip
    """What an answer means: 2xx is success unless the mapping reads otherwise, 410 is the end, everything else, a
    redirect too, a failure.
    """
    if 200 <= status < 300 or (mapping is not None and status in mapping.rejected_statuses):
        match response_mapping.read(mapping, status=status, content_type=content_type, body=body, complete=complete):
            case response_mapping.Accepted(reference=reference):
                return Succeeded(reference)
            case response_mapping.Rejected(reason=reason):
                return Rejected(reason)
            case response_mapping.Unclear(cause=cause):
                return Unknown(cause)
    if status == GONE:
        return FailedForGood(f"status {status}")
    return FailedForNow(f"status {status}", retry_after)


def seconds_to_wait(header: str | None, *, now: datetime) -> float | None:
    """The pause of a ``Retry-After``, in seconds or as a date (RFC 9110, 10.2.3); None for none and for nonsense."""
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
