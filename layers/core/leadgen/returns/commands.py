"""Leads that are given back, one or a file of them, and how many it comes to."""

import argparse
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.kernel import money
from leadgen.kernel.errors import PolicyInvalid, Refusal
from leadgen.kernel.events import Event
from leadgen.platform import clock
from leadgen.returns.domain import rules
from leadgen.returns.service import returns as service
from leadgen.returns.service.returns import Returned
from leadgen.returns.store import rates as returns_rates
from leadgen.returns.store import returns as returns_store
from leadgen.returns.store.rates import Rate
from leadgen.terminal import money_command
from leadgen.terminal.command import DONE, FAILED, CommandFailed, connection, environment, number
from leadgen.terminal.money_command import EPILOG, MOST, cell
from leadgen.terminal.tables import columns, minute, printable, unbroken
from leadgen.terminal.times import instant, when

if TYPE_CHECKING:
    from leadgen.terminal.command import Subparsers

_HEAD = ["lead_id", "reason", "note"]
_LONGEST_FILE = 10_000


def add(commands: "Subparsers") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "return",
        help="give leads back after the sale, decide what waits, and see how much it comes to",
        usage="leadgen return [-h]\n"
        "       leadgen return LEAD_ID --reason REASON --note TEXT\n"
        "       leadgen return --approve RETURN_ID | --reject RETURN_ID --note TEXT\n"
        "       leadgen return --file FILE.csv\n"
        "       leadgen return --rates [--since WHEN]",
        description="Without an argument, list the returns that wait for a person. An operator gives a lead back "
        "whatever its policy says of window and quota, with a note. A file has the columns lead_id, reason and note: "
        "every line is told of, and the good ones are done.",
        epilog=EPILOG,
    )
    parser.add_argument("lead", nargs="?", type=number, metavar="LEAD_ID", help="the lead that is given back")
    parser.add_argument("--reason", metavar="REASON", help=", ".join(rules.REASONS))
    parser.add_argument("--note", metavar="TEXT", help="an operator's remark")
    parser.add_argument("--approve", type=number, metavar="RETURN_ID", help="take back what a buyer gives back")
    parser.add_argument("--reject", type=number, metavar="RETURN_ID", help="do not take it back")
    parser.add_argument("--file", type=Path, metavar="FILE.csv", help="many at once")
    parser.add_argument("--rates", action="store_true", help="how much of what was sold is given back")
    parser.add_argument(
        "--since", type=when, default=timedelta(days=30), metavar="WHEN", help="with --rates: 30d, or a day"
    )
    parser.set_defaults(run=_return)


def _return(options: argparse.Namespace) -> int:
    chosen = [options.lead, options.approve, options.reject, options.file, options.rates or None]
    if sum(one is not None for one in chosen) > 1:
        raise CommandFailed("name one of LEAD_ID, --approve, --reject, --file and --rates")
    if options.rates:
        return _rates(options)
    if options.file is not None:
        return _file(options.file)
    if options.lead is not None:
        return _one(options)
    if options.approve is not None or options.reject is not None:
        return _decide(options)
    return _waiting()


def _waiting() -> int:
    with connection(environment()) as conn:
        found = returns_store.listed(conn, status="requested", limit=MOST)
    rows = [
        (
            str(one.return_id),
            str(one.lead_id),
            f"{printable(one.buyer)} ({one.buyer_id})",
            unbroken(minute(one.requested_at)),
            one.reason,
            printable(one.note or ""),
            cell(one.price, one.currency),
        )
        for one in found
    ]
    head = ("RETURN", "LEAD", "BUYER", "SINCE (UTC)", "REASON", "NOTE", "PRICE")
    for line in columns(head, rows, left=6) if rows else ["Nothing waits to be taken back."]:
        print(line)
    return DONE


def _one(options: argparse.Namespace) -> int:
    environ = environment()
    try:
        with connection(environ) as conn:
            print(_told(_give_back(conn, environ, options.lead, options.reason, options.note)))
    except (Refusal, PolicyInvalid) as refusal:
        raise CommandFailed(str(refusal)) from None
    return DONE


@dataclass(frozen=True)
class _Billed:
    events: tuple[Event, ...]


