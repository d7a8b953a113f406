"""``leadgen config``: apply files, plan, export, and the schema of the files."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from leadgen.configuration.commands import changes
from leadgen.configuration.domain import json_schema
from leadgen.configuration.service import export
from leadgen.configuration.service.apply import ConfigurationInvalid, application
from leadgen.configuration.service.changes import Application
from leadgen.terminal.command import CHANGES, DATABASE, DONE, CommandFailed, describe
from leadgen.terminal.database import connection, environment

_VALUES = (
    "Values in the files may use ${NAME} or ${NAME:-default} for variables of the environment, so that secrets and "
    "addresses stay out of the files; $${ is a plain ${."
)


_HISTORY = "LEADGEN_ACTOR names who applies, for the history."


def apply_command(parser: argparse.ArgumentParser) -> None:
    """Create or update what the files describe."""
    describe(
        parser,
        "Create or update markets, offers, sources and buyers, so that the database matches the files. All files are "
        "applied in one transaction: with any problem nothing changes, and every problem is listed with its file, line "
        "and field. Applying the same files again changes nothing. Sources, enrollments, service areas and "
        "exclusivities that are no longer in the files are deactivated; nothing is ever deleted. A changed policy "
        "becomes its next version. Leads that wait for a buyer are routed again.",
        examples=["leadgen config apply my-market.yaml", "leadgen config apply markets/*.yaml"],
        notes=[_VALUES, _HISTORY, DATABASE],
    )
    _files(parser)
    parser.set_defaults(run=_apply)


def plan_command(parser: argparse.ArgumentParser) -> None:
    """Show what applying the files would change."""
    describe(
        parser,
        "Do exactly what `leadgen config apply` would do, print what it changes, field by field, and undo it. The exit "
        "status is 0 when nothing would change, 2 when something would, 1 when the files cannot be applied.",
        examples=["leadgen config plan my-market.yaml"],
        notes=[_VALUES, DATABASE],
    )
    _files(parser)
    parser.set_defaults(run=_plan)


def _files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a YAML file: one market and vertical")


def export_command(parser: argparse.ArgumentParser) -> None:
    """Write the configuration as YAML files."""
    describe(
        parser,
        "Write the configuration as one YAML file for each market and vertical. Applying the files changes nothing. A "
        "secret is replaced by its SHA-256, which stands for the stored secret when the file is applied. Without --to "
        "the files are printed one after the other, each after a line `---` and a line with its name; they can only be "
        "applied as separate files.",
        examples=["leadgen config export --to configuration/", "leadgen config export"],
    )
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="write the files there, over files of the same name")
    parser.set_defaults(run=_export)


def schema_command(parser: argparse.ArgumentParser) -> None:
    """Print the JSON Schema of configuration files."""
    describe(
        parser,
        "Print the JSON Schema of a configuration file. Editors use it to complete and check what `config apply` "
        "accepts. Only `leadgen config plan` finds faults that depend on several fields or on the database.",
        examples=["leadgen config schema > configuration.schema.json"],
        notes=[],
    )
    parser.set_defaults(run=_schema)


def _apply(options: argparse.Namespace) -> int:
    changes.show(_applied(options.files, plan=False), plan=False)
    return DONE


def _plan(options: argparse.Namespace) -> int:
    planned = _applied(options.files, plan=True)
    changes.show(planned, plan=True)
    return CHANGES if planned.has_changes else DONE


def _applied(files: Sequence[Path], *, plan: bool) -> Application:
    """Raises CommandFailed with every problem of the files."""
    environ = environment()
    try:
        with connection(environ) as conn:
            applied = application(conn, files, environ, plan=plan)
    except ConfigurationInvalid as invalid:
        raise CommandFailed(str(invalid)) from None
    for notice in applied.notices:
        print(notice, file=sys.stderr)
    return applied


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
