"""Commands on subscriptions: who gets which events."""

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from leadgen.audit_trail.domain import Actor
from leadgen.kernel.trace import plain
from leadgen.notifications.domain import subscriptions as domain
from leadgen.notifications.domain.subscriptions import SubscriptionInvalid
from leadgen.notifications.service.subscriptions import NoSuchSubscription, Wanted, rotate, subscribe, unsubscribe
from leadgen.notifications.store import subscriptions as store
from leadgen.notifications.store.subscriptions import Listed
from leadgen.platform import clock
from leadgen.terminal.command import DATABASE, DONE, CommandFailed, actor, connection, environment, number
from leadgen.terminal.tables import columns

if TYPE_CHECKING:
    from leadgen.terminal.command import Subparsers

_ACTOR = f"{DATABASE} LEADGEN_ACTOR names who does it, for the audit trail."
_MOST = 1000


def add(commands: "Subparsers") -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "subscribe",
        help="have events posted to a URL",
        description="Have events posted to a URL, signed as Standard Webhooks says, and again until they are taken. "
        "docs/events.md has the events and how to verify them. The secret is shown this once.",
        epilog=_ACTOR,
    )
    parser.add_argument("url", metavar="URL", help="https://… that takes a POST")
    parser.add_argument(
        "--events",
        required=True,
        metavar="EVENTS",
        help="comma list: names such as lead.delivered, lead.*, or '*' for all",
    )
    parser.add_argument("--buyer", metavar="ID_OR_EMAIL", help="only what is about this buyer; without it, everything")
    parser.add_argument("--secret", metavar="SECRET", help="whsec_…; without it one is made")
    parser.set_defaults(run=_subscribe)

    parser = commands.add_parser(
        "subscriptions",
        help="who subscribes to what, and how each endpoint does",
        description="The subscriptions in force: the last call to each, what waits, and whether it is called now.",
        epilog=DATABASE,
    )
    parser.add_argument("--all", action="store_true", help="those of the last 90 days that have ended too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_list)

    parser = commands.add_parser(
        "unsubscribe",
        help="post nothing more to a subscription",
        description="End a subscription. What still waits for it is not sent.",
        epilog=_ACTOR,
    )
    parser.add_argument("subscription_id", type=number, metavar="ID", help="as `leadgen subscriptions` lists it")
    parser.set_defaults(run=_unsubscribe)

    parser = commands.add_parser(
        "rotate-secret",
        help="give a subscription another secret",
        description="Give a subscription another secret. For 24 hours what is sent is signed with the one before too, "
        "so that the receiver can change it at any time of the day.",
        epilog=_ACTOR,
    )
    parser.add_argument("subscription_id", type=number, metavar="ID", help="as `leadgen subscriptions` lists it")
    parser.add_argument("--secret", metavar="SECRET", help="whsec_…; without it one is made")
    parser.set_defaults(run=_rotate)


def _subscribe(options: argparse.Namespace) -> int:
    wanted = Wanted(
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
        print(f"Its secret, shown only now: {made.secret}")
    return DONE


def _unsubscribe(options: argparse.Namespace) -> int:
    environ = environment()
    with connection(environ) as conn, conn.transaction():
        try:
            ended = unsubscribe(conn, options.subscription_id, Actor(actor(environ)), now=clock.now())
        except NoSuchSubscription as error:
            raise CommandFailed(str(error)) from None
    print(f"Nothing more is posted to {ended.url} for subscription {ended.subscription_id}.")
    return DONE


def _rotate(options: argparse.Namespace) -> int:
    environ = environment()
    with connection(environ) as conn, conn.transaction():
        try:
            made = rotate(conn, options.subscription_id, options.secret, Actor(actor(environ)), now=clock.now())
        except (NoSuchSubscription, SubscriptionInvalid) as error:
            raise CommandFailed(str(error)) from None
    if options.secret is None:
        print(f"The new secret, shown only now: {made.secret}")
    print("The one before signs too for 24 hours.")
    return DONE


def _list(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        found = store.listed(conn, ended=options.all, now=clock.now(), limit=_MOST)
    if options.json:
        print(json.dumps([plain(asdict(one)) for one in found], indent=2))
    elif not found:
        print("Nobody is subscribed: see `leadgen subscribe --help`.")
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
