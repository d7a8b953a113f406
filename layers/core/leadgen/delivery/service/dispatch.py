"""Claims the deliveries that are due, as far as the circuit breakers allow, and records what the calls came to."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from psycopg import Connection

from leadgen.delivery.domain import steps as delivery_steps
from leadgen.delivery.domain import terms as delivery_terms
from leadgen.delivery.domain.formats import payload
from leadgen.delivery.domain.formats.payload import Rendered
from leadgen.delivery.domain.steps import DeliveryProgress, Done, Release, Review, Step, TryAgain
from leadgen.delivery.domain.terms import DeliveryTerms
from leadgen.delivery.store import deliveries
from leadgen.delivery.store.deliveries import ClaimedDelivery, DeliveryAttempt, DeliveryResult, DueDelivery
from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.events import Event, Topic
from leadgen.outbound import store as outbound_store
from leadgen.outbound.domain import outcomes
from leadgen.outbound.domain.backoff import Schedule
from leadgen.outbound.domain.outcomes import Unknown
from leadgen.outbound.service import admission, claims
from leadgen.outbound.service.admission import Report
from leadgen.outbound.service.webhook import Call
from leadgen.outbound.store import Address
from leadgen.routing.service import release
from leadgen.routing.service.release import ReleasedLead


@dataclass(frozen=True)
class DeliveryToSend:
    """A delivery that is this worker's to make, on its terms. ``rendered`` is what a webhook is sent."""

    due: DueDelivery
    terms: DeliveryTerms
    claimed: ClaimedDelivery
    rendered: Rendered | None
    schedule: Schedule


@dataclass(frozen=True)
class Dispatch:
    """What came of a batch's due deliveries: some are to be made now, of the others it is known what follows."""

    to_send: tuple[DeliveryToSend, ...]
    steps: Mapping[int, Step]
    events: tuple[Event, ...]


def claim(
    conn: Connection[Any], lead_ids: Sequence[int], default: Schedule, *, now: datetime, until: datetime
) -> Dispatch:
    """Take the leads' due deliveries, as many as their endpoints allow; hold back the others."""
    read = deliveries.due(conn, lead_ids, now=now)
    found = [_counted(due) for due in read]
    ready, steps = _sorted(found)
    waiting: dict[Address, list[DueDelivery]] = defaultdict(list)
    for due, _ in ready.values():
        waiting[_address(due)].append(due)
    admitted = admission.admit(conn, Counter({a: len(dues) for a, dues in waiting.items()}), now=now) if waiting else {}
    # From here on nobody else changes them; what another has changed meanwhile is no longer as it was read.
    locked = deliveries.lock(conn, [due.delivery_id for due in read]) if read else {}
    unchanged = {due.delivery_id for due in read if locked.get(due.delivery_id) == due.version}
    found = [due for due in found if due.delivery_id in unchanged]
    left = {address: [due for due in dues if due.delivery_id in unchanged] for address, dues in waiting.items()}
    divided = claims.divide(left, admitted)
    for due, come_back_at in divided.held:
        own = _schedule(ready[due.delivery_id][1], default)
        steps[due.delivery_id] = delivery_steps.held_back(_state(due), own, until=come_back_at, now=now)
    abandoned = [due.delivery_id for due in found if due.is_abandoned]
    if abandoned:
        deliveries.reap(conn, abandoned, now=now)
    going = {due.delivery_id: endpoint_id for due, endpoint_id in divided.going}
    claimed = deliveries.claim(conn, going, now=now, until=until) if going else {}
    to_send = tuple(_to_send(*ready[delivery_id], taken, default) for delivery_id, taken in claimed.items())
    fresh = {p.claimed.delivery_id: p.rendered for p in to_send if p.rendered and p.claimed.rendered is None}
    if fresh:
        deliveries.keep_bodies(conn, fresh)
    held = [due for due in found if due.delivery_id in steps]
    settled = _settle(conn, [_holding(due, steps[due.delivery_id], now) for due in held], now)
    return Dispatch(
        to_send,
        {due.lead_id: steps[due.delivery_id] for due in held},
        tuple(_event(due, steps[due.delivery_id], due.attempts, now) for due in held if due.delivery_id in settled),
    )


