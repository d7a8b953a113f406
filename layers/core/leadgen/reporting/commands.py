"""Documents and reports: invoices as files, statements, the aging report, the journal and exports."""

import argparse
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from leadgen.documents import commands as documents_commands
from leadgen.documents.domain import letter
from leadgen.documents.service import documents as documents_service
from leadgen.documents.store import documents as documents_store
from leadgen.documents.store.documents import Format, Kind
from leadgen.kernel import money
from leadgen.kernel.errors import PolicyInvalid, Refusal
from leadgen.platform import clock
from leadgen.publishers.service import documents as publishers_documents
from leadgen.reporting import service
from leadgen.reporting.domain import aging
from leadgen.reporting.domain.statements import Account, Statement
from leadgen.terminal import money_command
from leadgen.terminal.command import DATABASE, DONE, CommandFailed, connection, environment
from leadgen.terminal.tables import columns, printable

if TYPE_CHECKING:
    from leadgen.terminal.command import Subparsers

_KINDS: dict[str, Kind] = {"invoice": "invoice", "credit-note": "credit_note", "payout": "payout"}
_FORMS: dict[str, Format] = {"pdf": "pdf", "ubl": "ubl", "factur-x": "factur_x"}


def add(commands: "Subparsers") -> None:
    """Add the commands."""
    _add_document(commands)
    _add_statement(commands)
    old = commands.add_parser(
        "aging",
        help="what is open on invoices, by how long it is overdue",
        description="What is open on invoices by how long it is overdue, of each buyer and in all; with what is on no "
        "invoice it adds up to what is owed.",
        epilog=DATABASE,
    )
    old.add_argument("--csv", action="store_true", help="as CSV")
    old.set_defaults(run=_aging)
    journal = commands.add_parser(
        "journal",
        help="the ledger as CSV: debit, credit, amount, and what it is about",
        description="The ledger as CSV, entry by entry, by days in UTC.",
        epilog=DATABASE,
    )
    _add_days(journal, required=True)
    journal.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it there; without it, to stdout")
    journal.set_defaults(run=_journal)
    export = commands.add_parser(
        "export-invoices",
        help="issued invoices as CSV: a line for each lead, or what QuickBooks Online imports",
        description="The invoices dated from the first day to the last, each by its market's clock, as CSV: a line for "
        "each lead.",
        epilog=DATABASE,
    )
    _add_days(export, required=True)
    export.add_argument("--format", choices=("lines", "quickbooks"), default="lines", help="lines unless given")
    export.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it there; without it, to stdout")
    export.set_defaults(run=_export)


def _add_document(commands: "Subparsers") -> None:
    parser = commands.add_parser(
        "document",
        help="write an invoice, a credit note or a payout's statement to a file",
        description="Write an invoice or a credit note to a file: the same bytes that its buyer was mailed. Or what a "
        "publisher's leads have earned.",
        epilog=DATABASE,
    )
    parser.add_argument("kind", choices=tuple(_KINDS))
    parser.add_argument("document", metavar="NUMBER_OR_ID", help="such as INV-000012, CN-000003 or PO-000001")
    parser.add_argument("--format", choices=tuple(_FORMS), default="pdf", help="pdf unless given")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to; without it, by its number, here")
    parser.set_defaults(run=_document)


def _add_statement(commands: "Subparsers") -> None:
    parser = commands.add_parser(
        "statement",
        help="what a buyer owed, what came and went, and what is open",
        description="A buyer's account from one day to another by its market's clock; without days, the last 30.",
        epilog=DATABASE,
    )
    parser.add_argument("buyer", metavar="BUYER", help="its id or e-mail address")
    _add_days(parser, required=False)
    parser.add_argument("--format", choices=("text", "csv", "pdf"), default="text", help="text unless given")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it there; a PDF must have one")
    parser.set_defaults(run=_statement)


def _add_days(parser: argparse.ArgumentParser, *, required: bool) -> None:
    for name, text in (("from", "the first day"), ("to", "the last day")):
        parser.add_argument(f"--{name}", dest=f"{name}_day", type=_day, required=required, metavar="DAY", help=text)


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{written!r} is no day: write 2026-06-30") from None


def _document(options: argparse.Namespace) -> int:
    kind, form = _KINDS[options.kind], _FORMS[options.format]
    environ = environment()
    with connection(environ) as conn:
        try:
            document_id = documents_commands.issued(conn, kind, options.document)
            if kind == "invoice" and form != "ubl" and documents_store.get(conn, kind, document_id, form) is None:
                _set_link_up(environ)
            if kind == "payout":
                drawn = publishers_documents.document(conn, document_id, form)
            else:
                drawn = documents_service.document(conn, kind, document_id, form)
        except (Refusal, PolicyInvalid) as refused:
            raise CommandFailed(str(refused)) from None
    target = options.output or Path(drawn.filename)
    _write(target, drawn.content)
    print(f"{target}: {len(drawn.content)} bytes, SHA-256 {drawn.sha256}")
    return DONE


def _set_link_up(environ: Mapping[str, str]) -> None:
    """The link to pay stands in the file for ever: it is made as the functions make it. Raises CommandFailed."""
    if not (environ.get("SECRET_KEY") and environ.get("PUBLIC_URL")):
        raise CommandFailed(
            "this file was not drawn yet, and a link to pay stands in it: set SECRET_KEY and PUBLIC_URL as the "
            "functions have them, or get the file from the API"
        )
    os.environ.update({name: environ[name] for name in ("DATABASE_URL", "SECRET_KEY", "PUBLIC_URL")})


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
            _write(options.output, drawn)
        case "csv":
            _put([service.statement_csv(found)], options.output)
        case _:
            _put([line + "\n" for line in _text(found)], options.output)
    return DONE


def _text(found: Statement) -> list[str]:
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


def _side(title: str, side: Account, found: Statement) -> list[str]:
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
        _put([service.aging_csv(rows, totals)], None)
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


def _journal(options: argparse.Namespace) -> int:
    first, last = _ordered(options)
    start, end = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
    with connection(environment()) as conn:
        _put(service.journal_csv(conn, start, end), options.output)
    return DONE


def _export(options: argparse.Namespace) -> int:
    first, last = _ordered(options)
    with connection(environment()) as conn:
        lines = service.export(conn, first, last, for_quickbooks=options.format == "quickbooks")
        _put(lines, options.output)
    return DONE


def _ordered(options: argparse.Namespace) -> tuple[date, date]:
    try:
        service.days(options.from_day, options.to_day)
    except Refusal as refused:
        raise CommandFailed(str(refused)) from None
    return options.from_day, options.to_day


def _amounts(currency: str, *amounts: Decimal) -> Sequence[str]:
    return tuple(money.shown(amount, currency).removesuffix(f" {currency}") for amount in amounts)


def _put(lines: Iterable[str], target: Path | None) -> None:
    if target is None:
        for line in lines:
            sys.stdout.write(line)
        return
    try:
        with target.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
    except OSError as error:
        raise CommandFailed(f"{target} cannot be written: {error.strerror}") from None


def _write(target: Path, content: bytes) -> None:
    try:
        target.write_bytes(content)
    except OSError as error:
        raise CommandFailed(f"{target} cannot be written: {error.strerror}") from None
