"""Makes notices from lifecycle events, claims those that are due (breaker permitting), sends them,
records the result.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from psycopg import Connection

from leadgen.kernel.events import Event, Topic
from leadgen.leads.domain import phone_formats
from leadgen.leads.store.lifecycle import LoggedEvent
from leadgen.notifications.domain import notices as notifications_notices
from leadgen.notifications.domain import sms as notifications_sms
from leadgen.notifications.domain import subscriptions as notifications_subscriptions
from leadgen.notifications.domain.notices import Done, GivenUp, Later, NoticeProgress, Step
from leadgen.notifications.store import drafts as notifications_drafts
from leadgen.notifications.store import notices as notifications_notices_store
from leadgen.notifications.store import replays
from leadgen.notifications.store import subscriptions as notifications_subscriptions_store
from leadgen.notifications.store.drafts import NoticeDraft
from leadgen.notifications.store.notices import ClaimedNotice, DueNotice, NoticeAttempt, NoticeResult, WaitingNotice
from leadgen.outbound import store as outbound_store
from leadgen.outbound.domain import outcomes
from leadgen.outbound.domain.outcomes import GONE, CallOutcome, FailedForGood, FailedForNow, Succeeded, Unknown
from leadgen.outbound.domain.signing import Sending
from leadgen.outbound.service import admission, claims, webhook
from leadgen.outbound.service.admission import Report
from leadgen.outbound.service.webhook import Call
from leadgen.outbound.store import Address
from leadgen.platform import settings
from leadgen.platform.sms import sms as platform_sms

# A wake-up can be held back for so long; what comes due later the sweep wakes.
_LONGEST_WAKE_UP_SECONDS = 900

AHEAD_SECONDS = 65
"""How long before its time a replay of a batch is woken: until the sweep runs again, and a little."""

# The events of which a buyer may want an SMS.
_SMS_EVENTS = (Topic.LEAD_DELIVERED, Topic.DELIVERY_FAILED)


def make(conn: Connection[Any], events: Sequence[LoggedEvent], *, now: datetime) -> list[str]:
    """Keep a notice for each subscription that takes one of these new events, and the SMS notices; their ids."""
    if not events:
        return []
    about = {event.event_key: notifications_notices.ids(event.message) for event in events}
    buyers = {buyer for ids in about.values() if isinstance(buyer := ids.get("buyer_id"), int)}
    listening = notifications_subscriptions_store.listening(conn, buyers)
    drafts = [
        NoticeDraft(listener.subscription_id, event.event, event.event_key,
              notifications_notices.body(event.event, str(event.message["occurred_at"]), about[event.event_key]))
        for event in events
        for listener in listening
        if notifications_subscriptions.takes(listener, event.event, about[event.event_key])
    ]  # fmt: skip
    texted = [(event.event, event.lead_id) for event in events if event.event in _SMS_EVENTS and event.lead_id]
    made = notifications_drafts.add(conn, drafts, now=now) if drafts else []
    return made + (notifications_drafts.add_sms(conn, texted, now=now) if texted else [])


def wake_up(notice_id: str, now: datetime, *, delay_seconds: float = 0) -> Event:
    """The message that has a notice looked at when it is due."""
    return Event(Topic.NOTICE_DUE, now, delay_seconds=delay_seconds, ids={"notice_id": notice_id})


def wake_up_at(waiting: WaitingNotice, now: datetime) -> Event:
    """The message that has a waiting notice looked at when it is due.

    It is held back for whole seconds: those that are held back alike are sent in one go.
    """
    seconds = max(0, math.ceil((waiting.next_attempt_at - now).total_seconds()))
    return wake_up(waiting.notice_id, now, delay_seconds=seconds)


@dataclass(frozen=True)
class NoticeToSend:
    """A notice that is this worker's to send."""

    due: DueNotice
    claimed: ClaimedNotice
    endpoint_id: int


@dataclass(frozen=True)
class NoticesToSend:
    """What came of a batch's due notices: some are to be sent now, of the others it is known what follows."""

    to_send: tuple[NoticeToSend, ...]
    steps: Mapping[str, Step]
    wake_ups: tuple[Event, ...]


