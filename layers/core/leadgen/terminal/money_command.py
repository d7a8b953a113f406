"""What the commands about money share: how invoices and buyers are named, and one transaction a command."""

import argparse
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from psycopg import Connection

from leadgen.platform import clock
from leadgen.terminal.command import DATABASE, CommandFailed, connection, environment
from leadgen.review.commands import USER_AGENT
from leadgen.kernel import money
from leadgen.kernel.errors import PolicyInvalid, Refusal
from leadgen.kernel.events import Event
from leadgen.audit_trail.domain.actor import Actor
from leadgen.configuration.service.apply import actor
from leadgen.decisions.store import decisions
from leadgen.documents.store import documents
from leadgen.invoicing.store import invoices
from leadgen.platform.messaging import queues
from leadgen.documents.store.documents import Kind

EPILOG = f"{DATABASE} LEADGEN_ACTOR names who does it, for the audit trail."
MOST = 100
_NUMBERS: Mapping[Kind, str] = {"invoice": "INV-000012", "credit_note": "CN-000012", "payout": "PO-000012"}

Made = TypeVar("Made")


def carry_out(work: Callable[[Connection[Any], Actor, datetime], Made]) -> Made:
    """Do a person's work in one transaction, and tell what it tells. What is refused is a CommandFailed."""
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


def buyer(conn: Connection[Any], named: str) -> int:
    """The buyer that a person names by its id or e-mail address. Raises CommandFailed."""
    found = decisions.find_buyer(conn, named)
    if found is None:
        raise CommandFailed(f"there is no buyer {named}: name one by its id or its e-mail address")
    return found.buyer_id


def invoice(conn: Connection[Any], named: str) -> int:
    """The invoice that a person names by its number or its id. Raises CommandFailed."""
    number = named.strip()
    if number.isdecimal() and len(number) < 11 and int(number) < 2**31 and invoices.by_id(conn, [int(number)]):
        return int(number)
    invoice_id = invoices.numbered(conn, number.upper())
    if invoice_id is None:
        raise CommandFailed(f"there is no invoice {named}: name one by its number, such as INV-000012, or its id")
    return invoice_id


def issued(conn: Connection[Any], kind: Kind, named: str) -> int:
    """The invoice, credit note or payout that a person names by its number or its id. Raises CommandFailed."""
    written = named.strip()
    found = documents.numbered(conn, kind, written.upper())
    if found is None and written.isdecimal() and int(written) < 2**31:
        return int(written)
    if found is None:
        what = kind.replace("_", " ")
        raise CommandFailed(f"there is no {what} {named}: name one by its number, such as {_NUMBERS[kind]}, or its id")
    return found


def cell(amount: Decimal, currency: str) -> str:
    """An amount as one word of a cell."""
    return money.shown(amount, currency).replace(" ", "\N{NO-BREAK SPACE}")


def reason(parser: argparse.ArgumentParser, *, name: str = "--reason", required: bool = True) -> None:
    """The option that says why."""
    parser.add_argument(name, required=required, metavar="TEXT", help="why, for the audit trail")