def _give_back(
    conn: Connection[Any], environ: Mapping[str, str], lead_id: int, reason: str | None, note: str | None
) -> Returned:
    """Give a lead back as an operator, in a transaction of its own. Raises Refusal."""
    wish = rules.read_wish({"reason": reason, "note": note or None})

    def bill(conn: Connection[Any], who: Actor, now: datetime) -> _Billed:
        return _Billed(tuple(service.bill_first(conn, lead_id, buyer_id=None, now=now)))

    def work(conn: Connection[Any], who: Actor, now: datetime) -> Returned:
        return service.request(conn, lead_id, wish, actor=who, buyer_id=None, now=now)

    money_command.in_transaction(conn, environ, bill)
    return money_command.in_transaction(conn, environ, work)


def _told(returned: Returned) -> str:
    stored = returned.stored
    said = {"approved": "is taken back", "rejected": "is not taken back", "requested": "waits to be taken back"}
    what = f"Lead {stored.lead_id} {said[stored.status]}"
    note = f" (credit note {stored.credit_note})" if stored.credit_note else ""
    again = ", as was said before" if returned.is_repeated else ""
    return f"{what}: {money.shown(stored.price, stored.currency)}{note}{again}."


def _decide(options: argparse.Namespace) -> int:
    verdict = "approve" if options.approve is not None else "reject"
    return_id = options.approve if options.approve is not None else options.reject
    if options.note is None:
        raise CommandFailed(f"say why: leadgen return --{verdict} {return_id} --note TEXT")

    def work(conn: Connection[Any], who: Actor, now: datetime) -> Returned:
        said = rules.read_verdict({"verdict": verdict, "remark": options.note})
        return service.decide(conn, return_id, said, actor=who, now=now)

    print(_told(money_command.carry_out(work)))
    return DONE


def _file(file: Path) -> int:
    lines = list(_read(file))
    environ = environment()
    failed = 0
    with connection(environ) as conn:
        for place, row in lines:
            try:
                said = _told(_give_back(conn, environ, _lead_id(row[0]), row[1], row[2]))
            except (Refusal, PolicyInvalid) as refusal:
                failed += 1
                said = f"not done: {refusal}"
            print(f"line {place}: {said}")
    print(f"{len(lines) - failed:,} of {len(lines):,} leads are taken back.")
    return FAILED if failed else DONE


def _lead_id(written: str) -> int:
    if not written.strip().isdecimal() or not 0 < int(written) < 2**31:
        raise Refusal(400, "invalid_request", f"lead_id: {printable(written)!r} is no lead's id")
    return int(written)


def _read(file: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines of a file, by their number in it. Raises CommandFailed before anything is done."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.reader(opened)
            head = [name.strip().lower() for name in next(reader, [])]
            if head != _HEAD:
                raise CommandFailed(f"{file}: the first line must be {','.join(_HEAD)}")
            found = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CommandFailed(f"{file} cannot be read: {error}") from None
    if len(found) > _LONGEST_FILE:
        raise CommandFailed(f"{file} has {len(found):,} lines: at most {_LONGEST_FILE:,} at once")
    for place, row in found:
        yield place, [cell.strip() for cell in [*row, "", "", ""][:3]]


def _rates(options: argparse.Namespace) -> int:
    now = clock.now()
    since = instant(options.since, now)
    with connection(environment()) as conn:
        buyers = returns_rates.by_buyer(conn, since=since, until=now)
        sources = returns_rates.by_source(conn, since=since, until=now)
    if not buyers:
        print(f"Nothing was sold since {minute(since)} UTC.")
        return DONE
    for line in [*_table("BUYER", buyers), "", *_table("SOURCE", sources)]:
        print(line)
    return DONE


def _table(what: str, rates: Sequence[Rate]) -> list[str]:
    rows = [
        (
            f"{printable(one.name)} ({one.id})",
            f"{one.sold:,}",
            f"{one.returned:,}",
            f"{one.waiting:,}",
            f"{one.rejected:,}",
            f"{one.percent} %".replace(" ", "\N{NO-BREAK SPACE}"),
            cell(one.amount, one.currency),
        )
        for one in rates
    ]
    return columns((what, "SOLD", "RETURNED", "WAITING", "REJECTED", "RATE", "AMOUNT"), rows, left=1)
