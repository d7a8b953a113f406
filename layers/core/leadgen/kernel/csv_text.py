"""Writes tables as CSV (RFC 4180) in which no cell is a formula to a spreadsheet."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

Cell = str | int | Decimal | datetime | date | None

# A spreadsheet takes a cell that begins with one of these for a formula; an apostrophe before it makes it text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# One that parts cells by a semicolon or a tab sees more cells: each of those is text, too.
_CELL_WITHIN = re.compile(r"([;\t\r\n] *)(?=[=+\-@＝＋－＠])")


def written(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """The whole table, its head first."""
    return "".join(lines(head, rows))


def lines(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """The table line by line, each with its end."""
    yield _line(head)
    for row in rows:
        yield _line([_shown(cell) for cell in row])


def _line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _shown(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case Decimal():
            return f"{cell:f}"
        case int():
            return str(cell)
        case datetime() | date():
            return cell.isoformat()
        case _:
            text = _CELL_WITHIN.sub(r"\1'", cell)
            return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
