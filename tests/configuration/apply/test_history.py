"""The history of configuration goes forward only: a rollback is a version like any other."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen import cli
from leadgen.configuration.service import export
from leadgen.configuration.service.apply import ConfigurationInvalid, application, apply_files
from leadgen.configuration.service.rollback import NoSuchVersion, rollback
from leadgen.configuration.store import versions
from tests.support.configurations import changed, written

ELSEWHERE = changed(
    ("name: Springfield", "name: Shelbyville"),
    ("source_key: lawns-web", "source_key: shelbyville-web"),
    ("source_key: lawns-partner", "source_key: shelbyville-partner"),
    ("hostname: lawns.example.com", "hostname: shelbyville.example.com"),
    ("name: lawn rules", "name: other rules"),
    ("name: lawn routing", "name: other routing"),
)
STRICTER = changed(
    ("[07030, 80014]\n    routing", "[80014]\n    routing"),
    ("price: 45.10", "price: 60"),
    ("capacity_per_day: 3", "capacity_per_day: 9"),
    ("a-secret-of-green-gardens", "a-newer-secret-of-green"),
)
ACTOR = {"LEADGEN_ACTOR": "ann"}


def contents(conn: Connection[Any]) -> list[dict[str, Any]]:
    return [file.plain()["content"] for file in export.files(conn)]


def policy_versions(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    return conn.execute("SELECT version, rules FROM validation_policies ORDER BY name, version").fetchall()


def test_every_application_that_changes_something_is_a_version(conn: Connection[Any], tmp_path: Path) -> None:
    assert application(conn, [written(tmp_path)], ACTOR).number == 1
    assert application(conn, [written(tmp_path)], ACTOR).number is None
    assert application(conn, [written(tmp_path, STRICTER)], ACTOR, plan=True).number is not None
    assert application(conn, [written(tmp_path, STRICTER)], {**ACTOR, "LEADGEN_ACTOR": "bob"}).number == 2
    newest, first = versions.newest(conn, 10)
    assert (newest.number, newest.applied_by, first.applied_by) == (2, "bob", "ann")
    assert first.summary == "15 created"
    assert {change["outcome"] for change in newest.changes} == {"updated", "new version"}


def test_a_version_never_changes(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path)], {})
    with pytest.raises(psycopg.errors.IntegrityError, match="append-only"):
        conn.execute("UPDATE configuration_versions SET summary = 'nothing'")
    with pytest.raises(psycopg.errors.IntegrityError, match="append-only"):
        conn.execute("DELETE FROM configuration_versions")


def test_the_first_version_keeps_what_was_there_before_history(conn: Connection[Any], tmp_path: Path) -> None:
    with conn.transaction():
        apply_files(conn, [written(tmp_path)], {})
        conn.execute("TRUNCATE configuration_versions")
    before = contents(conn)
    assert application(conn, [written(tmp_path, STRICTER)], {}).number == 2
    kept = versions.snapshot(conn, 1)
    assert kept is not None
    assert [file["content"] for file in kept] == before


def test_a_rollback_configures_what_the_version_did(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path)], {})
    before = contents(conn)
    apply_files(conn, [written(tmp_path, STRICTER)], {})
    conn.execute("UPDATE buyers SET balance = 90, pending_amount = 45")
    conn.execute("UPDATE wallets SET balance = 12.50 WHERE balance > 0")

    done = rollback(conn, 1, ACTOR)

    assert done.number == 3
    assert versions.newest(conn, 1)[0].summary.startswith("rollback to 1: ")
    for file in before:  # the secret is the present one
        file["buyers"][0]["webhook_secret_sha256"] = contents(conn)[0]["buyers"][0]["webhook_secret_sha256"]
    assert contents(conn) == before
    assert conn.execute("SELECT webhook_secret FROM buyers WHERE name = 'Green Gardens'").fetchall() == [
        ("a-newer-secret-of-green",)
    ]
    assert conn.execute("SELECT DISTINCT balance::int, pending_amount::int FROM buyers").fetchall() == [(90, 45)]
    assert conn.execute("SELECT balance::text FROM wallets ORDER BY buyer_id").fetchall() == [("12.50",), ("0.00",)]
    assert policy_versions(conn) == [
        (1, {"allowed_postal_codes": ["07030", "80014"]}),
        (2, {"allowed_postal_codes": ["80014"]}),
        (3, {"allowed_postal_codes": ["07030", "80014"]}),
    ]
    assert not rollback(conn, 1, ACTOR).has_changes
    assert rollback(conn, 2, ACTOR).number == 4
    assert not rollback(conn, 2, ACTOR, plan=True).has_changes


def test_a_rollback_keeps_a_deliverys_fields_in_their_order_and_its_constants_as_they_were(
    conn: Connection[Any], tmp_path: Path
) -> None:
    fields = "{zip: postal_code, a: {constant: '5'}, longer: {b: {constant: 5}, a: {constant: 0.5}}, b: name}"
    mapped = f"delivery: {{format: {{type: xml, fields: {fields}}}}}"
    apply_files(conn, [written(tmp_path, changed(("capacity_per_day: 3", mapped)))], {})
    before = conn.execute("SELECT delivery::text FROM buyer_offers ORDER BY id").fetchall()
    apply_files(conn, [written(tmp_path)], {})
    rollback(conn, 1, {})
    assert conn.execute("SELECT delivery::text FROM buyer_offers ORDER BY id").fetchall() == before
    assert '{"zip": "postal_code", "a": {"constant": "5"}, "longer": {"b"' in before[0][0]


def test_a_rollback_ends_what_was_added_since(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path)], {})
    apply_files(conn, [written(tmp_path, ELSEWHERE, "elsewhere.yaml")], {})
    changes = rollback(conn, 1, {}).changes
    assert [(change.kind, change.name) for change in changes if change.outcome == "deactivated"] == [
        ("offer", "Lawns, Shelbyville"),
        ("source", "shelbyville-web"),
        ("source", "shelbyville-partner"),
        ("enrollment", "Green Gardens in Lawns"),
        ("enrollment", "Blue Gardens in Lawns"),
        ("exclusivity", "07030"),
    ]
    assert not [change for change in changes if change.outcome not in ("deactivated", "unchanged")]
    rollback(conn, 2, {})
    assert conn.execute("SELECT count(*) FROM offers WHERE is_active").fetchall() == [(2,)]
    assert conn.execute("SELECT count(*) FROM sources WHERE is_active").fetchall() == [(4,)]


def test_a_source_that_moved_since_moves_back(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path)], {})
    conn.execute("UPDATE sources SET is_active = false WHERE source_key = 'lawns-web'")
    moved = changed(("source_key: shelbyville-web", "source_key: lawns-web"), text=ELSEWHERE)
    apply_files(conn, [written(tmp_path, moved, "elsewhere.yaml")], {})
    rollback(conn, 1, {})
    assert conn.execute(
        "SELECT m.name, s.is_active FROM sources s JOIN offers o ON o.id = offer_id JOIN markets m ON m.id = market_id "
        "WHERE source_key = 'lawns-web'"
    ).fetchall() == [("Springfield", True)]


def test_a_plan_of_a_rollback_changes_nothing(
    conn: Connection[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    apply_files(conn, [written(tmp_path)], {})
    apply_files(conn, [written(tmp_path, STRICTER)], {})
    before = contents(conn)
    assert cli.main(["config", "rollback", "1", "--plan"]) == cli.CHANGES
    assert "    price: 60.00 → 45.10\n" in capsys.readouterr().out
    assert contents(conn) == before
    assert cli.main(["config", "rollback", "1"]) == cli.DONE
    assert cli.main(["config", "rollback", "1", "--plan"]) == cli.DONE


def test_a_version_that_is_not_there_is_told(conn: Connection[Any], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NoSuchVersion):
        rollback(conn, 1, {})
    assert cli.main(["config", "rollback", "7"]) == cli.FAILED
    assert "there is no version 7 of the configuration" in capsys.readouterr().err
    assert cli.main(["config", "history", "7"]) == cli.FAILED
    assert cli.main(["config", "history"]) == cli.DONE
    assert capsys.readouterr().out == "The configuration has no history yet: nothing was applied.\n"


def test_a_version_that_is_not_allowed_any_more_is_told_with_its_field(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path)], {})
    versions.record(
        conn,
        applied_by="ann",
        summary="",
        changes=[],
        snapshot=[{"name": "a.yaml", "content": {**contents(conn)[0], "vertical": {"slug": "No Slug", "name": "x"}}}],
        rolled_back_to=None,
    )
    with pytest.raises(
        ConfigurationInvalid, match=r"version 2, a\.yaml:.*: vertical\.slug: must be lower-case letters"
    ):
        rollback(conn, 2, {})


def test_the_history_lists_versions_with_their_policies(
    conn: Connection[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEADGEN_ACTOR", "ann")
    assert cli.main(["config", "apply", str(written(tmp_path))]) == cli.DONE
    assert cli.main(["config", "apply", str(written(tmp_path, STRICTER))]) == cli.DONE
    capsys.readouterr()
    assert cli.main(["config", "history"]) == cli.DONE
    second, policy, first, *policies = capsys.readouterr().out.splitlines()
    assert second.startswith("2  ")
    assert second.endswith("  ann  3 updated, 1 new version, 11 unchanged")
    assert policy == "    ~ validation policy lawn rules, version 2"
    assert first.endswith("  ann  15 created")
    assert policies == ["    + validation policy lawn rules, version 1", "    + routing policy lawn routing, version 1"]
    assert cli.main(["config", "history", "2"]) == cli.DONE
    assert "        price: 45.10 → 60.00" in capsys.readouterr().out.splitlines()
    assert cli.main(["config", "history", "--limit", "1"]) == cli.DONE
    assert len(capsys.readouterr().out.splitlines()) == 2
