"""Commands on lists: people who must not be sold, and mail domains that are thrown away."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import Connection

from leadgen.suppression import service as suppression_service
from leadgen.suppression import store as suppression_store
from leadgen.suppression.service import ListInvalid, Outcome
from leadgen.terminal.command import DATABASE, DONE, FAILED, CommandFailed, connection, environment
from leadgen.validation.store import disposable_domains

if TYPE_CHECKING:
    from leadgen.terminal.command import Subparsers

_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_COUNTRY = re.compile(r"[A-Z]{2}")


def add(commands: "Subparsers") -> None:
    """Add the commands."""
    _add_suppress(commands)
    _add_disposable(commands)


def _add_suppress(commands: "Subparsers") -> None:
    parser = commands.add_parser(
        "suppress",
        help="keep people from being sold: lists of e-mail addresses and phone numbers, kept as hashes",
        description="Leads of people on a suppression list are rejected, whatever an offer's policy says. Only "
        "SHA-256 hashes are kept. What cannot be read is told by its line number; everything else is done.",
        epilog=DATABASE,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, text, run in (
        ("add", "put people on a list", _suppress),
        ("remove", "take people off a list", _release),
    ):
        action = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=DATABASE)
        action.add_argument(
            "file",
            nargs="?",
            type=Path,
            metavar="FILE",
            help="a line each: an e-mail address, a phone number or a SHA-256 of either in hex; without it, stdin",
        )
        action.add_argument("--country", default="US", metavar="CC", help="whose phone numbers those without a + are")
        action.add_argument("--kind", choices=("phone", "email"), help="what the SHA-256 hashes in the file are of")
        action.add_argument("--offer", metavar="NAME", help="the list of this offer; without it, that of every offer")
        action.add_argument("--market", metavar="NAME", help="the offer's market, where several have one of that name")
        if name == "add":
            action.add_argument("--reason", metavar="TEXT", help="kept with the entries, e.g. 'opt-out of 2026-11'")
        action.set_defaults(run=run)
    count = actions.add_parser("count", help="how long each list is", description="How long each list is.")
    count.set_defaults(run=_count)


def _add_disposable(commands: "Subparsers") -> None:
    parser = commands.add_parser(
        "disposable",
        help="say which mail domains are thrown away, against the list that is kept",
        description="Offers may refuse disposable e-mail addresses. Which domains are disposable, a list says that "
        "comes with LeadGen, unless it is said otherwise here. What is said of a domain goes for those under it too.",
        epilog=DATABASE,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, text, run in (
        ("block", "these domains are disposable", _block),
        ("allow", "these domains are not", _allow),
        ("forget", "leave these domains to the list again", _forget),
    ):
        action = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=DATABASE)
        action.add_argument("domains", nargs="+", metavar="DOMAIN")
        action.set_defaults(run=run)
    shown = actions.add_parser("list", help="what was said so far", description="What was said so far.")
    shown.set_defaults(run=_list)


def _suppress(options: argparse.Namespace) -> int:
    lines = _lines(options)
    with connection(environment()) as conn:
        outcome = suppression_service.add(
            conn,
            lines,
            country=options.country,
            kind=options.kind,
            offer_id=_offer(conn, options),
            reason=options.reason,
        )
    return _tell(outcome, "added", "already there")


def _release(options: argparse.Namespace) -> int:
    lines = _lines(options)
    with connection(environment()) as conn:
        outcome = suppression_service.remove(
            conn, lines, country=options.country, kind=options.kind, offer_id=_offer(conn, options)
        )
    return _tell(outcome, "removed", "not there")


def _count(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        lengths = suppression_store.lengths(conn)
    for length in lengths:
        of_whom = "every offer" if length.offer is None else f"{length.offer} in {length.market}"
        print(f"{length.entries:>10}  {length.kind:<5}  {of_whom}")
    if not lengths:
        print("Nobody is on a list.")
    return DONE


def _lines(options: argparse.Namespace) -> Sequence[str]:
    if not _COUNTRY.fullmatch(options.country):
        raise CommandFailed(f"--country {options.country!r} is no country: two capital letters, such as US")
    if options.market and not options.offer:
        raise CommandFailed("--market says which offer is meant: give --offer too")
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
        return suppression_service.offer_named(conn, options.offer, market=options.market)
    except ListInvalid as error:
        raise CommandFailed(str(error)) from None


def _tell(outcome: Outcome, changed: str, unchanged: str) -> int:
    for line in suppression_service.describe(outcome.unreadable):
        print(line, file=sys.stderr)
    print(f"{outcome.changed} {changed}, {outcome.unchanged} {unchanged}, {len(outcome.unreadable)} unreadable.")
    return FAILED if outcome.unreadable else DONE


def _block(options: argparse.Namespace) -> int:
    return _say(options, is_disposable=True)


def _allow(options: argparse.Namespace) -> int:
    return _say(options, is_disposable=False)


def _say(options: argparse.Namespace, *, is_disposable: bool) -> int:
    domains = _domains(options)
    with connection(environment()) as conn:
        changed = disposable_domains.say(conn, domains, is_disposable=is_disposable)
    print(f"{changed} {'blocked' if is_disposable else 'allowed'}, {len(domains) - changed} already so.")
    return DONE


def _forget(options: argparse.Namespace) -> int:
    domains = _domains(options)
    with connection(environment()) as conn:
        changed = disposable_domains.forget(conn, domains)
    print(f"{changed} forgotten, {len(domains) - changed} never said.")
    return DONE


def _list(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        said = disposable_domains.overrides(conn)
    for override in said:
        print(f"{'blocked' if override.is_disposable else 'allowed'}  {override.domain}")
    if not said:
        print("Nothing is said against the list.")
    return DONE


def _domains(options: argparse.Namespace) -> list[str]:
    domains = [_ascii(text) for text in options.domains]
    wrong = [text for text, domain in zip(options.domains, domains, strict=True) if not _DOMAIN.fullmatch(domain)]
    if wrong:
        raise CommandFailed(f"no mail domain: {', '.join(map(repr, wrong))}: write what stands after the @")
    return sorted(set(domains))


def _ascii(text: str) -> str:
    try:
        return text.strip().lower().encode("idna").decode()
    except UnicodeError:
        return text
