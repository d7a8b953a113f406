"""Every event: kept once in the log, and sent to whoever subscribed to it. notice.due: what waits is sent again."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, assert_never

from leadgen.kernel.events import WAKE_UPS, Topic, event_key
from leadgen.leads.store import lifecycle
from leadgen.leads.store.lifecycle import LoggedEvent
from leadgen.notifications.domain.notices import Done, GivenUp, Later, Step
from leadgen.notifications.service import dispatch
from leadgen.notifications.service.dispatch import Errand
from leadgen.outbound.domain import outcomes
from leadgen.outbound.service import webhook
from leadgen.outbound.service.webhook import Call
from leadgen.platform import clock, settings
from leadgen.platform.messaging import batch, bus
from leadgen.platform.messaging.batch import Message, Outcome

# How much longer than the call itself a claim lives: time to record what came of it.
CLAIM_GRACE_SECONDS = 10

# Calls made at once by one worker; what is more goes to others.
MOST_AT_ONCE = 20


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: an SQS batch."""
    return batch.run("notify", event, process)


def process(messages: Sequence[Message], now: datetime) -> list[Outcome]:
    """Log the events that are new and make their notices; claim what is due and commit, call everybody at once, record
    each answer: no transaction is open in a call.
    """
    events = _events(messages)
    woken = dict.fromkeys(str(m.body["notice_id"]) for m in messages if m.event == Topic.NOTICE_DUE)
    noted = [Outcome("noted", m.lead_id, {"event": m.event}) for m in messages if m.event != Topic.NOTICE_DUE]
    if not events and not woken:
        return noted
    until = now + timedelta(seconds=settings.current().webhook_timeout_seconds + CLAIM_GRACE_SECONDS)
    with bus.transaction() as transaction:
        new = lifecycle.log(transaction.conn, list(events.values())) if events else set()
        made = dispatch.make(transaction.conn, [events[key] for key in sorted(new)], now=now)
        wanted = [*woken, *made]
        claimed = dispatch.claim(transaction.conn, wanted[:MOST_AT_ONCE], now=now, until=until)
        others = [dispatch.wake_up(notice_id, now) for notice_id in wanted[MOST_AT_ONCE:]]
        transaction.announce([*claimed.wake_ups, *others])
    done = [_outcome(notice_id, step, {}) for notice_id, step in claimed.steps.items()]

    def record(ended: Sequence[tuple[Errand, Call]]) -> None:
        with bus.transaction() as transaction:
            steps, wake_ups = dispatch.record(transaction.conn, ended, now=clock.now())
            transaction.announce(wake_ups)
        done.extend(_outcome(e.parcel.notice_id, steps[e.parcel.notice_id], _facts(e, call)) for e, call in ended)

    webhook.recorded(webhook.at_once(claimed.errands, dispatch.send), record)
    idle = woken.keys() - {outcome.facts["notice_id"] for outcome in done}
    return noted + done + [Outcome("nothing_due", None, {"notice_id": notice_id}) for notice_id in sorted(idle)]


def _events(messages: Sequence[Message]) -> dict[str, LoggedEvent]:
    """The events of a batch, each once, by key. A wake-up is no event."""
    logged: dict[str, LoggedEvent] = {}
    for message in messages:
        if message.event not in WAKE_UPS:
            key = event_key(message.body)
            event = LoggedEvent(key, message.event, message.occurred_at, message.lead_id, dict(message.body))
            logged.setdefault(key, event)
    return logged


def _outcome(notice_id: str, step: Step, facts: Mapping[str, Any]) -> Outcome:
    about = {"notice_id": notice_id, **facts}
    match step:
        case Done():
            return Outcome("notice_succeeded", None, about)
        case Later(seconds=seconds, waits_for=waits_for):
            outcome = "notice_retry" if waits_for == "time" else "notice_held_back"
            return Outcome(outcome, None, {**about, "delay_seconds": seconds, "waits_for": waits_for})
        case GivenUp(error=error):
            return Outcome("notice_given_up", None, {**about, "reason": error})
        case _:
            assert_never(step)


def _facts(errand: Errand, call: Call) -> dict[str, Any]:
    return {
        "kind": errand.due.kind,
        "event": errand.due.event,
        "subscription_id": errand.due.subscription_id,
        "attempt": errand.parcel.attempt,
        "call": outcomes.name(call.outcome),
        "http_status": call.status,
        "error": outcomes.cause(call.outcome),
        "call_milliseconds": call.milliseconds,
    }
