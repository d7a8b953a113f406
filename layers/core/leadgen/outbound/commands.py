"""Endpoints and their circuit breakers."""

import argparse
from collections.abc import Mapping
from datetime import UTC
from typing import TYPE_CHECKING

from leadgen.audit_trail.domain import Actor
from leadgen.kernel.errors import Refusal
from leadgen.outbound.service import endpoints
from leadgen.outbound.service.endpoints import Shown
from leadgen.outbound.store import Endpoint
from leadgen.platform import clock
from leadgen.terminal.command import DATABASE, DONE, USER_AGENT, CommandFailed, actor, connection, environment, number
from leadgen.terminal.tables import columns, minute, printable, unbroken

if TYPE_CHECKING:
    from leadgen.terminal.command import Subparsers

_MOST = 1000


def add(commands: "Subparsers") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "endpoints",
        help="the endpoints that are called, and the state of each one's circuit",
        description="List the endpoints, those in trouble first, each with the calls under way and how many may be: "
        "while a circuit is closed calls go through, while it is open none do, half_open is being tried with one "
        "call, gone answered 410. With --open a circuit is closed at once, also of one that is gone.",
        epilog=f"{DATABASE} LEADGEN_ACTOR names who opens one, for the audit trail.",
    )
    parser.add_argument("--open", type=number, metavar="ID", help="call this endpoint again")
    parser.set_defaults(run=_endpoints)


def _endpoints(options: argparse.Namespace) -> int:
    environ = environment()
    if options.open is not None:
        return _open(environ, options.open)
    with connection(environ) as conn:
        listed = endpoints.listed(conn, now=clock.now(), limit=_MOST)
    if not listed:
        print("Nobody was called yet.")
        return DONE
    head = ("ID", "WHOSE", "URL", "CALLS", "STATE (UTC)")
    for line in columns(head, [_row(shown) for shown in listed]):
        print(line)
    return DONE


def _row(shown: Shown) -> tuple[str, ...]:
    endpoint = shown.endpoint
    return (
        str(endpoint.endpoint_id),
        printable(shown.name),
        printable(shown.url),
        f"{endpoint.calls}/{endpoint.allowed}",
        _state(endpoint),
    )


def _state(endpoint: Endpoint) -> str:
    said = f"{endpoint.state} since {unbroken(minute(endpoint.since))}"
    if endpoint.open_until is not None and endpoint.state != "half_open":
        said += f", called again at {endpoint.open_until.astimezone(UTC):%H:%M:%S}"
    return f"{said}: {printable(endpoint.reason)}" if endpoint.reason else said


def _open(environ: Mapping[str, str], endpoint_id: int) -> int:
    who = Actor(actor(environ), user_agent=USER_AGENT)
    try:
        with connection(environ) as conn, conn.transaction():
            reset = endpoints.reset(conn, endpoint_id, who, now=clock.now())
    except Refusal as refusal:
        raise CommandFailed(f"{refusal.message}: `leadgen endpoints` lists them") from None
    if reset.is_repeated:
        print(f"The circuit of {reset.url} is closed already: nothing is done.")
    else:
        print(f"The circuit of {reset.url} is closed; what waits for it is sent by itself.")
    return DONE
