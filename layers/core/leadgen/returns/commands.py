"""``leadgen return``: leads that buyers return, one or a file of them, and how many there are."""

import argparse
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

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
from leadgen.terminal.command import ACTOR, DATABASE, DONE, FAILED, CommandFailed, describe, number
from leadgen.terminal.database import connection, environment
from leadgen.terminal.money_command import MOST, cell
from leadgen.terminal.tables import columns, minute, printable, unbroken
from leadgen.terminal.times import instant, when

_HEAD = ["lead_id", "reason", "note"]
_LONGEST_FILE = 10_000


def list_command(parser: argparse.ArgumentParser) -> None:
    """List the returns that wait for a decision."""
    describe(parser, "List the returns that wait for a decision.", examples=["leadgen return list"])
    parser.set_defaults(run=_list)


def create_command(parser: argparse.ArgumentParser) -> None:
    """Return a lead."""
    describe(
        parser,
        "Return a sold lead, as an operator: the buyer is not charged for it. The window and the quota of the return "
        "policy do not apply to an operator; a note is required.",
        examples=["leadgen return create 17 --reason invalid_phone --note 'number belongs to somebody else'"],
        notes=[ACTOR, DATABASE],
    )
    parser.add_argument("lead", type=number, metavar="LEAD", help="the lead's id")
    parser.add_argument("--reason", metavar="REASON", help=", ".join(rules.REASONS))
    parser.add_argument("--note", metavar="TEXT", help="the operator's remark")
    parser.set_defaults(run=_create)


def import_command(parser: argparse.ArgumentParser) -> None:
    """Return the leads of a CSV file."""
    describe(
        parser,
        "Return every lead of a CSV file whose first line is lead_id,reason,note. A result is printed for each line; "
        "lines with a fault do not stop the others. The exit status is 1 when a line failed.",
        examples=["leadgen return import returns.csv"],
        notes=[ACTOR, DATABASE],
    )
    parser.add_argument("file", type=Path, metavar="FILE.csv", help=f"at most {_LONGEST_FILE:,} lines")
    parser.set_defaults(run=_import)


def approve_command(parser: argparse.ArgumentParser) -> None:
    """Approve a return."""
    describe(
        parser,
        "Approve a return that waits for a decision: the buyer is not charged for the lead.",
        examples=["leadgen return approve 3 --note 'number is disconnected'"],
        notes=[ACTOR, DATABASE],
    )
    _decision(parser, "approve")


def reject_command(parser: argparse.ArgumentParser) -> None:
    """Reject a return."""
    describe(
        parser,
        "Reject a return that waits for a decision: the buyer keeps the lead, and is charged for it.",
        examples=["leadgen return reject 3 --note 'the call was answered'"],
        notes=[ACTOR, DATABASE],
    )
    _decision(parser, "reject")


def _decision(parser: argparse.ArgumentParser, verdict: str) -> None:
    parser.add_argument("return_id", type=number, metavar="RETURN", help="its id, from `leadgen return list`")
    parser.add_argument("--note", required=True, metavar="TEXT", help="why")
    parser.set_defaults(run=_decide, verdict=verdict)


def rates_command(parser: argparse.ArgumentParser) -> None:
    """Show which share of the sold leads was returned."""
    describe(
        parser,
        "Show which share of the sold leads was returned, by buyer and by source.",
        examples=["leadgen return rates --since 90d"],
    )
    parser.add_argument(
        "--since", type=when, default=timedelta(days=30), metavar="WHEN", help="30d (the default), or a day"
    )
    parser.set_defaults(run=_rates)


def _list(options: argparse.Namespace) -> int:
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
    for line in columns(head, rows, left=6) if rows else ["No return waits for a decision."]:
        print(line)
    return DONE


def _create(options: argparse.Namespace) -> int:
    environ = environment()
    try:
        with connection(environ) as conn:
            print(_outcome(_give_back(conn, environ, options.lead, options.reason, options.note)))
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
    wanted = rules.read_request({"reason": reason, "note": note or None})

    def bill(conn: Connection[Any], who: Actor, now: datetime) -> _Billed:
        return _Billed(tuple(service.bill_first(conn, lead_id, buyer_id=None, now=now)))

    def work(conn: Connection[Any], who: Actor, now: datetime) -> Returned:
        return service.request(conn, lead_id, wanted, actor=who, buyer_id=None, now=now)

    money_command.in_transaction(conn, environ, bill)
    return money_command.in_transaction(conn, environ, work)


def _outcome(returned: Returned) -> str:
    stored = returned.stored
    states = {"approved": "is returned", "rejected": "is not returned", "requested": "waits for a decision"}
    what = f"Lead {stored.lead_id} {states[stored.status]}{' already' if returned.is_repeated else ''}"
    note = f" (credit note {stored.credit_note})" if stored.credit_note else ""
    return f"{what}: {money.shown(stored.price, stored.currency)}{note}."


def _decide(options: argparse.Namespace) -> int:
    def work(conn: Connection[Any], who: Actor, now: datetime) -> Returned:
        verdict = rules.read_verdict({"verdict": options.verdict, "remark": options.note})
        return service.decide(conn, options.return_id, verdict, actor=who, now=now)

    print(_outcome(money_command.carry_out(work)))
    return DONE


def _import(options: argparse.Namespace) -> int:
    lines = list(_read(options.file))
    environ = environment()
    failed = 0
    with connection(environ) as conn:
        for place, row in lines:
            try:
                result = _outcome(_give_back(conn, environ, _lead_id(row[0]), row[1], row[2]))
            except (Refusal, PolicyInvalid) as refusal:
                failed += 1
                result = f"not done: {refusal}"
            print(f"line {place}: {result}")
    print(f"{len(lines) - failed:,} of {len(lines):,} leads are returned.")
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
