"""``leadgen ledger journal`` and ``leadgen invoice export``: CSV for accounting programs."""

import argparse
from datetime import UTC, date, datetime, time, timedelta

from leadgen.kernel.errors import Refusal
from leadgen.reporting import service
from leadgen.reporting.commands import output
from leadgen.terminal.command import DONE, CommandFailed, describe
from leadgen.terminal.database import connection, environment


def journal_command(parser: argparse.ArgumentParser) -> None:
    """Export the ledger as CSV."""
    describe(
        parser,
        "Export the ledger as CSV, entry by entry: debit, credit, amount, and what it is for. The days are UTC.",
        examples=["leadgen ledger journal --from 2026-06-01 --to 2026-06-30 -o june.csv"],
    )
    output.day_options(parser, required=True)
    output.output_option(parser)
    parser.set_defaults(run=_journal)


def invoices_command(parser: argparse.ArgumentParser) -> None:
    """Export issued invoices as CSV."""
    describe(
        parser,
        "Export the invoices that were issued from the first day to the last, each in its market's time zone, as CSV: "
        "a line for each lead, or the columns that QuickBooks Online imports.",
        examples=["leadgen invoice export --from 2026-06-01 --to 2026-06-30 --format quickbooks -o june.csv"],
    )
    output.day_options(parser, required=True)
    parser.add_argument("--format", choices=("lines", "quickbooks"), default="lines", help="(lines)")
    output.output_option(parser)
    parser.set_defaults(run=_invoices)


def _journal(options: argparse.Namespace) -> int:
    first, last = _ordered(options)
    start, end = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
    with connection(environment()) as conn:
        output.put(service.journal_csv(conn, start, end), options.output)
    return DONE


def _invoices(options: argparse.Namespace) -> int:
    first, last = _ordered(options)
    with connection(environment()) as conn:
        lines = service.export(conn, first, last, for_quickbooks=options.format == "quickbooks")
        output.put(lines, options.output)
    return DONE


def _ordered(options: argparse.Namespace) -> tuple[date, date]:
    try:
        service.days(options.from_day, options.to_day)
    except Refusal as refused:
        raise CommandFailed(str(refused)) from None
    return options.from_day, options.to_day
