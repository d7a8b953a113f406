"""``leadgen suppression``: lists of people whose leads are rejected."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from psycopg import Connection

from leadgen.suppression import service, store
from leadgen.suppression.service import ListInvalid, ListOutcome
from leadgen.terminal.command import DATABASE, DONE, FAILED, CommandFailed, describe
from leadgen.terminal.database import connection, environment

_COUNTRY = re.compile(r"[A-Z]{2}")
_UNREADABLE = "A line that cannot be read is reported by its number on stderr; all the others are processed."


def add_command(parser: argparse.ArgumentParser) -> None:
    """Add people to a suppression list."""
    describe(
        parser,
        "Add people to a suppression list. Their leads are rejected, whatever the policy of the offer. Only SHA-256 "
        "hashes of the e-mail addresses and phone numbers are stored.",
        examples=[
            "leadgen suppression add optouts.txt --reason 'opt-outs of 2026-11'",
            "echo pat@example.com | leadgen suppression add",
        ],
        notes=[_UNREADABLE, DATABASE],
    )
    _list_options(parser)
    parser.add_argument("--reason", metavar="TEXT", help="stored with the entries, e.g. 'opt-outs of 2026-11'")
    parser.set_defaults(run=_add)


def remove_command(parser: argparse.ArgumentParser) -> None:
    """Remove people from a suppression list."""
    describe(
        parser,
        "Remove people from a suppression list.",
        examples=["leadgen suppression remove mistaken.txt"],
        notes=[_UNREADABLE, DATABASE],
    )
    _list_options(parser)
    parser.set_defaults(run=_remove)


def _list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="on each line an e-mail address, a phone number, or a SHA-256 of either in hex; without FILE, stdin",
    )
    parser.add_argument("--country", default="US", metavar="CC", help="the country of phone numbers without a + (US)")
    parser.add_argument("--kind", choices=("phone", "email"), help="what the SHA-256 hashes in the file are of")
    parser.add_argument("--offer", metavar="NAME", help="the list of this offer; without it, the list for every offer")
    parser.add_argument("--market", metavar="NAME", help="the offer's market, where several have an offer of this name")


def count_command(parser: argparse.ArgumentParser) -> None:
    """Count the entries of each list."""
    describe(parser, "Count the entries of each suppression list.", examples=["leadgen suppression count"])
    parser.set_defaults(run=_count)


def _add(options: argparse.Namespace) -> int:
    lines = _lines(options)
    with connection(environment()) as conn:
        outcome = service.add(
            conn,
            lines,
            country=options.country,
            kind=options.kind,
            offer_id=_offer(conn, options),
            reason=options.reason,
        )
    return _print(outcome, "added", "already there")


def _remove(options: argparse.Namespace) -> int:
    lines = _lines(options)
    with connection(environment()) as conn:
        outcome = service.remove(
            conn, lines, country=options.country, kind=options.kind, offer_id=_offer(conn, options)
        )
    return _print(outcome, "removed", "not there")


def _count(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        lengths = store.lengths(conn)
    for length in lengths:
        of_whom = "every offer" if length.offer is None else f"{length.offer} in {length.market}"
        print(f"{length.entries:>10}  {length.kind:<5}  {of_whom}")
    if not lengths:
        print("No list has an entry.")
    return DONE


def _lines(options: argparse.Namespace) -> Sequence[str]:
    if not _COUNTRY.fullmatch(options.country):
        raise CommandFailed(f"--country {options.country!r} is no country: write two capital letters, such as US")
    if options.market and not options.offer:
        raise CommandFailed("--market tells offers of one name apart: give --offer too")
    if getattr(options, "reason", None) and len(options.reason) > 200:
        raise CommandFailed("--reason is longer than 200 characters")
    try:
        text = sys.stdin.read() if options.file is None else options.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"{options.file or 'standard input'} cannot be read: {_cause(error)}") from None
    return text.splitlines()


def _cause(error: OSError | UnicodeDecodeError) -> str:
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror or type(error).__name__


def _offer(conn: Connection[Any], options: argparse.Namespace) -> int | None:
    if options.offer is None:
        return None
    try:
        return service.offer_named(conn, options.offer, market=options.market)
    except ListInvalid as error:
        raise CommandFailed(str(error)) from None


def _print(outcome: ListOutcome, changed: str, unchanged: str) -> int:
    for line in service.describe(outcome.unreadable):
        print(line, file=sys.stderr)
    print(f"{outcome.changed} {changed}, {outcome.unchanged} {unchanged}, {len(outcome.unreadable)} unreadable.")
    return FAILED if outcome.unreadable else DONE
