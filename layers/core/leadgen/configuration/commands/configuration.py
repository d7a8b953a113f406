"""Commands on configuration: what files say, and what the database says."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from leadgen.configuration.commands import changes
from leadgen.configuration.domain import json_schema
from leadgen.configuration.service import export
from leadgen.configuration.service.apply import application
from leadgen.configuration.service.changes import Application
from leadgen.terminal.command import CHANGES, DATABASE, DONE, CommandFailed, connection, environment

if TYPE_CHECKING:
    from leadgen.terminal.command import Subparsers

_VALUES = (
    "Values in the files may use ${NAME} or ${NAME:-default} for variables of the environment, so that secrets and "
    "addresses stay out of the files; $${ is a plain ${."
)


def add(commands: "Subparsers") -> None:
    """Add the commands."""
    apply = commands.add_parser(
        "apply",
        help="create or update markets, offers, sources and buyers from YAML files",
        description="Make the database say what the files say. All files are applied in one transaction: on any "
        "problem nothing is changed, and every problem is told with its file, line and field. Applying the same files "
        "again changes nothing. Sources, enrollments, service areas and exclusivities that are no longer in the files "
        "are deactivated; nothing is ever deleted. A changed policy becomes its next version. Leads that wait for a "
        "buyer are tried again.",
        epilog=f"{DATABASE} {_VALUES} LEADGEN_ACTOR names who applies, for the history.",
    )
    apply.set_defaults(run=_apply)
    plan = commands.add_parser(
        "plan",
        help="what `apply` would change, field by field",
        description="Do exactly what `apply` would do, print what it changes, and undo it. Ends with status 0 when "
        "nothing would change, 2 when something would, 1 when the files cannot be applied.",
        epilog=f"{DATABASE} {_VALUES}",
    )
    plan.set_defaults(run=_plan)
    for parser in (apply, plan):
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a YAML file: one market and vertical")
    exporting = commands.add_parser(
        "export",
        help="what is in the database, as YAML files",
        description="Write what is configured as one file for each market and vertical. Applying the files changes "
        "nothing. Of a secret there is only its SHA-256, which stands for the secret that is stored. Without --to the "
        "files are printed one after the other, each after a line `---` and one with its name; to apply them they must "
        "be files of their own.",
        epilog=DATABASE,
    )
    exporting.add_argument("--to", type=Path, metavar="FOLDER", help="write the files there; those there are replaced")
    exporting.set_defaults(run=_export)
    commands.add_parser(
        "schema",
        help="the JSON Schema of configuration files, for editors",
        description="Print the JSON Schema of a configuration file. An editor that knows YAML completes and checks by "
        "it what `apply` will accept; what depends on several fields or on the database, only `plan` finds.",
    ).set_defaults(run=_schema)


def _apply(options: argparse.Namespace) -> int:
    environ = environment()
    with connection(environ) as conn:
        applied = application(conn, options.files, environ)
    _print_notices(applied)
    changes.show(applied, plan=False)
    return DONE


def _plan(options: argparse.Namespace) -> int:
    environ = environment()
    with connection(environ) as conn:
        planned = application(conn, options.files, environ, plan=True)
    _print_notices(planned)
    changes.show(planned, plan=True)
    return CHANGES if planned.has_changes else DONE


def _print_notices(found: Application) -> None:
    for notice in found.notices:
        print(notice, file=sys.stderr)


def _export(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        files = export.files(conn)
    for file in files:
        if options.to is None:
            print(f"---\n# {file.name}\n{file.text()}", end="")
        else:
            _write(options.to / file.name, file.text())
    return DONE


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror}") from error
    print(path)


def _schema(_: argparse.Namespace) -> int:
    print(json_schema.text(), end="")
    return DONE
