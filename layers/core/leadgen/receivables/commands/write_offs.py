"""``leadgen invoice write-off``: what is due is not expected any more."""

import argparse
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.kernel import money, remarks
from leadgen.receivables.commands import lookup
from leadgen.receivables.service import write_offs
from leadgen.receivables.service.write_offs import WrittenOff
from leadgen.terminal import money_command
from leadgen.terminal.command import ACTOR, DATABASE, DONE, describe


def write_off_command(parser: argparse.ArgumentParser) -> None:
    """Write off what is due of an invoice."""
    describe(
        parser,
        "Write off what is due of an invoice: it is cancelled, and keeps its number.",
        examples=[
            "leadgen invoice write-off INV-000012 --reason 'the buyer is insolvent'",
            "leadgen invoice write-off INV-000012 --undo --reason 'paid after all'",
        ],
        notes=[ACTOR, DATABASE],
    )
    lookup.invoice_argument(parser)
    parser.add_argument("--undo", action="store_true", help="undo the write-off: the amount is due again")
    money_command.reason(parser)
    parser.set_defaults(run=_write_off)


def _write_off(options: argparse.Namespace) -> int:
    def work(conn: Connection[Any], who: Actor, now: datetime) -> WrittenOff:
        invoice_id = lookup.invoice(conn, options.invoice)
        do = write_offs.undo if options.undo else write_offs.write_off
        return do(conn, invoice_id, reason=remarks.text(options.reason, "--reason"), actor=who, now=now)

    done = money_command.carry_out(work)
    what = "owed again" if options.undo else "written off"
    print(f"{money.shown(done.amount, done.currency)} of invoice {done.number} is {what}: it is {done.invoice_status}.")
    return DONE
