"""Each table is written by one capability. Those that several write are named here, with their writers and the reason.

Read from the literal SQL of the stores; what a trigger of the database writes is left out.
"""

from pathlib import Path

import pytest

from tests.support.repository.stores import CAPABILITIES, CORE, ROOT, is_of_store, tables, written, written_tables

# The runner of migrations keeps its own table.
OTHERS = [
    path
    for folder in (CORE, ROOT / "functions")
    for path in sorted(folder.rglob("*.py"))
    if path != CORE / "platform/migrations.py"
    and not (path.is_relative_to(CORE) and is_of_store(path.relative_to(CORE)))
]

# Each table that several capabilities write: its writers, and why one would not do.
SHARED: dict[str, tuple[set[str], str]] = {
    "audit_logs": (
        {"audit_trail", "configuration"},
        "configuration compares what is stored before and after in the statement that records the change",
    ),
    "buyers": (
        {"billing", "configuration", "ledger", "payments", "receivables", "routing"},
        "a buyer's balances, pause and card are moved under the buyer's lock by whoever moves the money",
    ),
    "chargebacks": (
        {"payments", "receivables"},
        "payments opens and closes a chargeback; receivables repays the debt that it left",
    ),
    "deliveries": (
        {"delivery", "review", "routing"},
        "routing opens a delivery with the claim; an operator's verdict ends it or sends it again",
    ),
    "invoice_lines": (
        {"invoicing", "returns"},
        "a lead that is given back before its invoice is issued leaves the draft",
    ),
    "invoice_settlements": (
        {"invoicing", "receivables"},
        "issuing an invoice settles what prepaid money pays, in the same statement",
    ),
    "invoices": (
        {"invoicing", "payments", "receivables", "returns"},
        "invoicing writes and issues; the others change what it is owed, its state, or a draft's sum",
    ),
    "leads": (
        {
            "billing", "configuration", "intake", "invoicing", "leads", "receivables", "review", "routing",
            "validation",
        },
        "each stage makes its own guarded transition of the lead's one row",
    ),
    "ledger_entries": ({"billing", "ledger"}, "a lead is billed and posted in one statement"),
    "ledger_transactions": ({"billing", "ledger"}, "a lead is billed and posted in one statement"),
    "uninvoiced_leads": (
        {"billing", "invoicing", "receivables"},
        "billing adds a lead; a draft or a refund takes it out, a cancelled draft puts it back",
    ),
}  # fmt: skip


def writers(table: str) -> set[str]:
    return {capability for capability in CAPABILITIES if table in written_tables(capability)}


@pytest.mark.parametrize("table", tables())
def test_a_table_is_written_by_one_capability_or_by_those_that_are_named(table: str) -> None:
    found = writers(table)
    if table in SHARED:
        named, _ = SHARED[table]
        assert found == named
        assert len(found) > 1, f"{table} has one writer: it is no exception any more"
    else:
        assert len(found) <= 1, f"{table} is written by {', '.join(sorted(found))}"


def test_every_exception_is_a_table_and_has_its_reason() -> None:
    assert SHARED.keys() <= set(tables())
    assert all(reason for _, reason in SHARED.values())


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_stores_write_tables(path: Path) -> None:
    assert set(written(path.read_text())) & set(tables()) == set()


@pytest.mark.parametrize(
    "statement",
    ["INSERT INTO leads (id) VALUES (1)", "WITH x AS (SELECT 1)\nUPDATE leads SET id = 1", "UPDATE ONLY public.leads l",
     "DELETE FROM\n  leads", "MERGE INTO leads USING x", "COPY leads FROM STDIN", "TRUNCATE leads"],
)  # fmt: skip
def test_a_write_is_seen_in_the_source(statement: str) -> None:
    assert list(written(f"def f(conn):\n    conn.execute({statement!r})")) == ["leads"]


@pytest.mark.parametrize(
    "statement",
    ["SELECT * FROM leads FOR UPDATE", "SELECT 1 FROM leads l FOR NO KEY UPDATE OF l",
     "INSERT INTO x VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 1", "SELECT 1 FROM x FOR UPDATE SKIP LOCKED"],
)  # fmt: skip
def test_a_lock_is_no_write(statement: str) -> None:
    assert set(written(f"def f(conn):\n    conn.execute({statement!r})")) & set(tables()) == set()
