"""The database that a command works on, and the environment that names it."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict

from leadgen.terminal.command import CommandFailed


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
        # The driver's message for an address that it cannot read repeats it, with its password.
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
