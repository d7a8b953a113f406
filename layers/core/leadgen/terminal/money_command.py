"""What the commands about money share: how invoices and buyers are named, and one transaction a command."""

import argparse
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.buyers import store as buyers_store
from leadgen.kernel import money
from leadgen.kernel.errors import PolicyInvalid, Refusal
from leadgen.kernel.events import Event
from leadgen.platform import clock
from leadgen.platform.messaging import queues
from leadgen.terminal.command import USER_AGENT, CommandFailed, actor
from leadgen.terminal.database import connection, environment


def buyer_argument(parser: argparse.ArgumentParser) -> None:
    """The argument that names a buyer."""
    parser.add_argument("buyer", metavar="BUYER", help="the buyer's id or e-mail address")


def buyer(conn: Connection[Any], named: str) -> int:
    """The buyer that a person names by its id or e-mail address. Raises CommandFailed."""
    found = buyers_store.find_buyer(conn, named)
    if found is None:
        raise CommandFailed(f"there is no buyer {named}: name one by its id or its e-mail address")
    return found.buyer_id


MOST = 100

Made = TypeVar("Made")


def carry_out(work: Callable[[Connection[Any], Actor, datetime], Made]) -> Made:
    """Do a person's work in one transaction, and announce its events. What is refused is a CommandFailed."""
    environ = environment()
    try:
        with connection(environ) as conn:
            return in_transaction(conn, environ, work)
    except (Refusal, PolicyInvalid) as refusal:
        raise CommandFailed(str(refusal)) from None


def in_transaction(
    conn: Connection[Any],
    environ: Mapping[str, str],
    work: Callable[[Connection[Any], Actor, datetime], Made],
) -> Made:
    """As ``carry_out``, on a connection that there is. Raises Refusal."""
    with conn.transaction():
        made = work(conn, Actor(actor(environ), user_agent=USER_AGENT), clock.now())
        events: tuple[Event, ...] = getattr(made, "events", ())
        if events:
            queues.announce(conn, events)
    return made


def cell(amount: Decimal, currency: str) -> str:
    """An amount as one word of a cell."""
    return money.shown(amount, currency).replace(" ", "\N{NO-BREAK SPACE}")


def reason(parser: argparse.ArgumentParser) -> None:
    """The option for the reason."""
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, for the audit trail")
