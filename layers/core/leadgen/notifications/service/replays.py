"""Sends a delivery, or all that a buyer accepted in a span of time, once more under the same ids; bills nothing."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.audit_trail import service as audit_trail_service
from leadgen.audit_trail.domain import Actor
from leadgen.buyers import store as buyers_store
from leadgen.delivery.domain import steps
from leadgen.delivery.store import deliveries
from leadgen.kernel.trace import Json
from leadgen.notifications.service import dispatch
from leadgen.notifications.store import replays
from leadgen.notifications.store.replays import Progress, Replayable
from leadgen.platform.messaging import queues

FASTEST = 50
"""Calls a second that a replay batch may make at most."""


class ReplayImpossible(Exception):
    """What was asked for cannot be sent again; the message says why, and what to do."""


def replay(conn: Connection[Any], delivery_id: str, actor: Actor, *, now: datetime) -> str:
    """Send a delivery's bytes again, in the caller's transaction; the notice's id. Each call is a replay of its own.

    Raises ReplayImpossible.
    """
    try:
        wanted = str(uuid.UUID(delivery_id))
    except ValueError:
        raise ReplayImpossible(
            f"{delivery_id!r} is no delivery id: it is written as in X-LeadGen-Delivery-Id"
        ) from None
    deliveries.lock_delivery(conn, wanted)  # nobody takes it back meanwhile
    found = replays.find(conn, wanted)
    if found is None:
        raise ReplayImpossible(f"there is no delivery {wanted}")
    _check(found)
    if found.status == "in_review":
        # The buyer may accept the lead by this: whoever sells it to another must know.
        deliveries.mark_outcome_unknown(conn, wanted)
    notice_id = replays.add(conn, wanted, event=steps.EVENT, now=now)
    about = {"delivery_id": wanted, "notice_id": notice_id}
    audit_trail_service.record(conn, actor, "delivery.replay", ("lead", found.lead_id), None, about, now=now)
    queues.announce(conn, [dispatch.wake_up(notice_id, now)])
    return notice_id


def _check(found: Replayable) -> None:
    named = f"delivery {found.delivery_id}"
    if found.status == "pending":
        raise ReplayImpossible(f"{named} is under way: it is tried by itself")
    if found.status not in ("succeeded", "in_review"):
        raise ReplayImpossible(f"{named} is {found.status}: its buyer does not get the lead")
    if found.is_erased:
        raise ReplayImpossible(f"{named}: the person's data is erased, and with it what was sent")
    if not found.has_body:
        raise ReplayImpossible(f"{named} never went to a webhook: there is nothing kept that could be sent again")
    if not found.has_webhook:
        raise ReplayImpossible(f"{named}: its buyer has no webhook any more")


@dataclass(frozen=True)
class Begun:
    """A replay batch, and whether it is one that was under way already; ``left_out`` cannot be sent again."""

    progress: Progress
    was_under_way: bool
    left_out: int


def replay_all(
    conn: Connection[Any], buyer: str, *, since: datetime, until: datetime, rate: int, actor: Actor, now: datetime
) -> Begun:
    """Send again all that a buyer's webhook accepted in a time, at most ``rate`` a second, in the caller's transaction.

    While one of the buyer's batches is under way no other is begun: it is that one. Raises ReplayImpossible.
    """
    found = buyers_store.find_buyer(conn, buyer)
    if found is None:
        raise ReplayImpossible(f"there is no buyer {buyer!r}: write its e-mail address or its number")
    if not 1 <= rate <= FASTEST:
        raise ReplayImpossible(f"the rate is {rate}: it can be 1 to {FASTEST} a second")
    replays.one_at_a_time(conn, found.buyer_id)
    under_way = replays.unfinished(conn, found.buyer_id)
    if under_way is not None:
        return Begun(progress(conn, under_way), True, replays.unfillable(conn, under_way))
    replay_batch_id = replays.begin(conn, found.buyer_id, since=since, until=until, rate=rate, now=now)
    count = replays.fill(conn, replay_batch_id, event=steps.EVENT, now=now)
    about: dict[str, Json] = {"since": since.isoformat(), "until": until.isoformat(), "rate": rate,
                              "deliveries": count, "buyer_id": found.buyer_id}  # fmt: skip
    audit_trail_service.record(
        conn, actor, "replay_batch.begin", ("replay_batch", replay_batch_id), None, about, now=now
    )
    first = replays.first(conn, replay_batch_id, limit=rate * dispatch.AHEAD_SECONDS)
    queues.announce(conn, [dispatch.wake_up_at(one, now) for one in first])
    return Begun(progress(conn, replay_batch_id), False, replays.unfillable(conn, replay_batch_id))


def progress(conn: Connection[Any], replay_batch_id: int) -> Progress:
    """How far a batch is. Raises ReplayImpossible."""
    found = replays.progress(conn, replay_batch_id)
    if found is None:
        raise ReplayImpossible(f"there is no replay batch {replay_batch_id}")
    return found


def stop(conn: Connection[Any], replay_batch_id: int, actor: Actor, *, now: datetime) -> int:
    """Send nothing more of a batch, in the caller's transaction; how many were left. Raises ReplayImpossible."""
    before = progress(conn, replay_batch_id)
    stopped = replays.stop(conn, replay_batch_id, now=now)
    about = {"stopped": stopped, "buyer_id": before.buyer_id}
    audit_trail_service.record(
        conn, actor, "replay_batch.stop", ("replay_batch", replay_batch_id), None, about, now=now
    )
    return stopped
