"""The command line as a whole: how it ends when nobody reads on, or when it is stopped."""

import os
import sys
from pathlib import Path

import pytest

from leadgen import cli


def test_it_ends_quietly_when_nobody_reads_its_output_any_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert cli.main(["config", "schema"]) == cli.ENOUGH
        print("what is written later", file=output, flush=True)
    assert capsys.readouterr().err == ""


class Stopped:
    """An input that Ctrl-C ends."""

    def read(self) -> str:
        """What reading it comes to."""
        raise KeyboardInterrupt


def test_ctrl_c_ends_it_quietly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", Stopped())
    assert cli.main(["suppression", "add"]) == cli.STOPPED
    assert capsys.readouterr() == ("", "\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "abc"],
        ["explain", "-1"],
        ["verify-decisions", "1.5"],
        ["config", "history", "x"],
        ["config", "history", "--limit", "-1"],
    ],
)
def test_what_is_no_number_is_told_in_plain_words(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == cli.MISUSED
    assert f"{arguments[-1]!r} is not a whole number" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["mysql://me:geheim@db/leads", "postgresql://me:geheim@[db/leads"])
def test_a_wrong_address_of_the_database_is_not_repeated_with_its_password(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert cli.main(["config", "history"]) == cli.FAILED
    told = capsys.readouterr().err
    assert told.startswith("DATABASE_URL is no address of a database: ")
    assert "geheim" not in told


@pytest.mark.parametrize("text", ["{", "{}"])
def test_a_broken_description_of_the_stack_is_told_by_its_name(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("LEADGEN_STATE", str(tmp_path))
    (tmp_path / "stack.json").write_text(text)
    assert cli.main(["config", "history"]) == cli.FAILED
    assert capsys.readouterr().err.startswith(f"{tmp_path / 'stack.json'} is not what the embedded stack writes there")
