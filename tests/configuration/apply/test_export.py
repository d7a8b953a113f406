"""Export then plan shows nothing: for the examples, and for any configuration that applies."""

import hashlib
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, note
from psycopg import Connection

from leadgen import cli
from leadgen.configuration.service import export
from leadgen.configuration.service.apply import ConfigurationInvalid, application, apply_files
from leadgen.platform.migrations import migrate
from tests.support.configurations import changed, written
from tests.support.examples import examples
from tests.support.strategies.configurations import configurations, text

EXAMPLES = Path(__file__).parents[3] / "examples"
MIGRATIONS = Path(__file__).parents[3] / "sql" / "migrations"


def exported_to(folder: Path, conn: Connection[Any]) -> list[Path]:
    return [written(folder, file.text(), file.name) for file in export.files(conn)]


def contents(conn: Connection[Any]) -> list[dict[str, Any]]:
    return [file.plain() for file in export.files(conn)]


def test_the_examples_exported_are_what_is_there(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, sorted(EXAMPLES.glob("*.yaml")), {})
    paths = exported_to(tmp_path, conn)
    assert [path.name for path in paths] == ["austin-tx-plumbing.yaml", "tampa-fl-roofing.yaml"]
    assert not application(conn, paths, {}, plan=True).has_changes


def test_files_without_secrets_configure_a_new_database_but_for_the_secrets(
    conn: Connection[Any], empty_database_url: str, tmp_path: Path
) -> None:
    apply_files(conn, sorted(EXAMPLES.glob("*.yaml")), {})
    before = contents(conn)
    paths = exported_to(tmp_path, conn)
    with psycopg.connect(empty_database_url, autocommit=True) as new:
        migrate(new, MIGRATIONS)
        _configure_without_secrets(new, paths)
        for file in before:
            for buyer in file["content"]["buyers"]:
                buyer.pop("webhook_secret_sha256", None)
        assert contents(new) == before


def _configure_without_secrets(conn: Connection[Any], paths: list[Path]) -> None:
    with pytest.raises(ConfigurationInvalid) as refusal:
        apply_files(conn, paths, {})
    assert {problem.field.rpartition(".")[2] for problem in refusal.value.problems} == {"webhook_secret_sha256"}
    assert "write webhook_secret with the secret itself" in str(refusal.value)
    for path in paths:
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if "webhook_secret_sha256" not in line))
    apply_files(conn, paths, {})


@examples(short=8, long=60)
@given(first=configurations(), second=configurations())
def test_whatever_is_applied_upon_whatever_is_there_is_exported_as_it_is(
    conn: Connection[Any], tmp_path: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    second["market"]["name"] = first["market"]["name"]
    with conn.transaction(force_rollback=True):
        for configuration in (first, second):
            apply_files(conn, [written(tmp_path, text(configuration))], {})
            assert not application(conn, [written(tmp_path, text(configuration))], {}, plan=True).has_changes
            (file,) = export.files(conn)
            note(file.text())
            planned = application(conn, [written(tmp_path, file.text(), file.name)], {}, plan=True)
            assert [change for change in planned.changes if change.outcome != "unchanged"] == []


def test_a_secret_is_exported_as_its_fingerprint_only(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path)], {})
    (file,) = export.files(conn)
    assert hashlib.sha256(b"a-secret-of-green-gardens").hexdigest() in file.text()
    assert hashlib.sha256(b"a-key-of-the-partner").hexdigest() in file.text()
    assert "a-secret-of" not in file.text()
    assert "a-key-of" not in file.text()


def test_another_buyers_secret_does_not_stand_for_ones_own(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path)], {})
    fingerprint = hashlib.sha256(b"a-secret-of-green-gardens").hexdigest()
    taken = changed(("phone: +1 303-555-0101", f"phone: +1 303-555-0101\n    webhook_secret_sha256: {fingerprint}"))
    with pytest.raises(ConfigurationInvalid, match=r"blue@example\.com has no stored secret of this fingerprint"):
        apply_files(conn, [written(tmp_path, taken)], {})


def test_the_fingerprint_of_an_api_key_is_as_good_as_the_key(conn: Connection[Any], tmp_path: Path) -> None:
    fingerprint = hashlib.sha256(b"a-key-of-the-partner").hexdigest()
    by_hash = changed(("api_key: ${LAWN_KEY:-a-key-of-the-partner}", f"api_key_sha256: {fingerprint}"))
    apply_files(conn, [written(tmp_path, by_hash)], {})
    assert not application(conn, [written(tmp_path)], {}, plan=True).has_changes


def test_what_is_inactive_is_exported_as_such_and_what_has_ended_is_left_out(
    conn: Connection[Any], tmp_path: Path
) -> None:
    apply_files(conn, [written(tmp_path)], {})
    conn.execute("UPDATE offers SET is_active = false")
    conn.execute("UPDATE sources SET is_active = false WHERE source_key = 'lawns-web'")
    conn.execute("UPDATE buyer_offers SET is_active = false")
    conn.execute("UPDATE offer_exclusivities SET is_active = false")
    conn.execute("UPDATE buyer_service_areas SET is_active = false WHERE scope_value = 'Aurora'")
    (file,) = contents(conn)
    (offer,), (green, blue) = file["content"]["offers"], file["content"]["buyers"]
    assert (offer["is_active"], offer["sources"][0]["is_active"]) == (False, False)
    assert "is_active" not in offer["sources"][1]
    assert "exclusivities" not in offer
    assert green["service_areas"] == {"postal_codes": ["07030", "80014"]}
    assert [buyer["offers"][0]["is_active"] for buyer in (green, blue)] == [False, False]
    assert not application(conn, exported_to(tmp_path, conn), {}, plan=True).has_changes


