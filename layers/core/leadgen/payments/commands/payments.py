"""``leadgen payment``: record payments of invoices, list them, undo them."""

import argparse
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.kernel import money, remarks
from leadgen.ledger import store as ledger_store
from leadgen.payments.commands import entry
from leadgen.payments.service import entries as payments_entries_service
from leadgen.payments.service import receipts
from leadgen.payments.service.receipts import Receipt
from leadgen.payments.store import payments as store
from leadgen.receivables.commands import lookup
from leadgen.terminal import money_command
from leadgen.terminal.command import ACTOR, DATABASE, DONE, describe, number
from leadgen.terminal.database import connection, environment
from leadgen.terminal.money_command import MOST, cell
from leadgen.terminal.tables import columns, minute, printable, unbroken


def record_command(parser: argparse.ArgumentParser) -> None:
    """Record a payment of an invoice."""
    describe(
        parser,
        "Record money that came in for an invoice. What exceeds the amount due goes to the buyer's wallet.",
        examples=["leadgen payment record INV-000012 45.00 --method check --reference 1042"],
        notes=[ACTOR, DATABASE],
    )
    lookup.invoice_argument(parser)
    parser.add_argument("amount", metavar="AMOUNT", help="in the buyer's currency, such as 45.00")
    entry.arguments(parser)
    parser.set_defaults(run=_record)


def list_command(parser: argparse.ArgumentParser) -> None:
    """List payments."""
    describe(
        parser,
        f"List the latest {MOST} payments. With --buyer, show also what the buyer owes and has prepaid.",
        examples=["leadgen payment list", "leadgen payment list --buyer crm@buyer.example"],
    )
    parser.add_argument("--buyer", metavar="BUYER", help="only payments of this buyer: its id or e-mail address")
    parser.set_defaults(run=_list)


def undo_command(parser: argparse.ArgumentParser) -> None:
    """Undo a payment."""
    describe(
        parser,
        "Undo a payment that was recorded by mistake, or a check that bounced. The invoice is due again.",
        examples=["leadgen payment undo 7 --reason 'the check bounced'"],
        notes=[ACTOR, DATABASE],
    )
    parser.add_argument("payment_id", type=number, metavar="PAYMENT", help="its id, from `leadgen payment list`")
    money_command.reason(parser)
    parser.set_defaults(run=_undo)


def _record(options: argparse.Namespace) -> int:
    def work(conn: Connection[Any], who: Actor, now: datetime) -> Receipt:
        invoice_id = lookup.invoice(conn, options.invoice)
        return payments_entries_service.payment(
            conn, invoice_id, entry.read(options, now), key=entry.key(options), actor=who, now=now
        )

    entry.show(money_command.carry_out(work), options.invoice.upper())
    return DONE


def _list(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        buyer_id = None if options.buyer is None else money_command.buyer(conn, options.buyer)
        found = store.listed(conn, buyer_id=buyer_id, limit=MOST)
        account = None if buyer_id is None else ledger_store.money(conn, [buyer_id])[buyer_id]
    rows = [
        (
            str(one.payment_id),
            unbroken(minute(one.received_at or one.created_at)),
            str(one.buyer_id),
            one.invoice_number or "",
            one.method,
            one.status,
            printable(one.reference or one.error or ""),
            cell(one.amount, one.currency),
            cell(one.refunded + one.charged_back, one.currency) if one.refunded + one.charged_back else "",
        )
        for one in found
    ]
    head = ("ID", "AT (UTC)", "BUYER", "INVOICE", "METHOD", "STATUS", "REFERENCE", "AMOUNT", "WENT BACK")
    for line in columns(head, rows, left=7) if rows else ["There are no payments."]:
        print(line)
    if account is not None:
        owed, prepaid = (money.shown(one, account.currency) for one in (account.owed, account.wallet))
        print(f"Owed {owed}, prepaid {prepaid}.")
    return DONE


def _undo(options: argparse.Namespace) -> int:
    def work(conn: Connection[Any], who: Actor, now: datetime) -> Receipt:
        reason = remarks.text(options.reason, "--reason")
        return receipts.undo(conn, options.payment_id, reason=reason, actor=who, now=now)

    undone = money_command.carry_out(work)
    then = f"; its invoice is {undone.invoice_status}" if undone.invoice_status else ""
    print(f"Payment {undone.payment_id} {'was undone before' if undone.is_repeated else 'is undone'}{then}.")
    return DONE
