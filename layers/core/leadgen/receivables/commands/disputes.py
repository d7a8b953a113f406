"""``leadgen dispute``: open, close and list disputes of invoices."""

import argparse
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.kernel import remarks
from leadgen.receivables.commands import lookup
from leadgen.receivables.domain.settlement import DISPUTE_OUTCOMES
from leadgen.receivables.service import disputes as service
from leadgen.receivables.service.disputes import Disputed
from leadgen.receivables.store import disputes as store
from leadgen.terminal import money_command
from leadgen.terminal.command import ACTOR, DATABASE, DONE, describe, number
from leadgen.terminal.database import connection, environment
from leadgen.terminal.money_command import MOST
from leadgen.terminal.tables import columns, minute, printable, unbroken

_LONGEST_REASON = 1000


def open_command(parser: argparse.ArgumentParser) -> None:
    """Open a dispute of an invoice."""
    describe(
        parser,
        "Open a dispute of an invoice. While it is open, no reminder of the invoice is sent.",
        examples=["leadgen dispute open INV-000012 --reason 'three leads had a wrong number'"],
        notes=[ACTOR, DATABASE],
    )
    lookup.invoice_argument(parser)
    money_command.reason(parser)
    parser.set_defaults(run=_open)


def close_command(parser: argparse.ArgumentParser) -> None:
    """Close a dispute."""
    describe(
        parser,
        "Close a dispute. The leads of a dispute that is upheld are credited with `leadgen credit-note create`.",
        examples=["leadgen dispute close 4 --outcome rejected --reason 'the calls are on record'"],
        notes=[ACTOR, DATABASE],
    )
    parser.add_argument("dispute_id", type=number, metavar="DISPUTE", help="its id, from `leadgen dispute list`")
    parser.add_argument("--outcome", required=True, choices=DISPUTE_OUTCOMES, help="how it ended")
    money_command.reason(parser)
    parser.set_defaults(run=_close)


def list_command(parser: argparse.ArgumentParser) -> None:
    """List disputes."""
    describe(parser, f"List the latest {MOST} disputes, open and closed.", examples=["leadgen dispute list"])
    parser.set_defaults(run=_list)


def _open(options: argparse.Namespace) -> int:
    def work(conn: Connection[Any], who: Actor, now: datetime) -> Disputed:
        invoice_id = lookup.invoice(conn, options.invoice)
        return service.open_(conn, invoice_id, reason=_reason(options), actor=who, buyer_id=None, now=now)

    return _print(money_command.carry_out(work))


def _close(options: argparse.Namespace) -> int:
    def work(conn: Connection[Any], who: Actor, now: datetime) -> Disputed:
        remark, outcome = _reason(options), options.outcome
        return service.close(
            conn, options.dispute_id, outcome=outcome, remark=remark, actor=who, buyer_id=None, now=now
        )

    return _print(money_command.carry_out(work))


def _reason(options: argparse.Namespace) -> str:
    return remarks.text(options.reason, "--reason", longest=_LONGEST_REASON)


def _print(made: Disputed) -> int:
    dispute = made.dispute
    state = f"is closed, {dispute.outcome}" if dispute.outcome else "is open"
    already = " already" if made.is_repeated else ""
    print(
        f"Dispute {dispute.dispute_id} of invoice {dispute.invoice_number} {state}{already}; the invoice is "
        f"{made.invoice_status}."
    )
    return DONE


def _list(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        found = store.listed(conn, limit=MOST)
    rows = [
        (
            str(one.dispute_id),
            one.invoice_number,
            str(one.buyer_id),
            unbroken(minute(one.opened_at)),
            one.outcome or "open",
            printable(one.reason if one.remark is None else f"{one.reason} ({one.remark})"),
        )
        for one in found
    ]
    head = ("DISPUTE", "INVOICE", "BUYER", "SINCE (UTC)", "OUTCOME", "WHY")
    for line in columns(head, rows) if rows else ["There are no disputes."]:
        print(line)
    return DONE
