"""Track records as they stood at any instant of the past, counted from what became of the leads since.

An answer counts from the moment it was given until the lead has left the lookback; a delivery from the moment it was
settled or overdue. So each is an interval of time, and how many hold at an instant is how many have begun by then less
how many have ended before.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from leadgen.routing.domain.eligibility import NO_RECORD, TrackRecord
from leadgen.routing.domain.track_records import LookbackTerms

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Past:
    """A lead that was sold, and what became of it: the buyer's answer, and its delivery where there was one."""

    buyer_offer_id: int
    delivered_at: datetime
    answered_at: datetime | None
    accepted: bool
    handed_at: datetime | None
    settled_at: datetime | None
    succeeded: bool


class TrackRecords:
    """The buyers' track records at any instant, as ``terms`` count them; ``past`` reaches back as far as it looks."""

    def __init__(self, terms: LookbackTerms, past: Iterable[Past]) -> None:
        spans: dict[int, _Spans] = defaultdict(_Spans)
        for lead in past:
            spans[lead.buyer_offer_id].add(lead, terms)
        self._spans = {buyer_offer_id: found.sorted() for buyer_offer_id, found in spans.items()}

    def at(self, buyer_offer_id: int, now: datetime) -> TrackRecord:
        """An enrollment's track record as a decision of this instant would have found it."""
        spans = self._spans.get(buyer_offer_id)
        return NO_RECORD if spans is None else TrackRecord(*(holding(part, now) for part in spans))


_Ends = tuple[list[datetime], list[datetime]]


def holding(ends: _Ends, now: datetime) -> int:
    """Of intervals, given as their beginnings and their ends, each in order, how many hold at an instant."""
    begun, ended = ends
    return bisect_right(begun, now) - bisect_left(ended, now)


class _Spans:
    """When what counted, in the order of TrackRecord's fields."""

    def __init__(self) -> None:
        self._parts: tuple[list[tuple[datetime, datetime]], ...] = ([], [], [], [])

    def add(self, lead: Past, terms: LookbackTerms) -> None:
        answered, accepted, delivered, on_time = self._parts
        for span in _answer(lead, terms):
            answered.append(span)
            if lead.accepted:
                accepted.append(span)
        for span, in_time in _delivery(lead, terms):
            delivered.append(span)
            if in_time:
                on_time.append(span)

    def sorted(self) -> tuple[_Ends, ...]:
        return tuple(
            (sorted(begin for begin, end in part if begin <= end), sorted(end for begin, end in part if begin <= end))
            for part in self._parts
        )


def _answer(lead: Past, terms: LookbackTerms) -> Iterator[tuple[datetime, datetime]]:
    if terms.answers_within is not None and lead.answered_at is not None:
        yield max(lead.answered_at, lead.delivered_at), lead.delivered_at + terms.answers_within


def _delivery(lead: Past, terms: LookbackTerms) -> Iterator[tuple[tuple[datetime, datetime], bool]]:
    if terms.deliveries_within is None or terms.patience is None or lead.handed_at is None:
        return
    overdue = lead.handed_at + terms.patience + _INSTANT
    in_time = lead.succeeded and lead.settled_at is not None and lead.settled_at < overdue
    counts_from = overdue if lead.settled_at is None else min(lead.settled_at, overdue)
    yield (counts_from, lead.handed_at + terms.deliveries_within), in_time
