"""What notifications reads of a batch of messages, and logs of every notice."""

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from leadgen.kernel.events import WAKE_UPS, event_key
from leadgen.leads.store.lifecycle import LoggedEvent
from leadgen.notifications.domain.notices import Done, GivenUp, Later, Step
from leadgen.notifications.service.dispatch import NoticeToSend
from leadgen.outbound.domain import outcomes
from leadgen.outbound.service.webhook import Call
from leadgen.platform.messaging.batch import Message, Outcome


def events(messages: Sequence[Message]) -> dict[str, LoggedEvent]:
    """The events of a batch, each once, by key. A wake-up is no event."""
    logged: dict[str, LoggedEvent] = {}
    for message in messages:
        if message.event not in WAKE_UPS:
            key = event_key(message.body)
            event = LoggedEvent(key, message.event, message.occurred_at, message.lead_id, dict(message.body))
            logged.setdefault(key, event)
    return logged


def outcome(notice_id: str, step: Step, facts: Mapping[str, Any]) -> Outcome:
    """The log line of a notice; ``facts`` are of its call, where one was made."""
    about = {"notice_id": notice_id, **facts}
    match step:
        case Done():
            return Outcome("notice_succeeded", None, about)
        case Later(seconds=seconds, waits_for=waits_for):
            name = "notice_retry" if waits_for == "time" else "notice_held_back"
            return Outcome(name, None, {**about, "delay_seconds": seconds, "waits_for": waits_for})
        case GivenUp(error=error):
            return Outcome("notice_given_up", None, {**about, "reason": error})
        case _:
            assert_never(step)


def facts(outgoing: NoticeToSend, call: Call) -> dict[str, Any]:
    """What is logged of a call."""
    return {
        "kind": outgoing.due.kind,
        "event": outgoing.due.event,
        "subscription_id": outgoing.due.subscription_id,
        "attempt": outgoing.claimed.attempt,
        "call": outcomes.name(call.outcome),
        "http_status": call.status,
        "error": outcomes.cause(call.outcome),
        "call_milliseconds": call.milliseconds,
    }
