"""What every command needs: how it ends, and the database it works on."""

import argparse
import getpass
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict

from leadgen import VERSION

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


USER_AGENT = f"leadgen/{VERSION}"


def actor(environ: Mapping[str, str]) -> str:
    """Who applies: LEADGEN_ACTOR, or else the user of the operating system."""
    named = environ.get("LEADGEN_ACTOR", "").strip()
    try:
        return (named or getpass.getuser())[:200]
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return "unknown"


# The process's exit status. CHANGES is that of a plan that would change something; STOPPED and ENOUGH are what a shell
# gives a command that Ctrl-C or a closed pipe ended.
DONE, FAILED, CHANGES = 0, 1, 2
STOPPED, ENOUGH = 128 + 2, 128 + 13

DATABASE = "DATABASE_URL names the database; without it, the embedded stack that runs here is meant."


def number(written: str) -> int:
    """A whole number as an option or argument. Raises ArgumentTypeError."""
    if not written.isdecimal():
        raise argparse.ArgumentTypeError(f"{written!r} is not a whole number")
    return int(written)


class CommandFailed(Exception):
    """A command cannot do its work; the message says why, and what to do."""


def environment() -> Mapping[str, str]:
    """The process's environment; without a DATABASE_URL, that of the embedded stack that runs here: with its addresses,
    and its key where it made one.
    """
    if os.environ.get("DATABASE_URL"):
        return os.environ
    summary = Path(os.environ.get("LEADGEN_STATE") or ".local") / "stack.json"
    key = summary.with_name("secret_key")
    try:
        stack = json.loads(summary.read_text())
        known = {"SINK_URL": stack["sink_url"], "PUBLIC_URL": stack.get("public_url", "")}
        known["SECRET_KEY"] = key.read_text().strip() if key.exists() else ""
        return {**known, **os.environ, "DATABASE_URL": stack["database_url"]}
    except OSError:
        raise CommandFailed(
            f"no database to work on: set DATABASE_URL, or start the embedded stack (there is no {summary})"
        ) from None
    except (ValueError, KeyError):
        raise CommandFailed(f"{summary} is not what the embedded stack writes there: start the stack again") from None


@contextmanager
def connection(environ: Mapping[str, str]) -> Iterator[Connection[Any]]:
    """A connection in autocommit to the environment's database. What the database refuses is a CommandFailed."""
    try:
        conninfo_to_dict(environ["DATABASE_URL"])
    except psycopg.ProgrammingError:
        # What the driver says of an address that it cannot read repeats it, with its password.
        raise CommandFailed(
            "DATABASE_URL is no address of a database: it is written postgresql://user:password@host:5432/name"
        ) from None
    try:
        with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as conn:
            yield conn
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        raise CommandFailed(
            "the database has not the schema of this version: starting the embedded stack on it brings it up to date, "
            f"and so does a deployment ({error.diag.message_primary})"
        ) from error
    except psycopg.Error as error:
        raise CommandFailed(f"the database cannot be used: {error}") from error
