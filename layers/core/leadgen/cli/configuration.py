"""Commands on configuration: what files say, and what the database says."""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leadgen.cli.command import DATABASE, DONE, connection, environment
from leadgen.operations.applied import Change
from leadgen.operations.apply import apply_files

if TYPE_CHECKING:
    from leadgen.cli.command import Subparsers


def add(commands: "Subparsers") -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "apply",
        help="create or update markets, offers, sources and buyers from YAML files",
        description="Make the database say what the files say. All files are applied in one transaction: on any "
        "problem nothing is changed, and every problem is told with its file, line and field. Applying the same files "
        "again changes nothing. Sources, enrolments, service areas and exclusivities that are no longer in the files "
        "are deactivated; nothing is ever deleted. A changed policy becomes its next version.",
        epilog=f"{DATABASE} Values in the files may use ${{NAME}} or ${{NAME:-default}} for variables of the "
        "environment, so that secrets and addresses stay out of the files.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a YAML file: one market and vertical")
    parser.set_defaults(run=_apply)


def _apply(options: argparse.Namespace) -> int:
    environ = environment()
    with connection(environ) as conn:
        changes = apply_files(conn, options.files, environ)
    for line in table(changes):
        print(line)
    print(f"\n{summary(changes)}")
    return DONE


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