def claim(conn: Connection[Any], notice_ids: Sequence[str], *, now: datetime, until: datetime) -> NoticesToSend:
    """Take the notices that are due, as many as their endpoints and replay batches allow; hold back the others.

    Locks replay batches, then endpoints, then notices. The number of statements does not depend on that of the notices.
    """
    found = (
        [_counted(due) for due in notifications_notices_store.due(conn, notice_ids, now=now, limit=len(notice_ids))]
        if notice_ids
        else []
    )
    steps: dict[str, Step] = {due.notice_id: step for due in found if (step := _over(due)) is not None}
    paced = _pace(conn, [due for due in found if due.notice_id not in steps], now)
    steps |= paced
    waiting: dict[Address, list[DueNotice]] = defaultdict(list)
    for due in found:
        if due.notice_id not in steps:
            waiting[_address(due)].append(due)
    admitted = admission.admit(conn, Counter({a: len(dues) for a, dues in waiting.items()}), now=now) if waiting else {}
    divided = claims.divide(waiting, admitted)
    going = {due.notice_id: endpoint_id for due, endpoint_id in divided.going}
    for due, come_back_at in divided.held:
        steps[due.notice_id] = notifications_notices.held_back(_state(due), until=come_back_at, now=now)
    found = _freed(conn, found, now)
    taken = notifications_notices_store.claim(conn, going, now=now, until=until) if going else {}
    to_send = notifications_notices_store.claimed(conn, taken, now=now) if taken else []
    settled = _settle(conn, [(due, due.attempts, steps[due.notice_id]) for due in found if due.notice_id in steps], now)
    by_id = {due.notice_id: due for due in found}
    return NoticesToSend(
        tuple(NoticeToSend(by_id[p.notice_id], p, going[p.notice_id]) for p in to_send),
        {notice_id: step for notice_id, step in steps.items() if notice_id in settled},
        _wake_ups({notice_id: step for notice_id, step in steps.items() if notice_id in settled}, now),
    )


def _counted(due: DueNotice) -> DueNotice:
    """A notice whose worker died has one attempt more that does not count."""
    return replace(due, lost_attempts=due.lost_attempts + 1) if due.is_abandoned else due


def _freed(conn: Connection[Any], found: Sequence[DueNotice], now: datetime) -> list[DueNotice]:
    """The notices, those freed whose worker died; without those that another has freed meanwhile."""
    abandoned = [due.notice_id for due in found if due.is_abandoned]
    freed = notifications_notices_store.reap(conn, abandoned, now=now) if abandoned else set()
    return [due for due in found if not due.is_abandoned or due.notice_id in freed]


def _over(due: DueNotice) -> GivenUp | None:
    """Why a notice is not sent at all, if so."""
    if due.is_over:
        return GivenUp("the subscription has ended")
    if due.url is None and due.kind != "sms":
        return GivenUp("the buyer has no webhook any more")
    return notifications_notices.interrupted(_state(due))


def _pace(conn: Connection[Any], found: Sequence[DueNotice], now: datetime) -> dict[str, Later]:
    """Which replays of batches must wait for their rate's sake, and how long."""
    of_batch: dict[int, list[DueNotice]] = defaultdict(list)
    for due in found:
        if due.replay_batch_id is not None:
            of_batch[due.replay_batch_id].append(due)
    if not of_batch:
        return {}
    held: dict[str, Later] = {}
    after: dict[int, notifications_notices.Pace] = {}
    for replay_batch_id, pace in replays.lock_paces(conn, of_batch).items():
        dues = of_batch[replay_batch_id]
        paced = notifications_notices.paced(pace, len(dues), now=now)
        for due, at in zip(dues[paced.calls :], paced.come_back_at, strict=True):
            held[due.notice_id] = Later((at - now).total_seconds(), waits_for="rate")
        after[replay_batch_id] = paced.pace
    replays.save_paces(conn, after)
    return held


def _address(due: DueNotice) -> Address:
    if due.kind == "sms":
        return outbound_store.SMS
    assert due.url is not None
    return (
        outbound_store.of_operator(due.url) if due.buyer_id is None else outbound_store.of_buyer(due.buyer_id, due.url)
    )


def _state(due: DueNotice, *, begun: int = 0) -> NoticeProgress:
    """How far a notice is when so many attempts more have begun since it was read."""
    return NoticeProgress(
        kind=due.kind,
        held_since=due.held_since,
        made=due.attempts + begun - due.lost_attempts,
        lost=due.lost_attempts,
        jitter_seed=due.jitter_seed,
    )


def send(outgoing: NoticeToSend) -> Call:
    """Make the call of the notice's kind. No transaction may be open meanwhile."""
    claimed = outgoing.claimed
    if claimed.kind == "sms":
        return webhook.timed(lambda: (_text(claimed), None))
    if claimed.url is None or claimed.body is None or claimed.content_type is None:
        gone = FailedForGood("the buyer has no webhook any more" if claimed.url is None else "its bytes are no more")
        return webhook.timed(lambda: (gone, None))
    sending = Sending(claimed.message_id, claimed.event, claimed.content_type, claimed.body)
    secrets = [secret for secret in (claimed.secret, claimed.previous_secret) if secret]
    return webhook.post(claimed.url, sending, secrets)


