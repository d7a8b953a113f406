"""``leadgen event``: receive events on this machine, and send trial events."""

import argparse
import queue
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC
from typing import Any

from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.kernel.events import current_name
from leadgen.notifications.commands import receiver, watch
from leadgen.notifications.commands.receiver import Answers, Received
from leadgen.notifications.domain import subscriptions as domain
from leadgen.notifications.domain.subscriptions import Subscription, SubscriptionInvalid
from leadgen.notifications.service import trial_events
from leadgen.notifications.service.subscriptions import Subscribed, WantedSubscription, subscribe
from leadgen.notifications.store import subscriptions as store
from leadgen.platform import clock
from leadgen.platform.settings import RECEIVER_PORT, receiver_origin
from leadgen.terminal.command import DATABASE, DONE, FAILED, CommandFailed, actor, describe, number
from leadgen.terminal.database import connection, environment
from leadgen.terminal.tables import printable

_SECONDS_TO_ANSWER = 20.0
_SECONDS_TO_SWEEP = 90.0


def listen_command(parser: argparse.ArgumentParser) -> None:
    """Receive events on this machine."""
    describe(
        parser,
        "Listen on 127.0.0.1, subscribe to events, and print each one as it arrives: the time, the event, its ids, the "
        "number of the attempt, and whether its signature is right and less than five minutes old. Ctrl-C ends the "
        "command and its subscription.",
        examples=["leadgen event listen", "leadgen event listen --events 'lead.*' --fail 2"],
        notes=[
            "The functions can call this machine only if EGRESS_ALLOWED_ORIGINS in their environment lists "
            f"http://127.0.0.1:PORT; the embedded stack lists port {RECEIVER_PORT}.",
            DATABASE,
        ],
    )
    parser.add_argument(
        "--port", type=number, default=RECEIVER_PORT, metavar="PORT", help=f"the port to listen on ({RECEIVER_PORT})"
    )
    parser.add_argument("--events", default="*", metavar="EVENTS", help="comma list: names, lead.*, or '*' (all)")
    parser.add_argument("--fail", type=number, metavar="N", help="fail the first N attempts of each event")
    parser.add_argument(
        "--status", type=number, metavar="S", help="the HTTP status of a failed attempt (503); without --fail, all fail"
    )
    parser.set_defaults(run=_listen)


def trigger_command(parser: argparse.ArgumentParser) -> None:
    """Send a trial event to its subscribers."""
    describe(
        parser,
        'Send a trial event, marked "trial": true, once to each subscription of that event, through the real queue '
        "and function, and print the outcome of each.",
        examples=["leadgen event trigger lead.delivered", "leadgen event trigger invoice.generated --subscription 4"],
    )
    parser.add_argument(
        "event", type=current_name, choices=domain.EVENTS, metavar="EVENT", help=", ".join(domain.EVENTS)
    )
    parser.add_argument("--subscription", type=number, metavar="ID", help="only to this subscription")
    parser.set_defaults(run=_trigger)


def _trigger(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        sent = _send_trial(conn, options.event, options.subscription)
        summaries = watch.for_answers(conn, sent, seconds=_SECONDS_TO_SWEEP)
    for summary in summaries:
        print(f"{summary.url}: {watch.outcome(summary)}")
    return DONE if all(summary.status == "succeeded" for summary in summaries) else FAILED


def _send_trial(conn: Connection[Any], event: str, subscription_id: int | None) -> list[str]:
    try:
        with conn.transaction():
            return trial_events.send(conn, event, subscription_id=subscription_id, now=clock.now())
    except SubscriptionInvalid as error:
        raise CommandFailed(str(error)) from None


def _listen(options: argparse.Namespace) -> int:
    status = 503 if options.status is None else options.status
    if not 200 <= status <= 599:
        raise CommandFailed(f"--status {status} is no HTTP status of an answer: write 200 to 599, such as 503 or 410")
    if not 1 <= options.port <= 65535:
        raise CommandFailed(f"--port {options.port} is no port: write 1 to 65535")
    failing = options.fail if options.fail is not None else (None if options.status is not None else 0)
    environ = environment()
    received: queue.Queue[Received] = queue.Queue()
    own_trial: set[str] = set()
    secrets: list[str] = []
    server = receiver.listening(
        options.port, secrets, Answers(failing, status), received.put, answers_well=own_trial.__contains__
    )
    with ExitStack() as open_until_the_end:
        open_until_the_end.enter_context(_ended_by_signals())
        try:
            open_until_the_end.enter_context(server)  # first: whoever listens there already keeps its subscription
        except OSError as error:
            raise CommandFailed(
                f"port {options.port} cannot be opened: {error.strerror}; choose another with --port"
            ) from None
        made = open_until_the_end.enter_context(_subscribed(environ, options))
        secrets.append(made.secret)
        _try_it(environ, made, own_trial)
        print(f"Listening at {made.url} for {domain.words(made.events)}. Ctrl-C ends it.", flush=True)
        while True:
            print(printable(_line(received.get())), flush=True)


@contextmanager
def _subscribed(environ: Mapping[str, str], options: argparse.Namespace) -> Iterator[Subscribed]:
    """A subscription of the operator's while the block runs. One that a killed listener left is ended before."""
    url = receiver_origin(options.port) + "/"
    wanted = WantedSubscription(url=url, events=tuple(options.events.split(",")))
    with connection(environ) as conn, conn.transaction():
        store.end(conn, store.at(conn, url), reason="listens anew", now=clock.now())
        try:
            made = subscribe(conn, wanted, Actor(actor(environ)), now=clock.now())
        except SubscriptionInvalid as error:
            raise CommandFailed(str(error)) from None
    for notice in made.notices:
        print(notice, file=sys.stderr)
    try:
        yield made
    finally:
        with connection(environ) as conn:
            store.end(conn, [made.subscription_id], reason="listens no more", now=clock.now())


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGINT and SIGTERM end the block, also where a shell that starts it in the background ignores SIGINT."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _try_it(environ: Mapping[str, str], made: Subscribed, own_trial: set[str]) -> None:
    """See that the functions can call this machine. Raises CommandFailed, saying what to set."""
    own = Subscription(made.subscription_id, None, made.events)
    event = next(name for name in domain.EVENTS if domain.takes(own, name, {}))
    with connection(environ) as conn:
        with conn.transaction():
            (trial,) = trial_events.send(conn, event, subscription_id=made.subscription_id, now=clock.now())
            own_trial.add(trial)
        (summary,) = watch.for_answers(conn, [trial], seconds=_SECONDS_TO_ANSWER)
    if summary.last_outcome is None:
        raise CommandFailed(
            f"no event arrived in {_SECONDS_TO_ANSWER:.0f} s: no functions seem to run on this database"
        )
    if summary.status != "succeeded":
        origin = made.url.rstrip("/")
        raise CommandFailed(
            f"the functions cannot call {origin} ({summary.error}). Their EGRESS_ALLOWED_ORIGINS must list {origin}: "
            f"start them with it. The embedded stack lists {receiver_origin(RECEIVER_PORT)} by itself"
        )


def _line(received: Received) -> str:
    data = received.body.get("data")
    ids = " ".join(f"{name}={value}" for name, value in data.items()) if isinstance(data, dict) else "no data"
    return "  ".join(
        [
            f"{clock.now().astimezone(UTC):%H:%M:%S}",
            received.event + (" (trial)" if received.body.get("trial") is True else ""),
            ids,
            f"attempt {received.attempt}",
            "verified" if received.fault is None else f"NOT VERIFIED: {received.fault}",
            f"answered {received.answered}",
        ]
    )
