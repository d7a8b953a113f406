"""What publishers have earned, and paying it."""

import argparse
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
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
from leadgen.terminal.command import DATABASE, DONE, FAILED, USER_AGENT, CommandFailed, actor, connection, environment
from leadgen.terminal.tables import columns, printable, unbroken

if TYPE_CHECKING:
    from leadgen.terminal.command import Subparsers

_MOST = 1000


def add(commands: "Subparsers") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "payouts",
        help="what publishers have earned, month by month, and that it was paid",
        description="A payout is what a publisher's sources earned until the last midnight of a month in its time "
        "zone, less what was reversed with leads that came back. What comes to nothing or less is carried over. "
        "They are issued by the schedule; `run` does it now.",
        epilog=DATABASE,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    issue = actions.add_parser("run", help="issue what is due", description="Issue the payouts that are due.")
    issue.add_argument("--dry-run", action="store_true", help="say what would be issued, and issue nothing")
    issue.set_defaults(run=_run)
    listed = actions.add_parser("list", help="the payouts", description="The payouts, those not paid yet first.")
    listed.set_defaults(run=_list)
    shown = actions.add_parser("show", help="a payout, lead by lead", description="A payout's statement.")
    _of_payout(shown)
    shown.add_argument("--csv", action="store_true", help="as CSV, for a spreadsheet")
    shown.set_defaults(run=_show)
    paid = actions.add_parser(
        "paid",
        help="a payout was transferred",
        description="Note that a payout was transferred, and post it. The same again does nothing more.",
        epilog="LEADGEN_ACTOR names who did it, for the audit trail.",
    )
    _of_payout(paid)
    paid.add_argument("--reference", required=True, metavar="TEXT", help="the transfer's reference")
    paid.set_defaults(run=_paid)


def _of_payout(action: argparse.ArgumentParser) -> None:
    action.add_argument("payout", metavar="PAYOUT", help="its number, such as PO-000001, or its id")


def _run(options: argparse.Namespace) -> int:
    environ, now = environment(), clock.now()
    with connection(environ) as conn:
        if options.dry_run:
            return _tell_due(conn, now)
        done = payouts.issue_all(bus.on_connection(conn, keep=True), actor=actor(environ), now=now)
    print(f"{done['payouts']} issued." if done["payouts"] else "No payout is due.")
    if done["payouts_failed"]:
        print(f"{done['payouts_failed']} publishers failed: the log says why; the others went on.", file=sys.stderr)
        return FAILED
    return DONE


def _tell_due(conn: Connection[Any], now: datetime) -> int:
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
        raise CommandFailed(f"{refusal.message}: `leadgen payouts list` lists them") from None
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


def _paid(options: argparse.Namespace) -> int:
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
