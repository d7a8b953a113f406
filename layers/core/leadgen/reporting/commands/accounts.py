"""``leadgen buyer statement`` and ``leadgen invoice aging``: what buyers owe."""

import argparse
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from leadgen.documents.domain import letter
from leadgen.kernel import money
from leadgen.kernel.errors import PolicyInvalid, Refusal
from leadgen.platform import clock
from leadgen.reporting import service
from leadgen.reporting.commands import output
from leadgen.reporting.domain import aging
from leadgen.reporting.domain.statements import AccountStatement, StatementSide
from leadgen.terminal import money_command
from leadgen.terminal.command import DONE, CommandFailed, describe
from leadgen.terminal.database import connection, environment
from leadgen.terminal.tables import columns, printable


def statement_command(parser: argparse.ArgumentParser) -> None:
    """Show a buyer's account."""
    describe(
        parser,
        "Show a buyer's account from one day to another in its market's time zone; without days, the last 30: what it "
        "owed, charges and payments, its prepaid balance, and its open invoices.",
        examples=[
            "leadgen buyer statement crm@buyer.example",
            "leadgen buyer statement 3 --from 2026-06-01 --to 2026-06-30 --format pdf -o june.pdf",
        ],
    )
    money_command.buyer_argument(parser)
    output.day_options(parser, required=False)
    parser.add_argument("--format", choices=("text", "csv", "pdf"), default="text", help="(text)")
    output.output_option(parser, "write it to this file; required for a PDF")
    parser.set_defaults(run=_statement)


def aging_command(parser: argparse.ArgumentParser) -> None:
    """Show what is open on invoices, by days overdue."""
    describe(
        parser,
        "Show what is open on invoices, by days overdue, for each buyer and in total. Together with what is on no "
        "invoice yet it adds up to what is owed.",
        examples=["leadgen invoice aging", "leadgen invoice aging --csv > aging.csv"],
    )
    parser.add_argument("--csv", action="store_true", help="print CSV")
    parser.set_defaults(run=_aging)


def _statement(options: argparse.Namespace) -> int:
    if options.format == "pdf" and options.output is None:
        raise CommandFailed("--format pdf needs a file: give --output too")
    now = clock.now()
    with connection(environment()) as conn:
        try:
            buyer_id = money_command.buyer(conn, options.buyer)
            found = service.statement(conn, buyer_id, first=options.from_day, last=options.to_day, now=now)
            drawn = service.statement_pdf(conn, found, now=now) if options.format == "pdf" else b""
        except (Refusal, PolicyInvalid) as refused:
            raise CommandFailed(str(refused)) from None
    match options.format:
        case "pdf":
            output.write(options.output, drawn)
        case "csv":
            output.put([service.statement_csv(found)], options.output)
        case _:
            output.put([line + "\n" for line in _text(found)], options.output)
    return DONE


def _text(found: AccountStatement) -> list[str]:
    zone = found.timezone
    lines = [
        f"{printable(found.buyer.name)} (buyer {found.buyer_id}), {letter.day(found.start, zone)} to "
        f"{letter.day(found.end - timedelta(microseconds=1), zone)}, {zone}, {found.currency}",
        "",
        *_side("Account", found.owed, found),
        "",
        *_side("Prepaid balance", found.prepaid, found),
        "",
        "Open invoices",
    ]
    balance, rows = Decimal(0), []
    for item in found.open_items:
        balance += item.due
        days = (letter.day(item.issued_at, zone), letter.day(item.due_date, zone))
        rows.append((item.number, *days, *_amounts(found.currency, item.total, item.due, balance)))
    lines += columns(("INVOICE", "ISSUED", "DUE", "TOTAL", "OPEN", "SO FAR"), rows, left=3) if rows else ["none"]
    closing, apart = found.owed.closing, found.apart
    on_invoices, apart_, owed = (money.shown(one, found.currency) for one in (closing - apart, apart, closing))
    return [*lines, "", f"Open invoices {on_invoices}, on no open invoice {apart_}: owed {owed}."]


def _side(title: str, side: StatementSide, found: AccountStatement) -> list[str]:
    opening = ("", "opening balance", "", "", *_amounts(found.currency, side.opening))
    closing = ("", "closing balance", "", "", *_amounts(found.currency, side.closing))
    entries = [
        (letter.day(entry.at, found.timezone), entry.what, printable(entry.reference),
         *_amounts(found.currency, entry.change, entry.balance))
        for entry in side.entries
    ]  # fmt: skip
    head = ("DATE", "WHAT", "REFERENCE", "CHANGE", "BALANCE")
    return [title, *columns(head, [opening, *entries, closing], left=3)]


def _aging(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        rows, totals = service.aged(conn, now=clock.now())
    if options.csv:
        output.put([service.aging_csv(rows, totals)], None)
        return DONE
    if not rows:
        print("Nobody owes anything.")
        return DONE
    # What few books have takes no room in the others.
    rest = {"CHARGEBACKS": [row.owing.debts for row in rows], "BEFORE LEDGER": [row.owing.opening for row in rows]}
    named = [name for name, amounts in rest.items() if any(amounts)]
    table = []
    for row in [*rows, *totals]:
        owing = row.owing
        apart = {"CHARGEBACKS": owing.debts, "BEFORE LEDGER": owing.opening}
        amounts = (*row.aged.amounts, row.aged.total, owing.uninvoiced, *(apart[name] for name in named), owing.balance)
        table.append((owing.currency, printable(owing.name), *_amounts(owing.currency, *amounts)))
    labels = (label.upper() for label in aging.LABELS)
    head = ("CURRENCY", "BUYER", *labels, "OPEN", "NOT INVOICED", *named, "OWED")
    print("\n".join(columns(head, table, left=2)))
    return DONE


def _amounts(currency: str, *amounts: Decimal) -> Sequence[str]:
    return tuple(money.shown(amount, currency).removesuffix(f" {currency}") for amount in amounts)
