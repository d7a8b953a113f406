"""docs/ledger.md says what the code and the database say."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import Connection

from leadgen.reconciliation import service as reconciliation_service

DOCUMENT = (Path(__file__).parents[3] / "docs" / "ledger.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in DOCUMENT.splitlines() if line[:1] == "|"]


def named(cell: str) -> list[str]:
    return re.findall(r"`([a-z_]+)`", cell)


def test_every_invariant_is_documented_in_its_own_words(conn: Connection[Any], now: datetime) -> None:
    documented = {(name, row[1]) for row in ROWS for name in named(row[0]) if len(row) == 2}
    assert {(one.name, one.rule) for one in reconciliation_service.audit(conn, now=now)} <= documented


def test_every_kind_and_every_account_is_documented(conn: Connection[Any]) -> None:
    documented = {name for row in ROWS for name in named(row[0])}
    rows = conn.execute("SELECT kind FROM ledger_pairs UNION SELECT debit FROM ledger_pairs UNION"
                        " SELECT credit FROM ledger_pairs")  # fmt: skip
    assert {row[0] for row in rows} <= documented


def test_every_pair_of_accounts_is_documented_with_its_kind(conn: Connection[Any]) -> None:
    told = {name: row[1] for row in ROWS for name in named(row[0]) if len(row) == 3}
    for kind, debit, credit in conn.execute("SELECT kind, debit, credit FROM ledger_pairs"):
        assert debit in told[kind] or "and back" in told[kind], (kind, debit)
        assert credit in told[kind] or "and back" in told[kind], (kind, credit)
