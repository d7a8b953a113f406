"""The command line as a whole: how it ends when nobody reads on, or when it is stopped."""

import os
import sys

import pytest

from leadgen import cli


def test_it_ends_quietly_when_nobody_reads_its_output_any_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert cli.main(["schema"]) == cli.ENOUGH
        print("what is written later", file=output, flush=True)
    assert capsys.readouterr().err == ""


class Stopped:
    """An input that Ctrl-C ends."""

    def read(self) -> str:
        """What reading it comes to."""
        raise KeyboardInterrupt


def test_ctrl_c_ends_it_quietly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", Stopped())
    assert cli.main(["suppress", "add"]) == cli.STOPPED
    assert capsys.readouterr() == ("", "\n")
