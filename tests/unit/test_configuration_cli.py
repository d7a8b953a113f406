"""The command line: what it prints, and with which status it ends."""

from pathlib import Path

import pytest

from leadgen import cli
from leadgen.cli import configuration
from leadgen.operations.applied import Change
from tests.configurations import written

CHANGES = [
    Change("market", "Springfield", "unchanged"),
    Change("validation policy", "lawn rules", "new version", "2"),
    Change("buyer", "Green Gardens", "updated", "phone, credit_limit"),
    Change("source", "lawns-web", "deactivated"),
    Change("service areas", "Green Gardens in Springfield", "created", "with 3 places"),
]


def test_the_table_is_aligned() -> None:
    assert configuration.table(CHANGES) == [
        "WHAT               NAME                          BECAME",
        "market             Springfield                   unchanged",
        "validation policy  lawn rules                    new version 2",
        "buyer              Green Gardens                 updated: phone, credit_limit",
        "source             lawns-web                     deactivated",
        "service areas      Green Gardens in Springfield  created with 3 places",
    ]


def test_the_summary_counts_what_became_of_things() -> None:
    assert configuration.summary(CHANGES) == "1 unchanged, 1 new version, 1 updated, 1 deactivated, 1 created."


def test_the_summary_says_when_nothing_changed() -> None:
    assert configuration.summary(CHANGES[:1] * 3) == "Nothing changed: all 3 are as the files say."


def test_without_a_database_and_a_running_stack_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("LEADGEN_STATE", str(tmp_path))
    assert cli.main(["apply", str(written(tmp_path))]) == cli.FAILED
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
    assert cli.main(["apply", str(written(tmp_path))]) == cli.FAILED
    assert capsys.readouterr().err.startswith("the database cannot be used: ")


def test_a_database_that_cannot_be_reached_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/nowhere")
    assert cli.main(["apply", str(written(tmp_path))]) == cli.FAILED
    assert capsys.readouterr().err.startswith("the database cannot be used: ")


@pytest.mark.parametrize("arguments", [[], ["apply"], ["unknown"]])
def test_wrong_use_ends_with_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize("arguments", [["--help"], ["apply", "--help"], ["--version"]])
def test_help_is_printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 0
    assert capsys.readouterr().out
