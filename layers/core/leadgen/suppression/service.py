"""Reads suppression lists line by line: an e-mail address, a telephone number or a SHA-256 of either."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from leadgen.leads.domain import contacts
from leadgen.suppression import domain, store
from leadgen.suppression.domain import Hashed, Kind


class ListInvalid(Exception):
    """A list cannot be worked on; the message says why, and what to do."""


@dataclass(frozen=True)
class ListedPerson:
    """One person of a list, in every spelling; the first one is what is stored."""

    hashes: tuple[Hashed, ...]


@dataclass(frozen=True)
class Unreadable:
    """A line that is nothing of the three; its content is not repeated."""

    line: int
    why: str


@dataclass(frozen=True)
class ListOutcome:
    """What became of a list: how many entries were changed, how many were so already, and the lines not read."""

    changed: int
    unchanged: int
    unreadable: tuple[Unreadable, ...]


def read(lines: Iterable[str], *, country: str, kind: Kind | None) -> tuple[list[ListedPerson], list[Unreadable]]:
    """Read a list. Blank lines are skipped. ``kind`` is what a SHA-256 is of: it does not show that itself."""
    entries: list[ListedPerson] = []
    unreadable: list[Unreadable] = []
    for number, line in enumerate(lines, start=1):
        text = line.strip().lstrip("\ufeff")
        if text:
            found = _entry(text, country, kind)
            if isinstance(found, ListedPerson):
                entries.append(found)
            else:
                unreadable.append(Unreadable(number, found))
    return list(dict.fromkeys(entries)), unreadable


def add(
    conn: Connection[Any],
    lines: Iterable[str],
    *,
    country: str,
    kind: Kind | None,
    offer_id: int | None,
    reason: str | None,
) -> ListOutcome:
    """Put everybody who can be read on a list."""
    entries, unreadable = read(lines, country=country, kind=kind)
    added = store.add(conn, [entry.hashes[0] for entry in entries], offer_id=offer_id, reason=reason)
    return ListOutcome(added, len(entries) - added, tuple(unreadable))


def remove(
    conn: Connection[Any], lines: Iterable[str], *, country: str, kind: Kind | None, offer_id: int | None
) -> ListOutcome:
    """Take everybody who can be read off a list, in whichever spelling they stand on it."""
    entries, unreadable = read(lines, country=country, kind=kind)
    hashes = [hashed for entry in entries for hashed in entry.hashes]
    removed = store.remove(conn, hashes, offer_id=offer_id)
    return ListOutcome(removed, max(0, len(entries) - removed), tuple(unreadable))


def offer_named(conn: Connection[Any], name: str, *, market: str | None) -> int:
    """The offer of a name. Raises ListInvalid where there is none, or one in each of several markets."""
    found = store.offers_named(conn, name, market=market)
    if not found:
        raise ListInvalid(f"there is no offer {name!r}" + (f" in a market {market!r}" if market else ""))
    if len(found) > 1:
        markets = ", ".join(repr(offer.market) for offer in found)
        raise ListInvalid(f"there is an offer {name!r} in {markets}: say which with --market")
    return found[0].offer_id


def _entry(text: str, country: str, kind: Kind | None) -> ListedPerson | str:
    given = domain.given_hash(text)
    if given is not None:
        if kind is None:
            return "a SHA-256, of which nobody can tell whether it is of an e-mail address or a phone: say --kind"
        return ListedPerson((Hashed(kind, given),))
    if "@" in text:
        if contacts.email_domain(text) is None:
            return "no e-mail address"
        return ListedPerson((domain.of_email(text),))
    number = contacts.parsed(text, country)
    if number is None or not contacts.is_possible(number):
        return f"neither an e-mail address, nor a phone number of {country} or with its +, nor a SHA-256 in hex"
    return ListedPerson(domain.of_phone(text, country))


def describe(outcomes: Sequence[Unreadable], *, most: int = 20) -> list[str]:
    """The lines that could not be read, the first ones by number."""
    lines = [f"line {fault.line}: {fault.why}" for fault in outcomes[:most]]
    return lines + ([f"and {len(outcomes) - most} more"] if len(outcomes) > most else [])
