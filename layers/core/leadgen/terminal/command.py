"""Declares a command's arguments, names who runs it, and ends it. Imports nothing heavy: the root of the
command line loads it at every start.
"""

import argparse
import getpass
from collections.abc import Mapping, Sequence

from leadgen import VERSION

USER_AGENT = f"leadgen/{VERSION}"

# The process's exit status. CHANGES is that of a plan that would change something; STOPPED and ENOUGH are what a shell
# gives a command that Ctrl-C or a closed pipe ended.
DONE, FAILED, CHANGES = 0, 1, 2
STOPPED, ENOUGH = 128 + 2, 128 + 13

DATABASE = "DATABASE_URL names the database (without it: that of the embedded stack that runs in this folder)."
ACTOR = "LEADGEN_ACTOR names who does it, for the audit trail (without it: the operating system's user)."


class CommandFailed(Exception):
    """A command cannot do its work; the message says why, and what to do."""


def describe(
    parser: argparse.ArgumentParser, text: str, *, examples: Sequence[str], notes: Sequence[str] = (DATABASE,)
) -> None:
    """Set a command's help page: what it does, command lines that work, and notes, each a paragraph."""
    parser.description = text
    parser.epilog = "\n\n".join(["\n".join(["examples:", *(f"  {example}" for example in examples)]), *notes])


def actor(environ: Mapping[str, str]) -> str:
    """Who runs the command: LEADGEN_ACTOR, or else the user of the operating system."""
    named = environ.get("LEADGEN_ACTOR", "").strip()
    try:
        return (named or getpass.getuser())[:200]
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return "unknown"


def number(written: str) -> int:
    """A whole number as an option or argument. Raises ArgumentTypeError."""
    if not written.isdecimal():
        raise argparse.ArgumentTypeError(f"{written!r} is not a whole number")
    return int(written)
