"""``leadgen endpoint``: the URLs that are called, and their circuits."""

import argparse
from datetime import UTC

from leadgen.audit_trail.domain import Actor
from leadgen.kernel.errors import Refusal
from leadgen.outbound.service import endpoints
from leadgen.outbound.service.endpoints import ListedEndpoint
from leadgen.outbound.store import Endpoint
from leadgen.platform import clock
from leadgen.terminal.command import ACTOR, DATABASE, DONE, USER_AGENT, CommandFailed, actor, describe, number
from leadgen.terminal.database import connection, environment
from leadgen.terminal.tables import columns, minute, printable, unbroken

_MOST = 1000


def list_command(parser: argparse.ArgumentParser) -> None:
    """List the URLs that are called."""
    describe(
        parser,
        "List the URLs that are called, those in trouble first: the calls that are running and how many may run, and "
        "the state of the circuit. A closed circuit lets calls through; an open one stops them for a while; a "
        "half_open one lets a single call through as a test. A gone endpoint answered that it wants no more calls.",
        examples=["leadgen endpoint list"],
    )
    parser.set_defaults(run=_list)


def reset_command(parser: argparse.ArgumentParser) -> None:
    """Close an endpoint's circuit."""
    describe(
        parser,
        "Close an endpoint's circuit, so that it is called again at once. This applies to a gone endpoint too.",
        examples=["leadgen endpoint reset 3"],
        notes=[ACTOR, DATABASE],
    )
    parser.add_argument("endpoint_id", type=number, metavar="ID", help="the endpoint, from `leadgen endpoint list`")
    parser.set_defaults(run=_reset)


def _list(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        listed = endpoints.listed(conn, now=clock.now(), limit=_MOST)
    if not listed:
        print("No endpoint was called yet.")
        return DONE
    head = ("ID", "WHOSE", "URL", "CALLS", "STATE (UTC)")
    for line in columns(head, [_row(shown) for shown in listed]):
        print(line)
    return DONE


def _row(shown: ListedEndpoint) -> tuple[str, ...]:
    endpoint = shown.endpoint
    return (
        str(endpoint.endpoint_id),
        printable(shown.name),
        printable(shown.url),
        f"{endpoint.calls}/{endpoint.allowed}",
        _state(endpoint),
    )


def _state(endpoint: Endpoint) -> str:
    words = f"{endpoint.state} since {unbroken(minute(endpoint.since))}"
    if endpoint.open_until is not None and endpoint.state != "half_open":
        words += f", called again at {endpoint.open_until.astimezone(UTC):%H:%M:%S}"
    return f"{words}: {printable(endpoint.reason)}" if endpoint.reason else words


def _reset(options: argparse.Namespace) -> int:
    environ = environment()
    who = Actor(actor(environ), user_agent=USER_AGENT)
    try:
        with connection(environ) as conn, conn.transaction():
            reset = endpoints.reset(conn, options.endpoint_id, who, now=clock.now())
    except Refusal as refusal:
        raise CommandFailed(f"{refusal.message}: `leadgen endpoint list` shows them") from None
    if reset.is_repeated:
        print(f"The circuit of {reset.url} is closed already: nothing is done.")
    else:
        print(f"The circuit of {reset.url} is closed: it is called again, and gets what waits for it.")
    return DONE
