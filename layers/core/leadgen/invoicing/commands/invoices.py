"""``leadgen invoice``: the run that issues invoices, the lists, and a person's decisions."""

import argparse
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.invoicing.commands import tables
from leadgen.invoicing.service import decisions
from leadgen.invoicing.service import run as invoicing_run
from leadgen.invoicing.service.decisions import InvoiceDecided
from leadgen.invoicing.store import failures as invoicing_failures
from leadgen.invoicing.store import invoices as invoicing_invoices
from leadgen.kernel import money
from leadgen.kernel.errors import Refusal
from leadgen.platform import clock
from leadgen.platform.messaging import bus, queues
from leadgen.receivables.commands import lookup
from leadgen.receivables.service import dunning as receivables_dunning
from leadgen.receivables.service import overdue
from leadgen.receivables.store import dunning as receivables_dunning_store
from leadgen.receivables.store import invoices as receivables_invoices
from leadgen.receivables.store.invoices import InvoiceHead
from leadgen.terminal import money_command
from leadgen.terminal.command import ACTOR, DATABASE, DONE, FAILED, USER_AGENT, CommandFailed, actor, describe, number
from leadgen.terminal.database import connection, environment
from leadgen.terminal.progress import Progress
from leadgen.terminal.tables import folded
from leadgen.terminal.times import instant, when

_MOST = 100
_STATUSES = ("draft", "sent", "paid", "overdue", "disputed", "cancelled")


