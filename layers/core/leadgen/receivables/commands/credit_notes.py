"""``leadgen credit-note``: credit leads of issued invoices."""

import argparse
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.kernel import money
from leadgen.receivables.commands import lookup
from leadgen.receivables.domain import credit_notes as domain
from leadgen.receivables.service import credit_notes as receivables_credit_notes
from leadgen.receivables.service.credit_notes import CreditNote
from leadgen.receivables.store import credit_notes as receivables_credit_notes_store
from leadgen.terminal import money_command
from leadgen.terminal.command import ACTOR, DATABASE, DONE, describe, number
from leadgen.terminal.database import connection, environment
from leadgen.terminal.money_command import MOST, cell
from leadgen.terminal.tables import columns, minute, unbroken


def create_command(parser: argparse.ArgumentParser) -> None:
    """Credit leads of an invoice."""
    describe(
        parser,
        "Credit leads of an issued invoice. The credit reduces what is due of the invoice first; the rest goes to the "
        "buyer's wallet.",
        examples=["leadgen credit-note create INV-000012 17 18 --reason billing_error --note 'sold twice'"],
        notes=[ACTOR, DATABASE],
    )
    lookup.invoice_argument(parser)
    parser.add_argument("leads", nargs="*", type=number, metavar="LEAD", help="the ids of the leads to credit")
    parser.add_argument(
        "--reason",
        choices=domain.REASONS,
        default="billing_error",
        metavar="REASON",
        help=f"{', '.join(domain.REASONS)} (billing_error)",
    )
    parser.add_argument("--note", metavar="TEXT", help="a note that is printed on the credit note")
    parser.set_defaults(run=_create)


def list_command(parser: argparse.ArgumentParser) -> None:
    """List credit notes."""
    describe(parser, f"List the latest {MOST} credit notes.", examples=["leadgen credit-note list"])
    parser.set_defaults(run=_list)


def _create(options: argparse.Namespace) -> int:
    def work(conn: Connection[Any], who: Actor, now: datetime) -> CreditNote:
        fields: dict[str, object] = {"lead_ids": options.leads, "reason": options.reason}
        wanted = domain.read(fields | ({} if options.note is None else {"note": options.note}))
        return receivables_credit_notes.enter(
            conn,
            lookup.invoice(conn, options.invoice),
            wanted.lead_ids,
            reason=wanted.reason,
            note=wanted.note,
            actor=who,
            now=now,
        )

    made = money_command.carry_out(work)
    total, due, wallet = (money.shown(one, made.currency) for one in (made.total, made.to_due, made.to_wallet))
    print(f"Credit note {made.number} of {total}: {due} off what is due, {wallet} to the wallet.")
    print(f"The invoice is {made.invoice_status}.")
    return DONE


def _list(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        found = receivables_credit_notes_store.listed(conn, buyer_id=None, limit=MOST)
    rows = [
        (
            one.number,
            one.invoice_number,
            str(one.buyer_id),
            unbroken(minute(one.issued_at)),
            one.reason,
            str(len(one.lead_ids)),
            cell(one.net, one.currency),
            cell(one.tax, one.currency),
            cell(one.total, one.currency),
        )
        for one in found
    ]
    head = ("NUMBER", "INVOICE", "BUYER", "ISSUED (UTC)", "REASON", "LEADS", "NET", "TAX", "TOTAL")
    for line in columns(head, rows, left=5) if rows else ["There are no credit notes."]:
        print(line)
    return DONE
