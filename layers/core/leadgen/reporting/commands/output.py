"""What the reports share: the days they cover, and where they are written."""

import argparse
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from leadgen.terminal.command import CommandFailed


def day_options(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """--from and --to."""
    for name, text in (("from", "the first day"), ("to", "the last day")):
        parser.add_argument(f"--{name}", dest=f"{name}_day", type=_day, required=required, metavar="DAY", help=text)


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{written!r} is no day: write 2026-06-30") from None


def output_option(parser: argparse.ArgumentParser, text: str = "write it to this file; without it, to stdout") -> None:
    """--output."""
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help=text)


def put(lines: Iterable[str], target: Path | None) -> None:
    """Write text to the file, or to stdout where there is none. Raises CommandFailed."""
    if target is None:
        for line in lines:
            sys.stdout.write(line)
        return
    try:
        with target.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
    except OSError as error:
        raise CommandFailed(f"{target} cannot be written: {error.strerror}") from None


def write(target: Path, content: bytes) -> None:
    """Write a file. Raises CommandFailed."""
    try:
        target.write_bytes(content)
    except OSError as error:
        raise CommandFailed(f"{target} cannot be written: {error.strerror}") from None
