"""``leadgen config history`` and ``rollback``: earlier versions of the configuration."""

import argparse
from collections.abc import Iterator

from leadgen.configuration.commands import changes
from leadgen.configuration.service.apply import ConfigurationInvalid
from leadgen.configuration.service.changes import from_record
from leadgen.configuration.service.rollback import NoSuchVersion, rollback
from leadgen.configuration.store import versions
from leadgen.configuration.store.versions import Version
from leadgen.terminal.command import CHANGES, DATABASE, DONE, CommandFailed, describe, number
from leadgen.terminal.database import connection, environment


def history_command(parser: argparse.ArgumentParser) -> None:
    """List the versions of the configuration."""
    describe(
        parser,
        "List the versions of the configuration, the newest first, with the policies that each one changed. Every "
        "application that changed something is a version. With a NUMBER, show everything that this version changed.",
        examples=["leadgen config history", "leadgen config history 12"],
    )
    parser.add_argument("number", nargs="?", type=number, metavar="NUMBER", help="the version to show in full")
    parser.add_argument("--limit", type=number, default=20, metavar="N", help="how many to list (20)")
    parser.set_defaults(run=_history)


def rollback_command(parser: argparse.ArgumentParser) -> None:
    """Restore an earlier version."""
    describe(
        parser,
        "Restore what a version of the history configured, as a new version. A policy that differed then becomes its "
        "next version; offers that were added since are deactivated, with their sources, enrollments and "
        "exclusivities. Secrets and balances stay as they are now.",
        examples=["leadgen config rollback 11 --plan", "leadgen config rollback 11"],
        notes=["LEADGEN_ACTOR names who does it, for the history.", DATABASE],
    )
    parser.add_argument("number", type=number, metavar="NUMBER", help="the version, from `leadgen config history`")
    parser.add_argument(
        "--plan", action="store_true", help="only show what would change; the exit status is 2 if anything would"
    )
    parser.set_defaults(run=_rollback)


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
    except (NoSuchVersion, ConfigurationInvalid) as error:
        raise CommandFailed(str(error)) from error
    changes.show(done, plan=options.plan)
    return CHANGES if options.plan and done.has_changes else DONE
