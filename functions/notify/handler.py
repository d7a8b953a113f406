"""Every event: log it once and notify its subscribers. notice.due: send a waiting notice again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from leadgen.kernel.events import Topic
from leadgen.leads.store import lifecycle
from leadgen.notifications.service import dispatch, records
from leadgen.notifications.service.dispatch import NoticeToSend
from leadgen.outbound.service import claims
from leadgen.outbound.service.webhook import Call
from leadgen.platform import clock, settings
from leadgen.platform.messaging import batch, bus
from leadgen.platform.messaging.batch import Message, Outcome

# Calls made at once by one worker; what is more goes to others.
MOST_AT_ONCE = 20


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: an SQS batch."""
    return batch.run("notify", event, process)


def process(messages: Sequence[Message], now: datetime) -> list[Outcome]:
    """Log the events that are new and make their notices; claim what is due and commit, call everybody at once, record
    each answer: no transaction is open in a call.
    """
    events = records.events(messages)
    woken = dict.fromkeys(str(m.body["notice_id"]) for m in messages if m.event == Topic.NOTICE_DUE)
    noted = [Outcome("noted", m.lead_id, {"event": m.event}) for m in messages if m.event != Topic.NOTICE_DUE]
    if not events and not woken:
        return noted
    until = claims.until(now, call_seconds=settings.current().webhook_timeout_seconds)
    with bus.transaction() as transaction:
        new = lifecycle.log(transaction.conn, list(events.values())) if events else set()
        made = dispatch.make(transaction.conn, [events[key] for key in sorted(new)], now=now)
        wanted = [*woken, *made]
        claimed = dispatch.claim(transaction.conn, wanted[:MOST_AT_ONCE], now=now, until=until)
        others = [dispatch.wake_up(notice_id, now) for notice_id in wanted[MOST_AT_ONCE:]]
        transaction.announce([*claimed.wake_ups, *others])
    done = [records.outcome(notice_id, step, {}) for notice_id, step in claimed.steps.items()]

    def record(ended: Sequence[tuple[NoticeToSend, Call]]) -> None:
        with bus.transaction() as transaction:
            steps, wake_ups = dispatch.record(transaction.conn, ended, now=clock.now())
            transaction.announce(wake_ups)
        done.extend(
            records.outcome(e.claimed.notice_id, steps[e.claimed.notice_id], records.facts(e, call))
            for e, call in ended
        )

    claims.carry_out(claimed.to_send, dispatch.send, record)
    idle = woken.keys() - {outcome.facts["notice_id"] for outcome in done}
    return noted + done + [Outcome("nothing_due", None, {"notice_id": notice_id}) for notice_id in sorted(idle)]
