"""Sends an example of an event to a subscription through the real queue (``leadgen event trigger``)."""

from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.kernel.events import Topic
from leadgen.notifications.domain import notices
from leadgen.notifications.domain import subscriptions as notifications_subscriptions
from leadgen.notifications.domain.subscriptions import Subscription, SubscriptionInvalid
from leadgen.notifications.service import dispatch
from leadgen.notifications.store import drafts as notifications_drafts
from leadgen.notifications.store import subscriptions as notifications_subscriptions_store
from leadgen.notifications.store.drafts import NoticeDraft
from leadgen.platform.messaging import queues

_LEAD, _BUYER, _DELIVERY = {"lead_id": 1}, {"buyer_id": 1}, {"delivery_id": "00000000-0000-4000-8000-000000000001"}
_INVOICE = {"invoice_id": 1}

EXAMPLES: dict[str, dict[str, int | str]] = {
    Topic.LEAD_RECEIVED: {**_LEAD},
    Topic.LEAD_VALIDATED: {**_LEAD},
    Topic.LEAD_REJECTED: {**_LEAD},
    Topic.LEAD_ROUTED: {**_LEAD, **_BUYER, "attempt": 1},
    Topic.LEAD_UNROUTED: {**_LEAD, "attempt": 1},
    Topic.LEAD_DELIVERED: {**_LEAD, **_BUYER},
    Topic.LEAD_BILLED: {**_LEAD, **_BUYER},
    Topic.LEAD_ACCEPTED: {**_LEAD, **_BUYER},
    Topic.LEAD_RETURNED: {**_LEAD, **_BUYER},
    Topic.DELIVERY_FAILED: {**_LEAD, **_BUYER, **_DELIVERY, "attempt": 3},
    Topic.DELIVERY_REJECTED: {**_LEAD, **_BUYER, **_DELIVERY},
    Topic.BUYER_BALANCE_THRESHOLD: {**_INVOICE, **_BUYER},
    Topic.BUYER_CREDIT_LIMIT_NEAR: {**_LEAD, **_BUYER, "attempt": 1},
    Topic.INVOICE_GENERATED: {**_INVOICE, **_BUYER},
    Topic.CREDIT_NOTE_ISSUED: {"credit_note_id": 1, **_INVOICE, **_BUYER},
    Topic.PAYMENT_RECEIVED: {"payment_id": 1, **_INVOICE, **_BUYER},
    Topic.PAYMENT_FAILED: {"payment_id": 1, **_BUYER},
    Topic.AUDIT_FAILED: {
        "audit_id": 1,
        "invariant": "owed_is_the_receivable",
        "subject": "buyers",
        "rows": 1,
        "ids": "1",
    },
}
"""What each event is about; the numbers are made up."""


def send(conn: Connection[Any], event: str, *, subscription_id: int | None, now: datetime) -> list[str]:
    """Send an example of an event, in the caller's transaction, to every subscription that takes it, or only to one; by
    the notices' ids. Raises SubscriptionInvalid.
    """
    if event not in EXAMPLES:
        raise SubscriptionInvalid(f"no event: {event!r}; there are {', '.join(notifications_subscriptions.EVENTS)}")
    found = notifications_subscriptions_store.in_force(conn)
    if subscription_id is not None:
        found = [one for one in found if one.subscription_id == subscription_id]
        if not found:
            raise SubscriptionInvalid(f"there is no subscription {subscription_id} in force")
    drafts = [draft for one in found if (draft := _draft(one, event, now)) is not None]
    if not drafts:
        fault = (
            "no subscription includes"
            if subscription_id is None
            else f"subscription {subscription_id} does not include"
        )
        raise SubscriptionInvalid(f"{fault} {event}: see `leadgen subscription list`")
    made = notifications_drafts.add(conn, drafts, now=now)
    queues.announce(conn, [dispatch.wake_up(notice_id, now) for notice_id in made])
    return made


def _draft(subscription: Subscription, event: str, now: datetime) -> NoticeDraft | None:
    ids = EXAMPLES[event]
    if subscription.buyer_id is not None and "buyer_id" in ids:
        ids = ids | {"buyer_id": subscription.buyer_id}
    if not notifications_subscriptions.takes(subscription, event, ids):
        return None
    return NoticeDraft(subscription.subscription_id, event, None, notices.body(event, now.isoformat(), ids, trial=True))
