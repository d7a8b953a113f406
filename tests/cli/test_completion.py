"""Completion: what may follow the typed words, and the scripts in real shells."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from leadgen import cli
from leadgen.cli.completion import candidates


def names(*typed: str) -> list[str]:
    return [line.partition("\t")[0] for line in candidates(typed)]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (("inv",), ["invoice"]),
        (("verify",), ["verify-decisions"]),
        (("invoice", "a"), ["approve", "aging"]),
        (("invoice", "list", "--st"), ["--status"]),
        (("invoice", "list", "--status", "dr"), ["draft"]),
        (("invoice", "download", "--format", "=", "u"), ["ubl"]),
        (("ledger", "audit", "--"), ["--help", "--json", "--rules"]),
        (("completion", ""), ["bash", "zsh"]),
        (("config", "apply", ""), []),
        (("invoice", "no-such", ""), []),
        (("no-such", ""), []),
    ],
)
def test_the_last_word_is_completed(typed: tuple[str, ...], found: list[str]) -> None:
    assert names(*typed) == found


def test_nothing_typed_lists_every_group() -> None:
    assert {"invoice", "config", "explain", "completion"} <= set(names(""))


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH on which leadgen is this program."""
    program = tmp_path / "leadgen"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m leadgen.cli "$@"\n')
    program.chmod(0o755)
    return f"{tmp_path}:/usr/local/bin:/usr/bin:/bin"


def in_shell(shell: str, script: str, path: str) -> str:
    environ = {"PATH": path, "PYTHONPATH": ":".join(sys.path), "HOME": "/nonexistent"}
    done = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=False, env=environ)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("leadgen inv", "invoice"),
        ("leadgen invoice a", "aging approve"),
        ("leadgen invoice list --status dr", "draft"),
        ("leadgen invoice download --format = u", "ubl"),
        ("leadgen invoice download --format =", "factur-x pdf ubl"),
        ("leadgen config apply ex", ""),
    ],
)
def test_bash_completes(words: str, found: str, path: str) -> None:
    count = len(words.split()) - 1
    script = f"""source <(leadgen completion bash)
COMP_WORDS=({words}); COMP_CWORD={count}
_leadgen
printf '%s\\n' "${{COMPREPLY[@]}}" | sort | xargs
complete -p leadgen"""
    completed, registered = in_shell("bash", script, path).splitlines()
    assert completed == found
    assert registered == "complete -o default -F _leadgen leadgen"


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_completes_with_a_line_of_help_each(path: str) -> None:
    script = """compdef() { :; }
_describe() { print -l -- $1 "${(@P)2}"; }
_files() { print files; }
source <(leadgen completion zsh)
words=(leadgen invoice a); CURRENT=3; _leadgen
words=(leadgen config apply ''); CURRENT=4; _leadgen"""
    assert in_shell("zsh", script, path).splitlines() == [
        "command", "approve:Issue a draft", "aging:Show what is open, by days overdue", "files",
    ]  # fmt: skip


def test_a_shell_that_is_not_supported_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", "fish"]) == cli.MISUSED
    assert "fish" in capsys.readouterr().err
