"""``leadgen subscription``: which events are posted where."""

import argparse
import json
import sys
from dataclasses import asdict

from leadgen.audit_trail.domain import Actor
from leadgen.kernel.trace import plain
from leadgen.notifications.domain import subscriptions as domain
from leadgen.notifications.domain.subscriptions import SubscriptionInvalid
from leadgen.notifications.service.subscriptions import (
    NoSuchSubscription,
    WantedSubscription,
    rotate,
    subscribe,
    unsubscribe,
)
from leadgen.notifications.store import subscriptions as store
from leadgen.notifications.store.subscriptions import Listed
from leadgen.platform import clock
from leadgen.terminal.command import ACTOR, DATABASE, DONE, CommandFailed, actor, describe, number
from leadgen.terminal.database import connection, environment
from leadgen.terminal.tables import columns

_MOST = 1000


def create_command(parser: argparse.ArgumentParser) -> None:
    """Post events to a URL."""
    describe(
        parser,
        "Create a subscription: events are posted to the URL, signed as Standard Webhooks defines, and retried until "
        "the receiver accepts them. docs/events.md lists the events and shows how to verify them. The secret is "
        "printed only this once.",
        examples=[
            "leadgen subscription create https://crm.example/hooks --events 'lead.*,invoice.generated'",
            "leadgen subscription create https://crm.example/hooks --events '*' --buyer 3",
        ],
        notes=[ACTOR, DATABASE],
    )
    parser.add_argument("url", metavar="URL", help="https://… that accepts a POST")
    parser.add_argument(
        "--events",
        required=True,
        metavar="EVENTS",
        help="comma list: names such as lead.delivered, lead.*, or '*' for all",
    )
    parser.add_argument("--buyer", metavar="BUYER", help="only events about this buyer: its id or e-mail address")
    parser.add_argument("--secret", metavar="SECRET", help="whsec_…; without it one is made")
    parser.set_defaults(run=_create)


def list_command(parser: argparse.ArgumentParser) -> None:
    """List subscriptions and the state of their endpoints."""
    describe(
        parser,
        "List the active subscriptions: the last call to each, how many events wait, and the state of the endpoint's "
        "circuit.",
        examples=["leadgen subscription list", "leadgen subscription list --all"],
    )
    parser.add_argument("--all", action="store_true", help="also those that ended within the last 90 days")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_list)


def delete_command(parser: argparse.ArgumentParser) -> None:
    """End a subscription."""
    describe(
        parser,
        "End a subscription. Events that still wait for it are not sent.",
        examples=["leadgen subscription delete 4"],
        notes=[ACTOR, DATABASE],
    )
    _subscription_argument(parser)
    parser.set_defaults(run=_delete)


def rotate_secret_command(parser: argparse.ArgumentParser) -> None:
    """Give a subscription a new signing secret."""
    describe(
        parser,
        "Give a subscription a new signing secret. For 24 hours events are signed with the previous secret too, so "
        "that the receiver can change over at any time.",
        examples=["leadgen subscription rotate-secret 4"],
        notes=[ACTOR, DATABASE],
    )
    _subscription_argument(parser)
    parser.add_argument("--secret", metavar="SECRET", help="whsec_…; without it one is made")
    parser.set_defaults(run=_rotate)


def _subscription_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("subscription_id", type=number, metavar="ID", help="from `leadgen subscription list`")


def _create(options: argparse.Namespace) -> int:
    wanted = WantedSubscription(
        url=options.url, events=tuple(options.events.split(",")), buyer=options.buyer, secret=options.secret
    )
    environ = environment()
    with connection(environ) as conn, conn.transaction():
        try:
            made = subscribe(conn, wanted, Actor(actor(environ)), now=clock.now())
        except SubscriptionInvalid as error:
            raise CommandFailed(str(error)) from None
    for notice in made.notices:
        print(notice, file=sys.stderr)
    about = "" if made.buyer_id is None else f" about buyer {made.buyer_id}"
    print(f"Subscription {made.subscription_id}: {domain.words(made.events)}{about}, posted to {made.url}")
    if options.secret is None:
        print(f"Its secret, printed only now: {made.secret}")
    return DONE


def _delete(options: argparse.Namespace) -> int:
    environ = environment()
    with connection(environ) as conn, conn.transaction():
        try:
            ended = unsubscribe(conn, options.subscription_id, Actor(actor(environ)), now=clock.now())
        except NoSuchSubscription as error:
            raise CommandFailed(str(error)) from None
    print(f"Subscription {ended.subscription_id} is ended: no more events are posted to {ended.url}.")
    return DONE


def _rotate(options: argparse.Namespace) -> int:
    environ = environment()
    with connection(environ) as conn, conn.transaction():
        try:
            made = rotate(conn, options.subscription_id, options.secret, Actor(actor(environ)), now=clock.now())
        except (NoSuchSubscription, SubscriptionInvalid) as error:
            raise CommandFailed(str(error)) from None
    if options.secret is None:
        print(f"The new secret, printed only now: {made.secret}")
    print("For 24 hours events are signed with the previous secret too.")
    return DONE


def _list(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        found = store.listed(conn, ended=options.all, now=clock.now(), limit=_MOST)
    if options.json:
        print(json.dumps([plain(asdict(one)) for one in found], indent=2))
    elif not found:
        print("There are no subscriptions: `leadgen subscription create` makes one.")
    else:
        head = ["ID", "WHOSE", "URL", "EVENTS", "LAST CALL", "WAITING", "ENDPOINT"]
        for line in columns(head, [_row(one) for one in found]):
            print(line)
    return DONE


def _row(one: Listed) -> list[str]:
    whose = "operator" if one.buyer_id is None else f"{one.buyer} ({one.buyer_id})"
    last = "none" if one.last_at is None else f"{one.last_outcome} {one.last_at:%Y-%m-%d %H:%M:%S}"
    if one.last_error:
        last += f": {one.last_error}"
    state = one.breaker or "not called yet"
    if one.ended_at is not None:
        state = f"ended {one.ended_at:%Y-%m-%d %H:%M}: {one.end_reason}"
    elif one.rotating_until is not None:
        state += f", two secrets until {one.rotating_until:%Y-%m-%d %H:%M}"
    return [str(one.subscription_id), whose, one.url, ", ".join(one.events), last, str(one.waiting), state]
