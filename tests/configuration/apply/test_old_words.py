"""Files, stored policies and versions in the words of before: understood, with a notice, and the same as now."""

import json
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection
from psycopg.types.json import Json, Jsonb

from leadgen import cli
from leadgen.configuration.service import export
from leadgen.configuration.service.apply import application
from leadgen.configuration.service.rollback import rollback
from tests.support.configurations import changed, written

BEFORE = changed(
    ("strategy: priority_based", "strategy: priority_based\n        refusal: {action: review}"),
    (
        "capacity_per_day: 3",
        "capacity_per_day: 3\n        delivery:\n          answer:\n            type: json\n"
        "            refused_statuses: [409]\n            refused_when: [{path: ok, equals: false}]\n"
        "            accepted_when: [{path: ok, equals: true}]\n            otherwise: refused",
    ),
)
NOW = (
    BEFORE.replace("refusal", "rejection")
    .replace("refused_", "rejected_")
    .replace("otherwise: refused", "otherwise: rejected")
)


def line_of(part: str) -> int:
    return next(number for number, line in enumerate(BEFORE.splitlines(), 1) if part in line)


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_file_of_before_is_understood_and_each_old_word_is_named_with_its_line(
    conn: Connection[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    path = written(tmp_path, BEFORE)
    cli.main(["config", command, str(path)])
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        f"{path}:{line_of('refusal')}: 'refusal' is now 'rejection'",
        f"{path}:{line_of('refused_statuses')}: 'refused_statuses' is now 'rejected_statuses'",
        f"{path}:{line_of('refused_when')}: 'refused_when' is now 'rejected_when'",
        f"{path}:{line_of('otherwise')}: 'otherwise: refused' is now 'otherwise: rejected'",
    ]
    assert "rejection" in printed.out
    assert "refus" not in printed.out
    cli.main(["config", command, str(written(tmp_path, NOW))])
    assert capsys.readouterr().err == ""


def test_files_of_before_and_of_now_say_the_same_and_exports_are_in_the_words_of_now(
    conn: Connection[Any], tmp_path: Path
) -> None:
    assert application(conn, [written(tmp_path, BEFORE)], {}).has_changes
    assert not application(conn, [written(tmp_path, NOW)], {}).has_changes
    assert not application(conn, [written(tmp_path, BEFORE)], {}).has_changes
    (exported,) = export.files(conn)
    assert "refus" not in exported.text()
    assert "rejection: {action: review}" in exported.text()


@pytest.mark.parametrize("text", [BEFORE, NOW], ids=["before", "now"])
@pytest.mark.parametrize("version", ["", "      version: 1\n"], ids=["the latest", "a version"])
def test_a_policy_stored_in_the_old_words_is_the_one_of_now(
    conn: Connection[Any], tmp_path: Path, text: str, version: str
) -> None:
    application(conn, [written(tmp_path, NOW)], {})
    conn.execute("ALTER TABLE routing_policies DISABLE TRIGGER routing_policies_immutable")
    stored = {"strategy": "priority_based", "refusal": {"action": "review"}}
    conn.execute("UPDATE routing_policies SET config = %s", (Jsonb(stored),))
    named = changed(("      name: lawn routing\n", f"      name: lawn routing\n{version}"), text=text)
    assert not application(conn, [written(tmp_path, named)], {}).has_changes
    (exported,) = export.files(conn)
    assert "rejection: {action: review}" in exported.text()


def test_a_version_that_was_kept_in_the_old_words_can_be_gone_back_to(conn: Connection[Any], tmp_path: Path) -> None:
    application(conn, [written(tmp_path, NOW)], {})
    application(conn, [written(tmp_path)], {})
    conn.execute("ALTER TABLE configuration_versions DISABLE TRIGGER configuration_versions_append_only")
    ((snapshot,),) = conn.execute("SELECT snapshot FROM configuration_versions WHERE number = 1")
    of_before = (
        json.dumps(snapshot)
        .replace('"rejection"', '"refusal"')
        .replace('"rejected_', '"refused_')
        .replace('"otherwise": "rejected"', '"otherwise": "refused"')
    )
    assert "refused_when" in of_before
    conn.execute("UPDATE configuration_versions SET snapshot = %s WHERE number = 1", (Json(json.loads(of_before)),))
    assert rollback(conn, 1, {}).has_changes
    assert not application(conn, [written(tmp_path, NOW)], {}, plan=True).has_changes


def test_both_words_at_once_are_refused(conn: Connection[Any], tmp_path: Path) -> None:
    both = NOW.replace("rejection: {action: review}", "rejection: {action: review}\n        refusal: {action: reject}")
    with pytest.raises(Exception, match="refusal: is no field here"):
        application(conn, [written(tmp_path, both)], {})