def _counted(due: DueDelivery) -> DueDelivery:
    """A delivery whose worker died has one attempt more, of unknown outcome."""
    if not due.is_abandoned:
        return due
    return replace(due, uncounted=due.uncounted + 1, lost_attempts=due.lost_attempts + 1, outcome_unknown=True)


def _sorted(found: Sequence[DueDelivery]) -> tuple[dict[str, tuple[DueDelivery, DeliveryTerms]], dict[str, Step]]:
    """By id, the deliveries that can be made and their terms; and what follows for the others."""
    ready: dict[str, tuple[DueDelivery, DeliveryTerms]] = {}
    steps: dict[str, Step] = {}
    for due in found:
        ready_or_not = _prepare(due)
        if isinstance(ready_or_not, DeliveryTerms):
            ready[due.delivery_id] = due, ready_or_not
        else:
            steps[due.delivery_id] = ready_or_not
    return ready, steps


def _prepare(due: DueDelivery) -> DeliveryTerms | Step:
    """The terms a delivery is made on; or what follows where it cannot be made at all."""
    if due.is_erased:
        return Review("erased")
    if due.lost_attempts >= delivery_steps.MOST_LOST:
        return Review("workers_died")
    if due.url is None if due.channel == "webhook" else not due.mailable:
        return delivery_steps.channel_over(_state(due))
    try:
        return delivery_terms.parse(due.terms, label=f"buyer {due.buyer_id} in {due.offer}")
    except PolicyInvalid:
        return Review("format_invalid")


def _address(due: DueDelivery) -> Address:
    return outbound_store.MAIL if due.channel == "email" else outbound_store.of_buyer(due.buyer_id, due.url or "")


def _schedule(terms: DeliveryTerms, default: Schedule) -> Schedule:
    return default if terms.schedule is None else Schedule(terms.schedule, jittered=True)


def _state(due: DueDelivery, *, begun: int = 0) -> DeliveryProgress:
    """How far a delivery is when so many attempts more have begun since it was read."""
    return DeliveryProgress(
        channel=due.channel,
        held_since=due.held_since,
        made=due.attempts + begun - due.uncounted,
        outcome_unknown=due.outcome_unknown,
        jitter_seed=due.jitter_seed,
        mailable=due.mailable,
        broke_down=due.broke_down,
    )


def _to_send(due: DueDelivery, terms: DeliveryTerms, claimed: ClaimedDelivery, default: Schedule) -> DeliveryToSend:
    rendered = claimed.rendered
    if rendered is None and due.channel == "webhook":
        rendered = payload.render(terms.format, claimed.facts)
    return DeliveryToSend(due, terms, claimed, rendered, _schedule(terms, default))


def record(
    conn: Connection[Any], calls: Sequence[tuple[DeliveryToSend, Call]], *, now: datetime
) -> tuple[dict[int, Step], list[Event]]:
    """Keep what the calls came to; what follows, by lead id, and the events.

    Locks leads and buyers where a lead was rejected, then endpoints, then deliveries.
    """
    following = {
        outgoing.claimed.delivery_id: delivery_steps.next_step(
            _state(outgoing.due, begun=1), call.outcome, outgoing.schedule
        )
        for outgoing, call in calls
    }
    rejections = release.decide(
        conn,
        {
            outgoing.due.lead_id: step.reason
            for outgoing, _ in calls
            if isinstance(step := following[outgoing.claimed.delivery_id], Release)
        },
    )
    admission.report(
        conn,
        [Report(p.claimed.endpoint_id, call.outcome, call.status, call.milliseconds / 1000) for p, call in calls],
        now=now,
    )
    deliveries.lock(conn, [outgoing.claimed.delivery_id for outgoing, _ in calls])
    deliveries.record_attempts(conn, [_attempt(outgoing, call) for outgoing, call in calls])
    steps = {p.due.lead_id: _decided(following[p.claimed.delivery_id], rejections.get(p.due.lead_id)) for p, _ in calls}
    settled = _settle(
        conn,
        [
            replace(
                _settlement(p.due, p.claimed.attempt, steps[p.due.lead_id], now),
                outcome_unknown=isinstance(call.outcome, Unknown) or _is_unknown(steps[p.due.lead_id]),
            )
            for p, call in calls
        ],
        now,
    )
    ours = [outgoing for outgoing, _ in calls if outgoing.claimed.delivery_id in settled]
    given_back = [rejections[p.due.lead_id] for p in ours if isinstance(steps[p.due.lead_id], Release)]
    events = [_event(p.due, steps[p.due.lead_id], p.claimed.attempt, now) for p in ours]
    return steps, [*events, *release.apply(conn, given_back, rejected_as="rejected_by_buyer", now=now)]


