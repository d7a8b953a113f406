"""Invoices: the run that writes them, what there are, and a person's decisions."""

import argparse
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.invoicing.commands import tables
from leadgen.invoicing.service import decisions
from leadgen.invoicing.service import run as invoicing_run
from leadgen.invoicing.service.decisions import Decided
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
from leadgen.receivables.store.invoices import Invoice
from leadgen.terminal import money_command
from leadgen.terminal.command import (
    DATABASE,
    DONE,
    FAILED,
    USER_AGENT,
    CommandFailed,
    actor,
    connection,
    environment,
    number,
)
from leadgen.terminal.progress import Progress
from leadgen.terminal.tables import folded
from leadgen.terminal.times import instant, when

if TYPE_CHECKING:
    from leadgen.terminal.command import Subparsers

_MOST = 100
_STATUSES = ("draft", "sent", "paid", "overdue", "disputed", "cancelled")
_ACTOR = f"{DATABASE} LEADGEN_ACTOR names who decides, for the audit trail."


def add(commands: "Subparsers") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "invoice",
        help="write invoices that are due, and see, approve, cancel or promise them",
        description="Write invoices that are due, and see, approve, cancel or promise them.",
        epilog=DATABASE,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    run = _action(actions, "run", "invoice every account whose cycle has closed or that is over its threshold", _run)
    run.add_argument("--dry-run", action="store_true", help="show what would be written, and change nothing")
    run.add_argument(
        "--at", type=when, metavar="TIME", help="as if it were this time (30d ago, or 2026-06-15T00:00-06:00)"
    )
    shown = _action(actions, "list", f"the newest {_MOST} invoices, and buyers whose invoices fail", _list)
    shown.add_argument("--status", choices=_STATUSES, help="only those of this status")
    shown.add_argument("--buyer", metavar="ID_OR_EMAIL", help="only those of this buyer")
    shown.add_argument("--before", type=number, metavar="ID", help="those with an id below this one")
    _of_invoice(_action(actions, "show", "an invoice with its lines, settlements and reminders", _show))
    _of_invoice(_action(actions, "approve", "issue a draft", _approve, epilog=_ACTOR))
    cancel = _action(
        actions, "cancel", "cancel a draft (its leads go on the next invoice), or credit all that is issued", _cancel,
        epilog=_ACTOR,
    )  # fmt: skip
    _of_invoice(cancel)
    cancel.add_argument("--reason", metavar="TEXT", help="why, kept with it")
    promise = _action(
        actions, "promise", "keep that its buyer pays by a day: no reminder and no pause until it is over", _promise,
        epilog=_ACTOR,
    )  # fmt: skip
    _of_invoice(promise)
    ends = promise.add_mutually_exclusive_group(required=True)
    ends.add_argument("--until", type=_day, metavar="DAY", help="the last day, such as 2026-07-01")
    ends.add_argument("--none", action="store_true", help="there is no promise any more")


def _action(
    actions: "Subparsers", name: str, text: str, run: Callable[[argparse.Namespace], int], epilog: str = DATABASE
) -> argparse.ArgumentParser:
    action = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=epilog)
    action.set_defaults(run=run)
    return action


def _of_invoice(action: argparse.ArgumentParser) -> None:
    action.add_argument("invoice", metavar="INVOICE", help="its number, such as INV-000012, or its id")


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
    seen: list[Invoice] = []
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
        told = receivables_dunning_store.notices(conn, invoice_id)
    for part in tables.head(invoice):
        print("\n".join(folded(part)))
    for block in (tables.lines(invoice, lines), tables.settled(invoice, settled), tables.reminded(told)):
        if block:
            print("\n".join(["", *block]))
    return DONE


def _approve(options: argparse.Namespace) -> int:
    def say(decided: Decided) -> str:
        return f"Invoice {decided.invoice.invoice_number} is issued: {_due(decided.invoice)}."

    return _decide(options, lambda conn, id_, who, now: decisions.approve(conn, id_, who, now=now), say)


def _cancel(options: argparse.Namespace) -> int:
    def say(decided: Decided) -> str:
        if decided.invoice.invoice_number is None:
            return f"Draft {decided.invoice.invoice_id} is cancelled: its leads go on the next invoice."
        return f"Invoice {decided.invoice.invoice_number} is cancelled, and credited in full."

    reason = options.reason
    return _decide(options, lambda conn, id_, who, now: decisions.cancel(conn, id_, reason, who, now=now), say)


def _promise(options: argparse.Namespace) -> int:
    def say(decided: Decided) -> str:
        name = f"Invoice {decided.invoice.invoice_number}"
        if options.until is None:
            return f"{name} is not promised any more."
        return f"{name} is promised by {options.until}: nobody is reminded of it until that day is over."

    until = options.until
    return _decide(options, lambda conn, id_, who, now: decisions.promise(conn, id_, until, who, now=now), say)


def _decide(
    options: argparse.Namespace,
    decide: Callable[[Connection[Any], int, Actor, datetime], Decided],
    say: Callable[[Decided], str],
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
    said = f"It is so already: {_due(decided.invoice)}." if decided.is_repeated else say(decided)
    print("\n".join(folded(said)))
    return DONE


def _due(invoice: Invoice) -> str:
    return f"{invoice.status}, {money.shown(invoice.amount_due, invoice.currency)} due"
