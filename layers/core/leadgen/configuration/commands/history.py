"""Commands on the history of configuration."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from leadgen.configuration.commands import changes
from leadgen.configuration.service.changes import from_record
from leadgen.configuration.service.rollback import NoSuchVersion, rollback
from leadgen.configuration.store import versions
from leadgen.configuration.store.versions import Version
from leadgen.terminal.command import CHANGES, DATABASE, DONE, CommandFailed, connection, environment, number

if TYPE_CHECKING:
    from leadgen.terminal.command import Subparsers


def add(commands: "Subparsers") -> None:
    """Add the commands."""
    history = commands.add_parser(
        "history",
        help="the versions of the configuration: when, by whom, and what they changed",
        description="List the versions of the configuration, the newest first, with the policies that each made a "
        "version of. Every application that changed something is one.",
        epilog=DATABASE,
    )
    history.add_argument("number", nargs="?", type=number, metavar="NUMBER", help="show all that this version changed")
    history.add_argument("--limit", type=number, default=20, metavar="N", help="how many to list (20)")
    history.set_defaults(run=_history)
    back = commands.add_parser(
        "rollback",
        help="configure again what an earlier version did",
        description="Configure what a version of the history did, as a new version. A policy that said something else "
        "then becomes its next version; offers added since are deactivated, with their sources, enrollments and "
        "exclusivities. Secrets and balances stay as they are now.",
        epilog=f"{DATABASE} LEADGEN_ACTOR names who does it, for the history.",
    )
    back.add_argument("number", type=number, metavar="NUMBER", help="the version, as `leadgen history` lists it")
    back.add_argument("--plan", action="store_true", help="only show what would change; ends with status 2 if any does")
    back.set_defaults(run=_rollback)


def _history(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        if options.number is None:
            found = versions.newest(conn, options.limit)
        else:
            version = versions.version(conn, options.number)
            found = [] if version is None else [version]
    if options.number is not None and not found:
        raise CommandFailed(f"there is no version {options.number} of the configuration")
    for version in found:
        for line in _lines(version, whole=options.number is not None):
            print(line)
    if not found:
        print("The configuration has no history yet: nothing was applied.")
    return DONE


def _lines(version: Version, *, whole: bool) -> Iterator[str]:
    yield f"{version.number}  {version.applied_at:%Y-%m-%d %H:%M:%S %Z}  {version.applied_by}  {version.summary}"
    made = [from_record(change) for change in version.changes]
    if not whole:
        made = [change for change in made if change.kind.endswith(" policy")]
    for line in changes.lines(made):
        if whole or not line.startswith(" "):
            yield f"    {line}"


def _rollback(options: argparse.Namespace) -> int:
    environ = environment()
    try:
        with connection(environ) as conn:
            done = rollback(conn, options.number, environ, plan=options.plan)
    except NoSuchVersion as error:
        raise CommandFailed(str(error)) from error
    changes.show(done, plan=options.plan)
    return CHANGES if options.plan and done.has_changes else DONE
