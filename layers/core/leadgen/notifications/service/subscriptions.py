"""Creates and ends subscriptions."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from psycopg import Connection
from pydantic import Field, ValidationError

from leadgen.audit_trail import service as audit_trail_service
from leadgen.audit_trail.domain import Actor
from leadgen.buyers import store as buyers_store
from leadgen.kernel.model import Model
from leadgen.kernel.model_errors import describe
from leadgen.kernel.text import StorableText
from leadgen.notifications.domain import subscriptions as domain
from leadgen.notifications.domain.subscriptions import SubscriptionInvalid
from leadgen.notifications.store import subscriptions as store
from leadgen.notifications.store.subscriptions import Found
from leadgen.outbound import store as outbound_store
from leadgen.platform.egress.urls import without_query


class NoSuchSubscription(Exception):
    """There is no subscription of this number in force; the message says so."""


class WantedSubscription(Model):
    """What somebody subscribes to, and where it is sent. ``buyer`` is an id or e-mail address; without it, it
    is the operator's.
    """

    url: str
    events: tuple[str, ...]
    buyer: StorableText | None = None
    secret: Annotated[str | None, Field(repr=False)] = None


def read(fields: Mapping[str, object]) -> WantedSubscription:
    """What was posted. Raises SubscriptionInvalid."""
    try:
        return WantedSubscription.model_validate({**fields, "events": _as_tuple(fields.get("events"))})
    except ValidationError as error:
        raise SubscriptionInvalid(describe(error, whole="the subscription")) from None


def _as_tuple(events: object) -> object:
    return tuple(events) if isinstance(events, list) else events


@dataclass(frozen=True)
class Subscribed:
    """A new subscription; the secret is shown this once. ``notices`` are about events that have another name now."""

    subscription_id: int
    buyer_id: int | None
    url: str
    events: tuple[str, ...]
    secret: str
    notices: tuple[str, ...] = ()


def subscribe(conn: Connection[Any], wanted: WantedSubscription, actor: Actor, *, now: datetime) -> Subscribed:
    """Subscribe in the caller's transaction, with a secret of our own where none is given.

    Raises SubscriptionInvalid.
    An endpoint that failed or answered that it is gone is called again: somebody wants it to be.
    """
    url, events = domain.checked_url(wanted.url), domain.chosen(wanted.events)
    secret = _secret(wanted.secret)
    buyer_id = None
    if wanted.buyer is not None:
        buyer = buyers_store.find_buyer(conn, wanted.buyer)
        if buyer is None:
            raise SubscriptionInvalid(f"there is no buyer {wanted.buyer!r}: write its e-mail address or its number")
        buyer_id = buyer.buyer_id
    store.one_at_a_time(conn, buyer_id)
    if store.count_in_force(conn, buyer_id) >= domain.MOST_IN_FORCE:
        whose = "the operator" if buyer_id is None else f"buyer {buyer_id}"
        raise SubscriptionInvalid(
            f"{whose} has {domain.MOST_IN_FORCE} subscriptions in force, and there are no more: end one of them first"
        )
    subscription_id = store.create(conn, buyer_id=buyer_id, url=url, events=events, secret=secret, now=now)
    address = outbound_store.of_operator(url) if buyer_id is None else outbound_store.of_buyer(buyer_id, url)
    outbound_store.reopen(conn, address, now=now)
    after = {"url": without_query(url), "events": list(events), "buyer_id": buyer_id}
    _note(conn, "subscription.create", subscription_id, actor, None, after, now)
    return Subscribed(subscription_id, buyer_id, url, events, secret, domain.renamed(wanted.events))


def unsubscribe(conn: Connection[Any], subscription_id: int, actor: Actor, *, now: datetime) -> Found:
    """End a subscription; what still waits for it is not sent. Raises NoSuchSubscription."""
    found = _in_force(conn, subscription_id)
    if not store.end(conn, [subscription_id], reason="unsubscribed", now=now):
        raise NoSuchSubscription(f"subscription {subscription_id} has ended already")
    _note(conn, "subscription.end", subscription_id, actor, {"url": without_query(found.url)}, None, now)
    return found


def rotate(
    conn: Connection[Any], subscription_id: int, secret: str | None, actor: Actor, *, now: datetime
) -> Subscribed:
    """Give a subscription another secret; for a day what is sent is signed with both. Raises NoSuchSubscription and
    SubscriptionInvalid.
    """
    new = _secret(secret)
    found = _in_force(conn, subscription_id)
    if not store.rotate(conn, subscription_id, secret=new, until=now + domain.ROTATION):
        raise NoSuchSubscription(f"subscription {subscription_id} has ended already")
    _note(conn, "subscription.rotate", subscription_id, actor, None, None, now)
    return Subscribed(subscription_id, found.buyer_id, found.url, tuple(found.events), new)


def _secret(given: str | None) -> str:
    return domain.secret(secrets.token_bytes(domain.SECRET_BYTES)) if given is None else domain.checked_secret(given)


def _in_force(conn: Connection[Any], subscription_id: int) -> Found:
    found = store.find(conn, subscription_id)
    if found is None:
        raise NoSuchSubscription(f"there is no subscription {subscription_id}")
    if found.ended_at is not None:
        raise NoSuchSubscription(f"subscription {subscription_id} has ended already")
    return found


def _note(
    conn: Connection[Any], action: str, subscription_id: int, actor: Actor, before: dict[str, Any] | None,
    after: dict[str, Any] | None, now: datetime,
) -> None:  # fmt: skip
    row = ("subscription", subscription_id)
    audit_trail_service.record(conn, actor, action, row, before, after or {}, now=now)
