"""``leadgen payout``: what publishers have earned, and that it was paid."""

import argparse
import sys
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.documents import commands as documents_commands
from leadgen.kernel import money
from leadgen.kernel.errors import Refusal
from leadgen.platform import clock
from leadgen.platform.messaging import bus
from leadgen.publishers import store
from leadgen.publishers.domain.payouts import IssuedPayout
from leadgen.publishers.service import payouts
from leadgen.terminal.command import ACTOR, DATABASE, DONE, FAILED, USER_AGENT, CommandFailed, actor, describe
from leadgen.terminal.database import connection, environment
from leadgen.terminal.tables import columns, printable, unbroken

_MOST = 1000


def run_command(parser: argparse.ArgumentParser) -> None:
    """Issue the payouts that are due."""
    describe(
        parser,
        "Issue the payouts that are due. A payout is what a publisher's sources earned until the last midnight of a "
        "month in its time zone, less what was reversed with returned leads. A total of zero or less is carried over. "
        "The same runs by schedule.",
        examples=["leadgen payout run --dry-run", "leadgen payout run"],
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be issued, and issue nothing")
    parser.set_defaults(run=_run)


def list_command(parser: argparse.ArgumentParser) -> None:
    """List payouts."""
    describe(parser, "List the payouts, those that are not paid yet first.", examples=["leadgen payout list"])
    parser.set_defaults(run=_list)


def show_command(parser: argparse.ArgumentParser) -> None:
    """Show a payout, lead by lead."""
    describe(
        parser,
        "Show a payout, lead by lead.",
        examples=["leadgen payout show PO-000001", "leadgen payout show PO-000001 --csv > payout.csv"],
    )
    _of_payout(parser)
    parser.add_argument("--csv", action="store_true", help="print CSV, for a spreadsheet")
    parser.set_defaults(run=_show)


def mark_paid_command(parser: argparse.ArgumentParser) -> None:
    """Record that a payout was transferred."""
    describe(
        parser,
        "Record that a payout was transferred, and post it to the ledger. The same again does nothing more.",
        examples=["leadgen payout mark-paid PO-000001 --reference 'wire 4711'"],
        notes=[ACTOR, DATABASE],
    )
    _of_payout(parser)
    parser.add_argument("--reference", required=True, metavar="TEXT", help="the transfer's reference")
    parser.set_defaults(run=_mark_paid)


def _of_payout(action: argparse.ArgumentParser) -> None:
    action.add_argument("payout", metavar="PAYOUT", help="its number, such as PO-000001, or its id")


def _run(options: argparse.Namespace) -> int:
    environ, now = environment(), clock.now()
    with connection(environ) as conn:
        if options.dry_run:
            return _print_due(conn, now)
        done = payouts.issue_all(bus.on_connection(conn, keep=True), actor=actor(environ), now=now)
    print(f"{done['payouts']} issued." if done["payouts"] else "No payout is due.")
    if done["payouts_failed"]:
        print(
            f"{done['payouts_failed']} publishers failed, for the causes in the log; all the others succeeded.",
            file=sys.stderr,
        )
        return FAILED
    return DONE


def _print_due(conn: Connection[Any], now: datetime) -> int:
    due = payouts.due(conn, now=now)
    if not due:
        print("No payout is due.")
        return DONE
    rows = [
        (
            printable(payout.account.name),
            _period(payout.period_start, payout.period_end, payout.account.timezone),
            str(len(payout.lines)),
            money.shown(payout.earned, payout.account.currency),
            money.shown(payout.reversed, payout.account.currency),
            money.shown(payout.total, payout.account.currency),
        )
        for payout in due
    ]
    for line in columns(("PUBLISHER", "PERIOD", "LINES", "EARNED", "REVERSED", "TO PAY"), rows, left=2):
        print(line)
    print("Nothing was issued.")
    return DONE


def _list(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        found = store.payouts(conn, limit=_MOST)
    if not found:
        print("No payout was issued yet.")
        return DONE
    for line in columns(
        ("ID", "NUMBER", "PUBLISHER", "PERIOD", "STATUS", "TOTAL"), [_row(one) for one in found], left=5
    ):
        print(line)
    return DONE


def _row(payout: IssuedPayout) -> tuple[str, ...]:
    return (
        str(payout.payout_id),
        payout.number,
        printable(payout.publisher),
        _period(payout.period_start, payout.period_end, payout.timezone),
        payout.status,
        money.shown(payout.total, payout.currency),
    )


def _show(options: argparse.Namespace) -> int:
    try:
        with connection(environment()) as conn:
            statement = payouts.statement(conn, documents_commands.issued(conn, "payout", options.payout))
    except Refusal as refusal:
        raise CommandFailed(f"{refusal.message}: `leadgen payout list` shows them") from None
    if options.csv:
        sys.stdout.write(statement.as_csv())
        return DONE
    payout, zone = statement.payout, ZoneInfo(statement.payout.timezone)
    paid = f"paid, reference {printable(payout.reference)}" if payout.reference is not None else "not paid yet"
    print(f"{payout.number}, {printable(payout.publisher)}, {paid}")
    print(_period(payout.period_start, payout.period_end, payout.timezone))
    rows = [
        (
            unbroken(f"{line.occurred_at.astimezone(zone):%Y-%m-%d %H:%M}"),
            "earned" if line.amount > 0 else "reversed",
            str(line.lead_id),
            line.source_key,
            money.shown(line.amount, payout.currency),
        )
        for line in statement.lines
    ]
    for line in columns(("TIME", "KIND", "LEAD", "SOURCE", "AMOUNT"), rows, left=4):
        print(line)
    earned, reversed_ = (money.shown(amount, payout.currency) for amount in (payout.earned, payout.reversed))
    print(f"{earned} earned, {reversed_} reversed: {money.shown(payout.total, payout.currency)} to pay.")
    return DONE


def _period(start: datetime, end: datetime, timezone: str) -> str:
    """From its first day to its last."""
    first, last = (instant.astimezone(ZoneInfo(timezone)) for instant in (start, end - timedelta(microseconds=1)))
    return unbroken(f"{first:%Y-%m-%d} – {last:%Y-%m-%d} {timezone}")


def _mark_paid(options: argparse.Namespace) -> int:
    environ = environment()
    who = Actor(actor(environ), user_agent=USER_AGENT)
    try:
        with connection(environ) as conn, conn.transaction():
            payout_id = documents_commands.issued(conn, "payout", options.payout)
            paid = payouts.pay(conn, payout_id, options.reference, who, now=clock.now())
    except Refusal as refusal:
        raise CommandFailed(refusal.message) from None
    payout = paid.payout
    total = money.shown(payout.total, payout.currency)
    if paid.is_repeated:
        print(f"{payout.number} was paid already: nothing is done.")
    else:
        print(f"{payout.number} is paid: {total} to {printable(payout.publisher)}.")
    return DONE
