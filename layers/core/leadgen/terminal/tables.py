"""Tables of text in aligned columns."""

import shutil
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime

_WIDEST, _LEAST_WIDE = 100, 60
_GAP = 2
_NO_BREAK = "\N{NO-BREAK SPACE}"
_NARROWEST = 6


def room() -> int:
    """How long a line may be: 100 characters, or what a narrower terminal has; where there is none, 100."""
    return max(_LEAST_WIDE, min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns))


def columns(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None = None, left: int | None = None
) -> list[str]:
    """Lines of at most ``width`` characters, or of what there is room for: a cell that is too long goes on below itself
    in its column. The first ``left`` columns stand to the left, the others, which are numbers, to the right; without it
    all stand to the left.
    """
    table = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    # Words stay whole as long as that leaves a width to share.
    words = [max(len(word) for row in table for word in (*row[column].split(" "), "")) for column in range(len(head))]
    for least in (words, [_NARROWEST] * len(widths)):
        _narrow(widths, least, (width or room()) - _GAP * (len(widths) - 1))
    lines = (line for row in table for line in _lines(row, widths, len(head) if left is None else left))
    return [line.replace(_NO_BREAK, " ") for line in lines]


def _narrow(widths: list[int], least: Sequence[int], total: int) -> None:
    """Take from the widest column that has more than its least, until they fit or none has. The last holds sentences,
    and may be wider than the others.
    """
    last = len(widths) - 1
    while sum(widths) > total:
        spare = [column for column in range(len(widths)) if widths[column] > least[column]]
        if not spare:
            return
        widths[max(spare, key=lambda column: widths[column] * (3 if column == last else 5))] -= 1


def _lines(row: Sequence[str], widths: Sequence[int], left: int) -> list[str]:
    cells = [textwrap.wrap(cell, width) or [""] for cell, width in zip(row, widths, strict=True)]
    return [
        (" " * _GAP)
        .join(
            f"{cell[line] if line < len(cell) else '':{'<' if column < left else '>'}{width}}"
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        .rstrip()
        for line in range(max(len(cell) for cell in cells))
    ]


def unbroken(words: str) -> str:
    """As one word of a cell."""
    return words.replace(" ", _NO_BREAK)


def printable(words: str) -> str:
    """Without what would move a terminal's cursor or change its colors: some of it is a stranger's."""
    return "".join(letter if letter.isprintable() else "�" for letter in words)


def folded(line: str) -> list[str]:
    """A line that is too long goes on below itself, indented."""
    return textwrap.wrap(line, room(), subsequent_indent="  ") if len(line) > room() else [line]


def minute(instant: datetime) -> str:
    """An instant to the minute, in UTC."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"
