"""What every command needs: how it ends, and the database it works on."""

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import Connection

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

# The process's exit status. CHANGES is that of a plan that would change something; STOPPED and ENOUGH are what a shell
# gives a command that Ctrl-C or a closed pipe ended.
DONE, FAILED, CHANGES = 0, 1, 2
STOPPED, ENOUGH = 128 + 2, 128 + 13

DATABASE = "DATABASE_URL names the database; without it, the embedded stack that runs here is meant."


class CommandFailed(Exception):
    """A command cannot do its work; the message says why, and what to do."""


def environment() -> Mapping[str, str]:
    """The process's environment; without a DATABASE_URL, that of the embedded stack that runs here."""
    if os.environ.get("DATABASE_URL"):
        return os.environ
    summary = Path(os.environ.get("LEADGEN_STATE") or ".local") / "stack.json"
    try:
        stack = json.loads(summary.read_text())
    except OSError:
        raise CommandFailed(
            f"no database to work on: set DATABASE_URL, or start the embedded stack (there is no {summary})"
        ) from None
    return {"SINK_URL": stack["sink_url"], **os.environ, "DATABASE_URL": stack["database_url"]}


@contextmanager
def connection(environ: Mapping[str, str]) -> Iterator[Connection[Any]]:
    """A connection in autocommit to the environment's database. What the database refuses is a CommandFailed."""
    try:
        with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as conn:
            yield conn
    except psycopg.errors.UndefinedTable as error:
        raise CommandFailed(f"the database has no schema yet, migrate it first: {error}") from error
    except psycopg.Error as error:
        raise CommandFailed(f"the database cannot be used: {error}") from error