def run_command(parser: argparse.ArgumentParser) -> None:
    """Issue the invoices that are due."""
    describe(
        parser,
        "Issue an invoice for every account whose billing cycle has closed or that is over its threshold. The same "
        "runs by schedule.",
        examples=["leadgen invoice run --dry-run", "leadgen invoice run"],
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be issued, and change nothing")
    parser.add_argument(
        "--at", type=when, metavar="TIME", help="run as of this time (30d ago, or 2026-06-15T00:00-06:00)"
    )
    parser.set_defaults(run=_run)


def list_command(parser: argparse.ArgumentParser) -> None:
    """List invoices, and buyers whose invoices fail."""
    describe(
        parser,
        f"List the newest {_MOST} invoices, and the buyers whose invoices fail.",
        examples=["leadgen invoice list --status overdue", "leadgen invoice list --buyer crm@buyer.example"],
    )
    parser.add_argument("--status", choices=_STATUSES, help="only invoices with this status")
    parser.add_argument("--buyer", metavar="BUYER", help="only invoices of this buyer: its id or e-mail address")
    parser.add_argument("--before", type=number, metavar="ID", help="only invoices with an id below this one")
    parser.set_defaults(run=_list)


def show_command(parser: argparse.ArgumentParser) -> None:
    """Show an invoice with its lines, settlements and reminders."""
    describe(
        parser,
        "Show an invoice with its lines, settlements and reminders.",
        examples=["leadgen invoice show INV-000012"],
    )
    lookup.invoice_argument(parser)
    parser.set_defaults(run=_show)


def approve_command(parser: argparse.ArgumentParser) -> None:
    """Issue a draft."""
    describe(
        parser,
        "Issue a draft: it gets its number, and is sent to its buyer.",
        examples=["leadgen invoice approve 31"],
        notes=[ACTOR, DATABASE],
    )
    lookup.invoice_argument(parser)
    parser.set_defaults(run=_approve)


def cancel_command(parser: argparse.ArgumentParser) -> None:
    """Cancel a draft, or credit an issued invoice in full."""
    describe(
        parser,
        "Cancel a draft: its leads go on the next invoice. An invoice that is issued is credited in full.",
        examples=["leadgen invoice cancel INV-000012 --reason 'wrong billing address'"],
        notes=[ACTOR, DATABASE],
    )
    lookup.invoice_argument(parser)
    parser.add_argument("--reason", metavar="TEXT", help="why; stored with the invoice")
    parser.set_defaults(run=_cancel)


def promise_command(parser: argparse.ArgumentParser) -> None:
    """Record the day by which the buyer promises to pay."""
    describe(
        parser,
        "Record that the buyer promises to pay by a day. Until that day is over, no reminder is sent and the buyer is "
        "not paused because of this invoice.",
        examples=["leadgen invoice promise INV-000012 --until 2026-07-01", "leadgen invoice promise INV-000012 --none"],
        notes=[ACTOR, DATABASE],
    )
    lookup.invoice_argument(parser)
    ends = parser.add_mutually_exclusive_group(required=True)
    ends.add_argument("--until", type=_day, metavar="DAY", help="the last day, such as 2026-07-01")
    ends.add_argument("--none", action="store_true", help="remove the promise")
    parser.set_defaults(run=_promise)


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{written!r} is no day: write 2026-07-01") from None


def _run(options: argparse.Namespace) -> int:
    present = clock.now()
    now = present if options.at is None else instant(options.at, present)
    if now > present and not options.dry_run:
        raise CommandFailed("--at lies ahead: what is issued bears its date, so only --dry-run looks ahead")
    seen: list[InvoiceHead] = []
    with connection(environment()) as conn:
        transaction = bus.on_connection(conn, keep=not options.dry_run)
        if not options.dry_run:
            with conn.transaction():
                overdue.mark_overdue(conn, now=now)
        done = invoicing_run.run(
            transaction,
            now=now,
            report=Progress("invoicing").update,
            seen=lambda conn, invoice_ids: seen.extend(receivables_invoices.by_id(conn, invoice_ids)),
        )
        if not options.dry_run:
            receivables_dunning.review_pauses(transaction, now=now)
    for line in [*tables.written(seen, next_only=options.dry_run), *tables.summary(done, options.dry_run)]:
        print(line)
    return FAILED if done.failed else DONE


def _list(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        buyer_id = None if options.buyer is None else money_command.buyer(conn, options.buyer)
        found = invoicing_invoices.listed(
            conn, status=options.status, buyer_id=buyer_id, before=options.before, with_drafts=True, limit=_MOST
        )
        failures = invoicing_failures.listed(conn)
    for line in [*tables.listed(found), *tables.failing(failures)]:
        print(line)
    return DONE


def _show(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        invoice_id = lookup.invoice(conn, options.invoice)
        (invoice,) = receivables_invoices.by_id(conn, [invoice_id])
        lines = invoicing_invoices.lines(conn, invoice_id)
        settled = invoicing_invoices.settlements(conn, invoice_id)
        notices = receivables_dunning_store.notices(conn, invoice_id)
    for part in tables.head(invoice):
        print("\n".join(folded(part)))
    for block in (tables.lines(invoice, lines), tables.settled(invoice, settled), tables.reminded(notices)):
        if block:
            print("\n".join(["", *block]))
    return DONE


def _approve(options: argparse.Namespace) -> int:
    def text(decided: InvoiceDecided) -> str:
        return f"Invoice {decided.invoice.invoice_number} is issued: {_due(decided.invoice)}."

    return _decide(options, lambda conn, id_, who, now: decisions.approve(conn, id_, who, now=now), text)


def _cancel(options: argparse.Namespace) -> int:
    def text(decided: InvoiceDecided) -> str:
        if decided.invoice.invoice_number is None:
            return f"Draft {decided.invoice.invoice_id} is cancelled: its leads go on the next invoice."
        return f"Invoice {decided.invoice.invoice_number} is cancelled, and credited in full."

    reason = options.reason
    return _decide(options, lambda conn, id_, who, now: decisions.cancel(conn, id_, reason, who, now=now), text)


def _promise(options: argparse.Namespace) -> int:
    def text(decided: InvoiceDecided) -> str:
        name = f"invoice {decided.invoice.invoice_number}"
        if options.until is None:
            return f"The promise to pay {name} is removed."
        return f"The buyer promises to pay {name} by {options.until}: no reminder is sent until that day is over."

    until = options.until
    return _decide(options, lambda conn, id_, who, now: decisions.promise(conn, id_, until, who, now=now), text)


def _decide(
    options: argparse.Namespace,
    decide: Callable[[Connection[Any], int, Actor, datetime], InvoiceDecided],
    text: Callable[[InvoiceDecided], str],
) -> int:
    environ = environment()
    who = Actor(actor(environ), user_agent=USER_AGENT)
    try:
        with connection(environ) as conn, conn.transaction():
            decided = decide(conn, lookup.invoice(conn, options.invoice), who, clock.now())
            if decided.events:
                queues.announce(conn, decided.events)
    except Refusal as refusal:
        raise CommandFailed(refusal.message) from None
    done = f"Nothing is done: it is already {_due(decided.invoice)}." if decided.is_repeated else text(decided)
    print("\n".join(folded(done)))
    return DONE


def _due(invoice: InvoiceHead) -> str:
    return f"{invoice.status}, {money.shown(invoice.amount_due, invoice.currency)} due"
