"""The migration runner: each file once, in order, whole or not at all, one runner at a time."""

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen.platform.migrations import MigrationFailed, migrate
from tests.conftest import ROOT
from tests.support.record.schema import RECORD, dump

FIRST = "0001_create_things.sql"
SECOND = "0002_extend_things.sql"


@pytest.fixture
def empty(empty_database_url: str) -> Any:
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        yield conn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two migrations."""
    (tmp_path / FIRST).write_text("CREATE TABLE things (id int);")
    (tmp_path / SECOND).write_text("ALTER TABLE things ADD COLUMN name text;\nINSERT INTO things VALUES (1, 'one');")
    return tmp_path


def tables(conn: Connection[Any]) -> set[str]:
    return {row[0] for row in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


def test_migrating_from_nothing_gives_the_recorded_schema(empty: Connection[Any], empty_database_url: str) -> None:
    migrate(empty, ROOT / "sql" / "migrations")
    assert dump(empty_database_url) == RECORD.read_text(encoding="utf-8"), "run `make schema`"


def test_the_files_are_applied_in_order_after_the_queues(empty: Connection[Any], folder: Path) -> None:
    applied = migrate(empty, folder)
    assert applied[0].startswith("pgmq ")
    assert applied[1:] == [FIRST, SECOND]
    assert empty.execute("SELECT * FROM things").fetchall() == [(1, "one")]
    assert empty.execute("SELECT count(*) FROM pgmq.list_queues()").fetchone() == (0,)


def test_a_second_run_applies_nothing(empty: Connection[Any], folder: Path) -> None:
    migrate(empty, folder)
    assert migrate(empty, folder) == []
    assert empty.execute("SELECT count(*) FROM things").fetchone() == (1,)


def test_a_new_file_is_all_that_a_later_run_applies(empty: Connection[Any], folder: Path) -> None:
    migrate(empty, folder)
    (folder / "0003_add_more.sql").write_text("CREATE TABLE more ();")
    assert migrate(empty, folder) == ["0003_add_more.sql"]


def test_a_file_changed_after_it_was_applied_is_refused(empty: Connection[Any], folder: Path) -> None:
    migrate(empty, folder)
    (folder / FIRST).write_text("CREATE TABLE things (id bigint);")
    (folder / "0003_add_more.sql").write_text("CREATE TABLE more ();")
    with pytest.raises(MigrationFailed, match=rf"{FIRST} was changed"):
        migrate(empty, folder)
    assert "more" not in tables(empty)


def test_a_file_that_was_applied_and_is_gone_is_refused(empty: Connection[Any], folder: Path) -> None:
    migrate(empty, folder)
    (folder / SECOND).unlink()
    with pytest.raises(MigrationFailed, match=SECOND):
        migrate(empty, folder)


def rename(old: str, new: str) -> Callable[[Path], object]:
    return lambda folder: (folder / old).rename(folder / new)


@pytest.mark.parametrize(
    "spoil",
    [
        rename(SECOND, "0003_extend_things.sql"),
        rename(FIRST, "0000_create_things.sql"),
        rename(SECOND, "0001_extend_things.sql"),
        rename(SECOND, "2_extend_things.sql"),
        rename(SECOND, "0002-extend-things.sql"),
        lambda folder: (folder / "notes.sql").write_text("SELECT 1;"),
    ],
    ids=["gap", "zero", "twice", "short", "dashes", "no number"],
)
def test_numbers_or_names_out_of_line_are_refused_before_anything_is_applied(
    empty: Connection[Any], folder: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(folder)
    with pytest.raises(MigrationFailed, match="expected"):
        migrate(empty, folder)
    assert tables(empty) == set()


def test_an_empty_folder_is_refused(empty: Connection[Any], tmp_path: Path) -> None:
    with pytest.raises(MigrationFailed, match="no migrations"):
        migrate(empty, tmp_path)


def test_a_failing_file_leaves_nothing_and_is_named(empty: Connection[Any], folder: Path) -> None:
    (folder / "0003_fail.sql").write_text("CREATE TABLE half (id int);\nINSERT INTO nowhere VALUES (1);")
    with pytest.raises(MigrationFailed, match=r"0003_fail\.sql: .*nowhere"):
        migrate(empty, folder)
    assert "half" not in tables(empty)
    (folder / "0003_fail.sql").write_text("CREATE TABLE half (id int);")
    assert migrate(empty, folder)[-1] == "0003_fail.sql"
    assert tables(empty) >= {"things", "half"}


def test_several_migrators_at_once_apply_everything_once(empty_database_url: str, folder: Path) -> None:
    barrier = threading.Barrier(4)

    def run() -> list[str]:
        with psycopg.connect(empty_database_url, autocommit=True) as conn:
            barrier.wait()
            return migrate(conn, folder)

    with ThreadPoolExecutor(4) as pool:
        results = [future.result() for future in [pool.submit(run) for _ in range(4)]]
    assert sorted(len(applied) for applied in results) == [0, 0, 0, 3]
    with psycopg.connect(empty_database_url) as conn:
        assert conn.execute("SELECT count(*) FROM things").fetchone() == (1,)


def test_the_real_migrations_can_be_copied_anywhere(empty: Connection[Any], tmp_path: Path) -> None:
    shutil.copytree(ROOT / "sql" / "migrations", tmp_path / "copied")
    applied = migrate(empty, tmp_path / "copied")
    assert migrate(empty, ROOT / "sql" / "migrations") == []
    assert len(applied) == 1 + len(list((ROOT / "sql" / "migrations").glob("*.sql")))


def test_deliveries_under_way_go_on_with_numbers_of_their_own_and_in_doubt_where_nobody_knows(
    empty: Connection[Any], tmp_path: Path
) -> None:
    before = tmp_path / "before"
    before.mkdir()
    for file in sorted((ROOT / "sql" / "migrations").glob("*.sql")):
        if file.name < "0013":
            shutil.copy(file, before)
    migrate(empty, before)
    # Deliveries are all that matters: there are no leads, and no buyers.
    empty.execute(
        "ALTER TABLE deliveries DROP CONSTRAINT deliveries_lead_id_fkey, DROP CONSTRAINT deliveries_buyer_id_fkey"
    )
    old: list[tuple[str, int, list[tuple[str, int | None]]]] = [
        ("email", 1, [("webhook", 500)] * 3),
        ("webhook", 2, [("webhook", 503), ("webhook", None)]),
        ("email", 0, [("webhook", None), ("webhook", 500)]),
        ("webhook", 0, []),
    ]
    for number, (channel, begun, tried) in enumerate(old):
        delivery = f"00000000-0000-0000-0000-00000000000{number}"
        empty.execute(
            "INSERT INTO deliveries (id, lead_id, buyer_id, channel, attempts, next_attempt_at)"
            " VALUES (%s, %s, 1, %s, %s, now())",
            (delivery, number, channel, begun),
        )
        for attempt, (tried_by, status) in enumerate(tried, start=1):
            empty.execute(
                "INSERT INTO delivery_attempts (delivery_id, channel, attempt, started_at, milliseconds, outcome,"
                " http_status) VALUES (%s, %s, %s, now(), 1, 'failed', %s)",
                (delivery, tried_by, attempt, status),
            )
    migrate(empty, ROOT / "sql" / "migrations")
    rows = empty.execute("SELECT attempts, uncounted, outcome_unknown FROM deliveries ORDER BY lead_id").fetchall()
    assert rows == [(4, 3, False), (2, 0, True), (2, 2, True), (0, 0, False)]
