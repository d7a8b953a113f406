"""The model of a business letter: which text stands where, amounts and dates already formatted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from leadgen.billing.domain.terms import Address

_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip


@dataclass(frozen=True)
class Party:
    """Who writes, or who is written to: a name, and the lines below it."""

    name: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """A column of a table; ``share`` is its part of the table's width. Numbers stand to the right."""

    label: str
    share: int
    is_number: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under a head, which is repeated on every page."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str | None = None


@dataclass(frozen=True)
class Total:
    """A line of the sums below the tables."""

    label: str
    amount: str
    is_strong: bool = False


@dataclass(frozen=True)
class Link:
    """Where a click leads."""

    label: str
    url: str


@dataclass(frozen=True)
class Letter:
    """An invoice, a credit note, a statement: ``facts`` stand beside the recipient, ``payment`` is how to pay.

    ``created_at`` is when the letter was issued: it makes the same letter the same file.
    """

    title: str
    name: str
    sender: Party
    recipient: Party
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    totals: tuple[Total, ...]
    created_at: datetime
    notes: tuple[str, ...] = ()
    payment: tuple[tuple[str, str], ...] = ()
    link: Link | None = None
    footer: tuple[str, ...] = ()


def day(instant: datetime, timezone: str) -> str:
    """``17 June 2026``: the day that an instant falls on in a time zone."""
    local = instant.astimezone(ZoneInfo(timezone))
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"


def minute(instant: datetime, timezone: str) -> str:
    """``17 Jun 2026 06:00 MDT``: an instant as a clock in a time zone shows it."""
    local = instant.astimezone(ZoneInfo(timezone))
    return f"{local.day} {_MONTHS[local.month - 1][:3]} {local.year} {local:%H:%M} {local.tzname()}"


def address_lines(address: Address | None) -> tuple[str, ...]:
    """An address as on an envelope; the country by its code, behind the town."""
    if address is None:
        return ()
    if address.country in _TOWN_FIRST:
        town = " ".join(part for part in (f"{address.city},", address.region, address.postal_code) if part)
    else:
        town = f"{address.postal_code} {address.city}"
    return tuple(line for line in (address.line1, address.line2, f"{town}, {address.country}") if line)


def present(pairs: Sequence[tuple[str, str | None]]) -> tuple[tuple[str, str], ...]:
    """The pairs that have a value."""
    return tuple((label, value) for label, value in pairs if value)


# Where the postal code follows the town.
_TOWN_FIRST = frozenset(("US", "CA", "AU", "GB", "IE", "IN", "NZ"))
