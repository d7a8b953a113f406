"""The command line: what it prints, and with which status it ends."""

from pathlib import Path

import pytest

from leadgen import cli
from leadgen.configuration.commands import changes
from leadgen.configuration.domain.differences import Difference
from leadgen.configuration.service.changes import Application, Change
from tests.support.configurations import written

COMMANDS = ("apply", "plan", "export", "schema", "history", "rollback")
WRONG = (["apply"], ["plan"], ["rollback"], ["rollback", "x"], ["unknown"])

APPLICATION = Application(
    (
        Change("market", "Springfield", "unchanged"),
        Change("validation policy", "lawn rules", "new version", "version 2", (Difference("rule", "old → new"),)),
        Change("buyer", "Green Gardens", "updated", "", (Difference("phone", "1 → 2"), Difference("name", "x → y"))),
        Change("source", "lawns-web", "deactivated"),
        Change("service areas", "Green Gardens in Springfield", "created", "with 3 places"),
    ),
    waiting_leads=12,
    number=7,
)


def test_what_changed_is_listed_with_its_fields() -> None:
    assert list(changes.lines(APPLICATION.changes)) == [
        "~ validation policy lawn rules, version 2",
        "    rule: old → new",
        "~ buyer Green Gardens",
        "    phone: 1 → 2",
        "    name: x → y",
        "- source lawns-web, deactivated",
        "+ service areas Green Gardens in Springfield, with 3 places",
    ]


def test_the_totals_say_what_was_done_or_would_be() -> None:
    assert changes.totals(APPLICATION, plan=False) == [
        "",
        "Applied: 1 created, 1 updated, 1 new version, 1 deactivated, 1 unchanged.",
        "12 waiting leads will be tried again.",
        "Version 7 of the configuration.",
    ]
    assert changes.totals(APPLICATION, plan=True)[1:] == [
        "Planned: 1 created, 1 updated, 1 new version, 1 deactivated, 1 unchanged.",
        "12 waiting leads would be tried again.",
    ]


def test_the_totals_say_when_nothing_changed() -> None:
    nothing = Application(APPLICATION.changes[:1] * 3, 0, None)
    assert changes.totals(nothing, plan=False) == ["Nothing changed: all 3 are as they are to be."]
    assert changes.totals(nothing, plan=True) == ["Nothing would change: all 3 are as they are to be."]


def test_without_a_database_and_a_running_stack_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("LEADGEN_STATE", str(tmp_path))
    assert cli.main(["config", "apply", str(written(tmp_path))]) == cli.FAILED
    assert capsys.readouterr().err == (
        "no database to work on: set DATABASE_URL, or start the embedded stack "
        f"(there is no {tmp_path / 'stack.json'})\n"
    )


def test_without_a_database_the_running_stack_is_meant(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("LEADGEN_STATE", str(tmp_path))
    (tmp_path / "stack.json").write_text('{"database_url": "postgresql://127.0.0.1:1/nowhere", "sink_url": "http://x"}')
    assert cli.main(["config", "apply", str(written(tmp_path))]) == cli.FAILED
    assert capsys.readouterr().err.startswith("the database cannot be used: ")


def test_a_database_that_cannot_be_reached_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/nowhere")
    assert cli.main(["config", "apply", str(written(tmp_path))]) == cli.FAILED
    assert capsys.readouterr().err.startswith("the database cannot be used: ")


@pytest.mark.parametrize("arguments", [[], ["config"], *(["config", *words] for words in WRONG), ["unknown"]])
def test_wrong_use_ends_with_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2


@pytest.mark.parametrize(
    "arguments", [["--help"], *(["config", command, "--help"] for command in COMMANDS), ["--version"]]
)
def test_help_is_printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out