def test_an_offer_that_stays_with_an_earlier_version_of_a_policy_says_which(
    conn: Connection[Any], tmp_path: Path
) -> None:
    elsewhere = changed(
        ("name: Springfield", "name: Shelbyville"),
        ("source_key: lawns-web", "source_key: shelbyville-web"),
        ("source_key: lawns-partner", "source_key: shelbyville-partner"),
        ("hostname: lawns.example.com", "hostname: shelbyville.example.com"),
    )
    apply_files(conn, [written(tmp_path), written(tmp_path, elsewhere, "other.yaml")], {})
    later = changed(("allowed_postal_codes: [07030, 80014]", "allowed_postal_codes: [80014]"))
    apply_files(conn, [written(tmp_path, later)], {})
    versions = [file["content"]["offers"][0]["validation_policy"].get("version") for file in contents(conn)]
    assert versions == [1, None]
    paths = exported_to(tmp_path, conn)
    assert not application(conn, paths, {}, plan=True).has_changes
    assert not application(conn, paths[:1], {}, plan=True).has_changes


def test_versions_that_are_named_come_before_the_latest_in_a_database_without_them(
    conn: Connection[Any], tmp_path: Path
) -> None:
    apply_files(conn, two_versions(tmp_path, latest_first=True), {})
    assert conn.execute("SELECT version FROM validation_policies ORDER BY version").fetchall() == [(3,), (4,)]
    assert not application(conn, two_versions(tmp_path, latest_first=True), {}, plan=True).has_changes
    assert not application(conn, exported_to(tmp_path, conn), {}, plan=True).has_changes


def test_a_version_before_the_stored_ones_is_not_made_up(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, two_versions(tmp_path, latest_first=False), {})
    second = changed(("name: lawn rules", "name: lawn rules\n      version: 2"))
    with pytest.raises(ConfigurationInvalid, match="'lawn rules' has no stored version 2 that says this"):
        apply_files(conn, [written(tmp_path, second)], {})


def two_versions(folder: Path, *, latest_first: bool) -> list[Path]:
    """Two markets' files that name one policy: one its version 3, the other its latest."""
    third = changed(
        ("name: Springfield", "name: Shelbyville"),
        ("source_key: lawns-web", "source_key: shelbyville-web"),
        ("source_key: lawns-partner", "source_key: shelbyville-partner"),
        ("hostname: lawns.example.com", "hostname: shelbyville.example.com"),
        ("name: lawn rules", "name: lawn rules\n      version: 3"),
        ("[07030, 80014]\n    routing", "[80014]\n    routing"),
    )
    paths = [written(folder), written(folder, third, "third.yaml")]
    return paths if latest_first else paths[::-1]


def test_a_version_that_says_something_else_is_refused(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path)], {})
    other = changed(
        ("name: lawn rules", "name: lawn rules\n      version: 1"),
        ("[07030, 80014]\n    routing", "[07031]\n    routing"),
    )
    with pytest.raises(ConfigurationInvalid) as refusal:
        apply_files(conn, [written(tmp_path, other)], {})
    (problem,) = refusal.value.problems
    assert (problem.line, problem.field) == (12, "offers[0].validation_policy.version")
    assert problem.message == (
        "'lawn rules' has no stored version 1 that says this; leave version out to store it as the next one"
    )


def test_a_stored_policy_that_no_longer_parses_is_exported_for_mending(conn: Connection[Any], tmp_path: Path) -> None:
    apply_files(conn, [written(tmp_path)], {})
    conn.execute(
        "INSERT INTO routing_policies (name, version, config) VALUES ('lawn routing', 2, '{\"strategy\": \"x\"}')"
    )
    conn.execute("UPDATE offers SET routing_policy_id = (SELECT max(id) FROM routing_policies)")
    (path,) = exported_to(tmp_path, conn)
    with pytest.raises(ConfigurationInvalid, match=r"routing_policy\.config\.strategy: must be 'priority_based'"):
        application(conn, [path], {}, plan=True)


def test_the_command_prints_the_files_or_writes_them(
    conn: Connection[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    apply_files(conn, [written(tmp_path)], {})
    assert cli.main(["config", "export"]) == cli.DONE
    assert capsys.readouterr().out.startswith("---\n# springfield-gardening.yaml\nmarket: {name: Springfield")
    folder = tmp_path / "new" / "folder"
    assert cli.main(["config", "export", "--to", str(folder)]) == cli.DONE
    path = folder / "springfield-gardening.yaml"
    assert capsys.readouterr().out == f"{path}\n"
    assert cli.main(["config", "plan", str(path)]) == cli.DONE
    assert cli.main(["config", "export", "--to", str(path)]) == cli.FAILED
    assert "cannot be written" in capsys.readouterr().err
