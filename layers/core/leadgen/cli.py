"""The ``leadgen`` command. Each subcommand is a function that adds its parser and names the function that runs it."""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from leadgen import VERSION
from leadgen.operations.applied import Change
from leadgen.operations.apply import ConfigurationInvalid, apply_files

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

DONE, FAILED = 0, 1


class CommandFailed(Exception):
    """A command cannot do its work; the message says why, and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the process's exit status: 0 done, 1 failed, 2 used wrongly."""
    parser = argparse.ArgumentParser(prog="leadgen", description="Operate a LeadGen marketplace.")
    parser.add_argument("--version", action="version", version=f"leadgen {VERSION}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_apply(commands)
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (CommandFailed, ConfigurationInvalid) as failure:
        print(failure, file=sys.stderr)
        return FAILED
    return DONE


def _add_apply(commands: "Subparsers") -> None:
    parser = commands.add_parser(
        "apply",
        help="create or update markets, offers, sources and buyers from YAML files",
        description="Make the database say what the files say. All files are applied in one transaction: on any "
        "problem nothing is changed, and every problem is told with its file, line and field. Applying the same files "
        "again changes nothing. Sources, enrolments, service areas and exclusivities that are no longer in the files "
        "are deactivated; nothing is ever deleted. A changed policy becomes its next version.",
        epilog="DATABASE_URL names the database; without it, the embedded stack that runs here is meant. Values in the "
        "files may use ${NAME} or ${NAME:-default} for variables of the environment, so that secrets and addresses "
        "stay out of the files.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a YAML file: one market and vertical")
    parser.set_defaults(run=_apply)


def _environment() -> Mapping[str, str]:
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


def _apply(options: argparse.Namespace) -> None:
    environ = _environment()
    try:
        with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as conn:
            changes = apply_files(conn, options.files, environ)
    except psycopg.errors.UndefinedTable as error:
        raise CommandFailed(f"the database has no schema yet, migrate it first: {error}") from error
    except psycopg.Error as error:
        raise CommandFailed(f"the database cannot be used: {error}") from error
    for line in table(changes):
        print(line)
    print(f"\n{summary(changes)}")


def table(changes: Sequence[Change]) -> list[str]:
    """What became of each object, in aligned columns."""
    rows = [("WHAT", "NAME", "BECAME"), *((change.kind, change.name, _became(change)) for change in changes)]
    kind_width, name_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    return [f"{kind:<{kind_width}}  {name:<{name_width}}  {became}" for kind, name, became in rows]


def summary(changes: Sequence[Change]) -> str:
    """How many objects became what, in one line."""
    counts = Counter(change.outcome for change in changes)
    if set(counts) == {"unchanged"}:
        return f"Nothing changed: all {len(changes)} are as the files say."
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()) + "."


def _became(change: Change) -> str:
    if change.outcome == "updated" and change.detail:
        return f"updated: {change.detail}"
    return f"{change.outcome} {change.detail}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