def _text(claimed: ClaimedNotice) -> CallOutcome:
    if claimed.sms_to is None or claimed.lead_id is None:
        return FailedForGood("the buyer wants no SMS any more")
    compose = notifications_sms.mailed if claimed.event == Topic.LEAD_DELIVERED else notifications_sms.undelivered
    text = compose(claimed.lead_id, vertical=claimed.vertical or "", market=claimed.market or "")
    number = phone_formats.written(claimed.sms_to, claimed.country_code or "", "e164")  # the form that Twilio takes
    try:
        platform_sms.send(to=number, text=text, timeout_seconds=settings.current().webhook_timeout_seconds)
    except platform_sms.SmsNotSent as failure:
        return FailedForNow(str(failure))
    except platform_sms.SmsRefused as failure:
        return FailedForGood(str(failure))
    except platform_sms.SmsUnknown as failure:
        return Unknown(str(failure))
    return Succeeded()


def record(
    conn: Connection[Any], made: Sequence[tuple[NoticeToSend, Call]], *, now: datetime
) -> tuple[dict[str, Step], tuple[Event, ...]]:
    """Keep what the calls came to; what follows, by notice, and the wake-ups for it.

    A subscription whose endpoint answers that it is gone ends. Locks endpoints, then subscriptions, then notices.
    """
    admission.report(conn, [_report(outgoing, call) for outgoing, call in made], now=now)
    gone = {e.due.subscription_id for e, call in made if call.status == GONE} - {None}
    if gone:
        notifications_subscriptions_store.end(
            conn, [one for one in gone if one is not None], reason="answered 410 Gone", now=now
        )
    notifications_notices_store.record_attempts(conn, [_attempt(outgoing.claimed, call) for outgoing, call in made])
    steps = {
        e.claimed.notice_id: notifications_notices.next_step(_state(e.due, begun=1), call.outcome) for e, call in made
    }
    settled = _settle(conn, [(e.due, e.claimed.attempt, steps[e.claimed.notice_id]) for e, _ in made], now)
    return steps, _wake_ups({notice_id: step for notice_id, step in steps.items() if notice_id in settled}, now)


def _report(outgoing: NoticeToSend, call: Call) -> Report:
    outcome = call.outcome
    if call.status == GONE and outgoing.due.subscription_id is not None:
        # It wants no events any more. What else is sent to the address is not over: a buyer's leads may go there too.
        outcome = FailedForNow(f"status {GONE}")
    return Report(outgoing.endpoint_id, outcome, call.status, call.milliseconds / 1000)


def _attempt(claimed: ClaimedNotice, call: Call) -> NoticeAttempt:
    return NoticeAttempt(
        notice_id=claimed.notice_id,
        number=claimed.attempt,
        started_at=call.started_at,
        milliseconds=call.milliseconds,
        outcome=outcomes.name(call.outcome),
        http_status=call.status,
        error=outcomes.cause(call.outcome),
    )


def _settle(conn: Connection[Any], following: Sequence[tuple[DueNotice, int, Step]], now: datetime) -> set[str]:
    settlements = [_settlement(due.notice_id, attempts, step, now) for due, attempts, step in following]
    return notifications_notices_store.settle(conn, settlements, now=now) if settlements else set()


def _settlement(notice_id: str, attempts: int, step: Step, now: datetime) -> NoticeResult:
    match step:
        case Done():
            return NoticeResult(notice_id, attempts, "succeeded")
        case Later(seconds=seconds, waits_for=waits_for):
            at = now + timedelta(seconds=seconds)
            return NoticeResult(
                notice_id,
                attempts,
                "pending",
                next_attempt_at=at,
                due_at=at if waits_for == "time" else None,
                is_held=waits_for == "capacity",
            )
        case GivenUp(error=error):
            return NoticeResult(notice_id, attempts, "given_up", error=error)
        case _:
            assert_never(step)


def _wake_ups(steps: Mapping[str, Step], now: datetime) -> tuple[Event, ...]:
    return tuple(
        wake_up(notice_id, now, delay_seconds=step.seconds)
        for notice_id, step in steps.items()
        if isinstance(step, Later) and step.seconds <= _LONGEST_WAKE_UP_SECONDS
    )
