"""``leadgen delivery replay``: send deliveries again."""

import argparse
from typing import Any

from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.delivery import commands as delivery_commands
from leadgen.notifications.commands import watch
from leadgen.notifications.service import replays
from leadgen.notifications.service.replays import ReplayImpossible
from leadgen.notifications.store.replays import Progress
from leadgen.platform import clock
from leadgen.terminal.command import ACTOR, DATABASE, DONE, FAILED, CommandFailed, actor, describe, number
from leadgen.terminal.database import connection, environment
from leadgen.terminal.progress import Progress as Bar
from leadgen.terminal.times import instant, when

_SECONDS_TO_SWEEP = 90.0
_A_DAY = 86400.0


def replay_command(parser: argparse.ArgumentParser) -> None:
    """Send deliveries to their buyer's webhook again."""
    describe(
        parser,
        "Send the bytes of a delivery again, under its own delivery id, with a new signature. Nothing is billed, and "
        "neither the delivery nor its lead changes. Each call sends it once more. With --buyer and --since, send "
        "everything again that the buyer's webhook accepted in that time, oldest first. The functions do the sending: "
        "this command starts it and shows the progress, and Ctrl-C does not stop it. A buyer has at most one such "
        "replay at a time.",
        examples=[
            "leadgen delivery replay 3f2a91c4",
            "leadgen delivery replay --buyer crm@buyer.example --since 6h",
            "leadgen delivery replay --resume 5",
        ],
        notes=[ACTOR, DATABASE],
    )
    parser.usage = (
        "leadgen delivery replay DELIVERY\n"
        "       leadgen delivery replay --buyer BUYER --since WHEN [--until WHEN] [--rate N]\n"
        "       leadgen delivery replay --resume ID | --stop ID"
    )
    parser.add_argument("delivery_id", nargs="?", metavar="DELIVERY", help="its id, or the first digits of it")
    parser.add_argument("--buyer", metavar="BUYER", help="everything of this buyer: its id or e-mail address")
    parser.add_argument("--since", type=when, metavar="WHEN", help="6h, 3d, or a date and time (UTC without an offset)")
    parser.add_argument("--until", type=when, metavar="WHEN", help="the end, not included (now)")
    parser.add_argument(
        "--rate", type=number, default=5, metavar="N", help=f"calls a second, 1 to {replays.FASTEST} (5)"
    )
    parser.add_argument("--resume", type=number, metavar="ID", help="show the progress of this replay again")
    parser.add_argument("--stop", type=number, metavar="ID", help="stop this replay: the rest is not sent")
    parser.set_defaults(run=_replay)


def _replay(options: argparse.Namespace) -> int:
    chosen = [options.delivery_id, options.buyer, options.resume, options.stop]
    if sum(one is not None for one in chosen) != 1 or (options.buyer is None) != (options.since is None):
        raise CommandFailed("name a DELIVERY, or --buyer and --since, or a replay with --resume or --stop")
    return _several(options) if options.delivery_id is None else _single(options)


def _single(options: argparse.Namespace) -> int:
    environ = environment()
    with connection(environ) as conn:
        delivery_id = delivery_commands.named(conn, options.delivery_id)
        try:
            with conn.transaction():
                notice_id = replays.replay(conn, delivery_id, Actor(actor(environ)), now=clock.now())
        except ReplayImpossible as error:
            raise CommandFailed(str(error)) from None
        (summary,) = watch.for_answers(conn, [notice_id], seconds=_SECONDS_TO_SWEEP)
    print(f"Delivery {delivery_id}: {watch.outcome(summary)}")
    return DONE if summary.status == "succeeded" else FAILED


def _several(options: argparse.Namespace) -> int:
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
    now = clock.now()
    since, until = instant(options.since, now), instant(options.until, now) if options.until else now
    if since >= until:
        raise CommandFailed(f"--since {since.isoformat()} is not before --until {until.isoformat()}")
    with conn.transaction():
        begun = replays.replay_all(conn, options.buyer, since=since, until=until, rate=options.rate, actor=by, now=now)
    found = begun.progress
    if begun.was_under_way:
        print(f"Replay {found.replay_batch_id} of this buyer is running already; no other is started.")
    print(
        f"Replay {found.replay_batch_id}: {found.total:,} deliveries from {found.since:%Y-%m-%d %H:%M} to "
        f"{found.until:%Y-%m-%d %H:%M} UTC, {found.rate} a second.",
        flush=True,
    )
    if begun.left_out:
        print(f"{begun.left_out:,} more cannot be sent again: they were sent by e-mail, or are erased.", flush=True)
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
            f"\nThe replay goes on without this command: {latest.settled:,} of {latest.total:,} done, "
            f"{latest.failed:,} being retried.\n`leadgen delivery replay --resume {found.replay_batch_id}` shows it, "
            f"--stop {found.replay_batch_id} stops it."
        )
        raise
    print(f"{latest.succeeded:,} succeeded, {latest.given_up:,} given up.")
    return DONE if not latest.given_up else FAILED


def _stop(conn: Connection[Any], replay_batch_id: int, by: Actor) -> int:
    with conn.transaction():
        stopped = replays.stop(conn, replay_batch_id, by, now=clock.now())
    if stopped:
        print(f"Replay {replay_batch_id} is stopped: {stopped:,} deliveries are not sent again.")
    else:
        print(f"Replay {replay_batch_id} was over: nothing was left to send.")
    return DONE