def _decided(step: Step, rejection: ReleasedLead | None) -> Step:
    """A rejected lead goes where the policy sends it, or to a person."""
    if isinstance(step, Release) and (rejection is None or rejection.goes == "review"):
        return Review("rejected", step.reason)
    return step


def _is_unknown(step: Step) -> bool:
    return isinstance(step, Review) and step.reason == "rejected_outcome_unknown"


def _attempt(outgoing: DeliveryToSend, call: Call) -> DeliveryAttempt:
    return DeliveryAttempt(
        delivery_id=outgoing.claimed.delivery_id,
        channel=outgoing.due.channel,
        number=outgoing.claimed.attempt,
        started_at=call.started_at,
        milliseconds=call.milliseconds,
        outcome=outcomes.name(call.outcome),
        http_status=call.status,
        error=outcomes.cause(call.outcome),
    )


def _settle(conn: Connection[Any], settlements: Sequence[DeliveryResult], now: datetime) -> set[str]:
    return deliveries.settle(conn, settlements, now=now) if settlements else set()


def _holding(due: DueDelivery, step: Step, now: datetime) -> DeliveryResult:
    """What becomes of a delivery that no call was made for: on its channel it waits for capacity."""
    is_held = isinstance(step, TryAgain) and step.channel == due.channel
    return replace(_settlement(due, due.attempts, step, now), is_held=is_held)


def _settlement(due: DueDelivery, attempts: int, step: Step, now: datetime) -> DeliveryResult:
    match step:
        case Done(reference=reference):
            return DeliveryResult(due.delivery_id, attempts, "succeeded", due.channel, reference=reference)
        case Release(reason=reason):
            return DeliveryResult(
                due.delivery_id, attempts, "released", due.channel, release_reason="rejected", rejection=reason
            )
        case TryAgain(channel=channel, delay_seconds=delay):
            at = now + timedelta(seconds=delay)
            begins = channel != due.channel
            return DeliveryResult(due.delivery_id, attempts, "pending", channel, begins=begins, next_attempt_at=at)
        case Review(reason=reason, rejection=rejection):
            return DeliveryResult(
                due.delivery_id, attempts, "in_review", due.channel, review_reason=reason, rejection=rejection
            )
        case _:
            assert_never(step)


def _event(due: DueDelivery, step: Step, attempts: int, now: datetime) -> Event:
    ids: dict[str, int | str] = {"buyer_id": due.buyer_id, "delivery_id": due.delivery_id}
    match step:
        case Done():
            return Event(Topic.LEAD_DELIVERED, now, due.lead_id, due.trace_id, ids={"buyer_id": due.buyer_id})
        case Release():
            return Event(Topic.DELIVERY_REJECTED, now, due.lead_id, due.trace_id, ids=ids)
        case TryAgain(delay_seconds=delay):
            return Event(Topic.DELIVERY_DUE, now, due.lead_id, due.trace_id, delay_seconds=delay)
        case Review():
            return Event(Topic.DELIVERY_FAILED, now, due.lead_id, due.trace_id, ids={**ids, "attempt": attempts})
        case _:
            assert_never(step)
