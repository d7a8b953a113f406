"""Commands that send deliveries again."""

import argparse
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.delivery import commands as delivery_commands
from leadgen.notifications.commands import watch
from leadgen.notifications.service import replays
from leadgen.notifications.service.replays import ReplayImpossible
from leadgen.notifications.store.replays import Progress
from leadgen.platform import clock
from leadgen.terminal.command import DATABASE, DONE, FAILED, CommandFailed, actor, connection, environment, number
from leadgen.terminal.progress import Progress as Bar
from leadgen.terminal.times import instant, when

if TYPE_CHECKING:
    from leadgen.terminal.command import Subparsers

_EPILOG = f"{DATABASE} LEADGEN_ACTOR names who does it, for the audit trail."
_SECONDS_TO_SWEEP = 90.0
_A_DAY = 86400.0


def add(commands: "Subparsers") -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "replay",
        help="send a delivery to its buyer's webhook again",
        description="Send the bytes of a delivery again, under its own delivery id, signed anew. Nothing is billed, "
        "and neither the delivery nor its lead changes. Called twice, it is sent twice.",
        epilog=_EPILOG,
    )
    parser.add_argument("delivery_id", metavar="DELIVERY_ID", help="the delivery, or the first digits of its id")
    parser.set_defaults(run=_replay)

    parser = commands.add_parser(
        "recover",
        help="send again all that a buyer's webhook accepted in some time",
        description="Send again all that a buyer's webhook accepted in some time, oldest first, as `leadgen replay` "
        "does each. It is the functions that send: this command starts that, shows how far it is, and may be stopped "
        "by Ctrl-C and called again. While one replay batch of a buyer is under way, no other is begun.",
        epilog=_EPILOG,
    )
    parser.add_argument("buyer", nargs="?", metavar="BUYER", help="its id or e-mail address")
    parser.add_argument("--since", type=when, metavar="WHEN", help="6h, 3d, or a date and time, in UTC unless it says")
    parser.add_argument("--until", type=when, metavar="WHEN", help="the end, not included; now where it is not given")
    parser.add_argument(
        "--rate", type=number, default=5, metavar="N", help=f"calls a second, 1 to {replays.FASTEST} (5)"
    )
    parser.add_argument("--resume", type=number, metavar="ID", help="show the replay batch of this number again")
    parser.add_argument(
        "--stop", type=number, metavar="ID", help="send nothing more of the replay batch of this number"
    )
    parser.set_defaults(run=_replay_all)


def _replay(options: argparse.Namespace) -> int:
    environ = environment()
    with connection(environ) as conn:
        delivery_id = delivery_commands.named(conn, options.delivery_id)
        try:
            with conn.transaction():
                notice_id = replays.replay(conn, delivery_id, Actor(actor(environ)), now=clock.now())
        except ReplayImpossible as error:
            raise CommandFailed(str(error)) from None
        (fate,) = watch.for_answers(conn, [notice_id], seconds=_SECONDS_TO_SWEEP)
    print(f"Delivery {delivery_id}: {watch.describe(fate)}")
    return DONE if fate.status == "succeeded" else FAILED


def _replay_all(options: argparse.Namespace) -> int:
    environ = environment()
    by = Actor(actor(environ))
    with connection(environ) as conn:
        try:
            if options.stop is not None:
                return _stop(conn, options.stop, by)
            if options.resume is not None:
                return _watch(conn, replays.progress(conn, options.resume))
            return _watch(conn, _begin(conn, options, by))
        except ReplayImpossible as error:
            raise CommandFailed(str(error)) from None


def _begin(conn: Connection[Any], options: argparse.Namespace, by: Actor) -> Progress:
    if options.buyer is None or options.since is None:
        raise CommandFailed("name a BUYER and --since, or a replay batch with --resume or --stop")
    now = clock.now()
    since, until = instant(options.since, now), instant(options.until, now) if options.until else now
    if since >= until:
        raise CommandFailed(f"--since {since.isoformat()} is not before --until {until.isoformat()}")
    with conn.transaction():
        begun = replays.replay_all(conn, options.buyer, since=since, until=until, rate=options.rate, actor=by, now=now)
    found = begun.progress
    if begun.was_under_way:
        print(f"Replay batch {found.replay_batch_id} of this buyer is under way and taken up again; no other is begun.")
    print(
        f"Replay batch {found.replay_batch_id}: {found.total:,} deliveries from {found.since:%Y-%m-%d %H:%M} to "
        f"{found.until:%Y-%m-%d %H:%M} UTC, {found.rate} a second.",
        flush=True,
    )
    if begun.left_out:
        print(f"{begun.left_out:,} more cannot be sent again: they went by e-mail, or are erased.", flush=True)
    return found


def _watch(conn: Connection[Any], found: Progress) -> int:
    bar = Bar("sending again")
    latest = found

    def is_over() -> bool:
        nonlocal latest
        latest = replays.progress(conn, found.replay_batch_id)
        bar.update(latest.settled, latest.total)
        return latest.settled >= latest.total

    try:
        while not watch.until(is_over, seconds=_A_DAY):
            pass
    except KeyboardInterrupt:
        print(
            f"\nIt goes on without this command: {latest.settled:,} of {latest.total:,} done, {latest.failed:,} tried "
            f"again.\n`leadgen recover --resume {found.replay_batch_id}` shows it, "
            f"--stop {found.replay_batch_id} ends it."
        )
        raise
    print(f"{latest.succeeded:,} succeeded, {latest.given_up:,} given up.")
    return DONE if not latest.given_up else FAILED


def _stop(conn: Connection[Any], replay_batch_id: int, by: Actor) -> int:
    with conn.transaction():
        stopped = replays.stop(conn, replay_batch_id, by, now=clock.now())
    if stopped:
        print(f"Replay batch {replay_batch_id} is stopped: {stopped:,} deliveries are not sent again.")
    else:
        print(f"Replay batch {replay_batch_id} is over: nothing was left to send.")
    return DONE
