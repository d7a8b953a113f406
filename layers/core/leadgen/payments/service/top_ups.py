"""Starts automatic top-ups of prepaid money, and announces them to the stage that charges the card."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.billing.domain import terms as billing_terms
from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.events import Event, Topic
from leadgen.payments.adapters import provider
from leadgen.payments.domain import top_ups
from leadgen.payments.store import collection

ACTOR = "auto_top_up"


def due(conn: Connection[Any], buyer_ids: Sequence[int], now: datetime) -> list[Event]:
    """Under the buyers' locks: have the prepaid money of those whose own rule is due topped up. The events are the
    caller's to announce.
    """
    if not provider.is_configured():
        return []
    events = []
    for account, billing in collection.accounts(conn, buyer_ids):
        try:
            terms = billing_terms.parse_buyer(billing, label=f"buyer {account.buyer_id}").auto_top_up
        except PolicyInvalid:
            continue  # reported where it is invoiced
        amount = top_ups.due(account, terms, now)
        if amount is None:
            continue
        payment_id = collection.add_top_up(
            conn,
            account.buyer_id,
            amount,
            account.currency,
            actor=ACTOR,
            # Of no other row in any database: the provider takes a second payment with the same for the first.
            idempotency_key=f"{ACTOR}:{secrets.token_hex(16)}",
            is_automatic=True,
            now=now,
        )
        if payment_id is not None:
            events.append(wake_up(payment_id, account.buyer_id, now))
    return events


def low(conn: Connection[Any], *, now: datetime, limit: int) -> list[int]:
    """Buyers whose prepaid money may be due to be topped up; lock them and call ``due``."""
    if not provider.is_configured():
        return []
    return collection.below(
        conn, retried_before=now - top_ups.RETRY_AFTER, for_good=sorted(top_ups.NEEDS_A_PERSON), limit=limit
    )


def wake_up(payment_id: int, buyer_id: int, now: datetime) -> Event:
    """Have an automatic payment taken from its card."""
    return Event(Topic.TOP_UP_DUE, now, ids={"payment_id": payment_id, "buyer_id": buyer_id})


def failed(payment_id: int, buyer_id: int, now: datetime) -> Event:
    """The event of an automatic payment that failed."""
    return Event(Topic.PAYMENT_FAILED, now, ids={"payment_id": payment_id, "buyer_id": buyer_id})
