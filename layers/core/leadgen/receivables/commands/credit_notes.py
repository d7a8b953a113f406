"""Credit notes and disputes of invoices."""

import argparse
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.kernel import money, remarks
from leadgen.receivables.commands import lookup
from leadgen.receivables.domain import credit_notes as domain
from leadgen.receivables.domain.settlement import DISPUTE_OUTCOMES
from leadgen.receivables.service import credit_notes as receivables_credit_notes
from leadgen.receivables.service import disputes as receivables_disputes
from leadgen.receivables.service.credit_notes import CreditNote
from leadgen.receivables.service.disputes import Disputed
from leadgen.receivables.store import credit_notes as receivables_credit_notes_store
from leadgen.receivables.store import disputes as receivables_disputes_store
from leadgen.terminal import money_command
from leadgen.terminal.command import DONE, CommandFailed, connection, environment, number
from leadgen.terminal.money_command import EPILOG, MOST, cell
from leadgen.terminal.tables import columns, minute, printable, unbroken

if TYPE_CHECKING:
    from leadgen.terminal.command import Subparsers


def add(commands: "Subparsers") -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "credit",
        help="credit leads of an issued invoice, or list credit notes",
        description="Credit leads of an issued invoice: off what is due of it first, the rest is prepaid. Without an "
        f"argument, list the latest {MOST} credit notes.",
        epilog=EPILOG,
    )
    parser.add_argument("invoice", nargs="?", metavar="INVOICE", help="its number, such as INV-000012, or its id")
    parser.add_argument("leads", nargs="*", type=number, metavar="LEAD_ID", help="the leads that are credited")
    parser.add_argument("--reason", choices=domain.REASONS, default="billing_error", help="(billing_error)")
    parser.add_argument("--note", metavar="TEXT", help="what the credit note says of it")
    parser.set_defaults(run=_credit)

    parser = commands.add_parser(
        "dispute",
        help="open, close or list disputes of invoices",
        usage="leadgen dispute [-h]\n"
        "       leadgen dispute INVOICE --reason TEXT\n"
        "       leadgen dispute --close DISPUTE_ID --outcome OUTCOME --reason TEXT",
        description="Without an argument, list disputes. While one is open, nobody reminds of its invoice. Leads of "
        "one that is upheld are credited with `leadgen credit`.",
        epilog=EPILOG,
    )
    parser.add_argument("invoice", nargs="?", metavar="INVOICE", help="its number, such as INV-000012, or its id")
    parser.add_argument("--close", type=number, metavar="DISPUTE_ID", help="end this one")
    parser.add_argument("--outcome", choices=DISPUTE_OUTCOMES, help="how it ended")
    money_command.reason(parser, required=False)
    parser.set_defaults(run=_dispute)


def _credit(options: argparse.Namespace) -> int:
    if options.invoice is None:
        return _notes()

    def work(conn: Connection[Any], who: Actor, now: datetime) -> CreditNote:
        said: dict[str, object] = {"lead_ids": options.leads, "reason": options.reason}
        wanted = domain.read(said | ({} if options.note is None else {"note": options.note}))
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
    print(f"Credit note {made.number} of {total}: {due} off what is due, {wallet} prepaid.")
    print(f"The invoice is {made.invoice_status}.")
    return DONE


def _notes() -> int:
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


def _dispute(options: argparse.Namespace) -> int:
    if options.invoice is None and options.close is None:
        return _disputes()
    if options.invoice is not None and options.close is not None:
        raise CommandFailed("name an INVOICE to open a dispute, or one to --close")
    if (options.close is None) != (options.outcome is None):
        raise CommandFailed(f"--close goes with --outcome: {', '.join(DISPUTE_OUTCOMES)}")

    def work(conn: Connection[Any], who: Actor, now: datetime) -> Disputed:
        said = remarks.text(options.reason, "--reason", longest=1000)
        if options.close is None:
            invoice_id = lookup.invoice(conn, options.invoice)
            return receivables_disputes.open_(conn, invoice_id, reason=said, actor=who, buyer_id=None, now=now)
        return receivables_disputes.close(
            conn, options.close, outcome=options.outcome, remark=said, actor=who, buyer_id=None, now=now
        )

    made = money_command.carry_out(work)
    dispute = made.dispute
    what = f"is closed, {dispute.outcome}" if dispute.outcome else "is open"
    again = ", as was said before" if made.is_repeated else ""
    print(
        f"Dispute {dispute.dispute_id} of invoice {dispute.invoice_number} {what}{again}: it is {made.invoice_status}."
    )
    return DONE


def _disputes() -> int:
    with connection(environment()) as conn:
        found = receivables_disputes_store.listed(conn, limit=MOST)
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
