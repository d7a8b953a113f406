"""``leadgen ledger audit``: is all the money where it should be?"""

import argparse
import json
import sys

from leadgen.platform import clock
from leadgen.reconciliation import service
from leadgen.reconciliation.service import Invariant
from leadgen.terminal.command import DONE, FAILED, describe
from leadgen.terminal.database import connection, environment
from leadgen.terminal.tables import columns, printable

_MOST_ROWS = 20


def audit_command(parser: argparse.ArgumentParser) -> None:
    """Check every invariant of the money."""
    describe(
        parser,
        "Check every invariant of the ledger, the invoices and what follows a sale, in one snapshot, while other work "
        "goes on. The exit status is 0 when all hold, 1 when one does not; the offending rows are printed. Nothing is "
        "changed. The same check runs every hour by schedule.",
        examples=["leadgen ledger audit", "leadgen ledger audit --rules"],
    )
    parser.add_argument("--json", action="store_true", help="print JSON, with every offending row")
    parser.add_argument("--rules", action="store_true", help="list the invariants and what each one requires")
    parser.set_defaults(run=_audit)


def _audit(options: argparse.Namespace) -> int:
    with connection(environment()) as conn:
        audited = service.audit(conn, now=clock.now())
    broken = [one for one in audited if one.broken]
    if options.json:
        findings = service.findings(audited, most=sys.maxsize)
        print(json.dumps({"invariants": [one.name for one in audited], "broken": findings}, indent=2))
        return FAILED if broken else DONE
    if options.rules:
        for line in columns(("INVARIANT", "RULE"), [(one.name, one.rule) for one in audited]):
            print(line)
        return FAILED if broken else DONE
    if not broken:
        print(f"All {len(audited)} invariants hold.")
        return DONE
    for one in broken:
        _show(one)
    print(f"{len(broken)} of {len(audited)} invariants do not hold.")
    return FAILED


def _show(one: Invariant) -> None:
    print(f"{one.name}: {one.rule}")
    rows = [(f"{row.subject} {row.id}", printable(row.says or ""), printable(row.should or "")) for row in one.broken]
    for line in columns(("ROW", "IS", "SHOULD BE"), rows[:_MOST_ROWS]):
        print(f"  {line}")
    if len(rows) > _MOST_ROWS:
        print(f"  … and {len(rows) - _MOST_ROWS} more: --json shows all")
    print()
