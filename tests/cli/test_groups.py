"""The table of commands, their help pages, and what a start imports."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import pytest

from leadgen import cli
from leadgen.cli import groups, old_words, pages
from leadgen.cli.groups import SECTIONS, Group

Capsys = pytest.CaptureFixture[str]


def _commands() -> Iterator[tuple[str, ...]]:
    for entry in (entry for section in SECTIONS for entry in section.entries):
        if isinstance(entry, Group):
            yield from ((entry.name, command.name) for command in entry.commands)
        else:
            yield (entry.name,)


COMMANDS = list(_commands())
GROUPS = sorted({words[0] for words in COMMANDS if len(words) == 2})


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], [], ["invoice", "--help"], ["no-such"]])
def test_the_root_imports_no_capability(arguments: list[str]) -> None:
    script = f"""
import sys
from leadgen.cli import main
main({arguments!r})
known = ("leadgen", "leadgen.cli", "leadgen.terminal")
print([name for name in sys.modules if name.startswith("leadgen.") and name.rpartition(".")[0] not in known])
print([name for name in ("psycopg", "pydantic", "yaml", "boto3") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == ["[]", "[]"]


def test_a_command_imports_its_own_capability_and_no_other_command() -> None:
    script = """
import sys
from leadgen.cli import main
main(["suppression", "add", "--help"])
print(sorted(name for name in sys.modules if ".commands" in name))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['leadgen.suppression.commands']"


def test_the_overview_fits_on_a_screen_and_names_every_group(capsys: Capsys) -> None:
    assert cli.main(["--help"]) == cli.DONE
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100
    assert {line.split()[0] for line in lines if line.startswith("  ")} == {words[0] for words in COMMANDS}


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_lists_its_commands_with_a_line_each(group: str, capsys: Capsys) -> None:
    assert cli.main([group, "--help"]) == cli.DONE
    page = capsys.readouterr().out
    assert max(map(len, page.splitlines())) <= 100
    listed = [line.split()[0] for line in page.splitlines() if line.startswith("  ")]
    assert listed == [words[1] for words in COMMANDS if len(words) == 2 and words[0] == group]
    if old_words.renamed([group]) is None:
        # Without a command, the same page, on stderr: a script's mistake does not pass.
        assert cli.main([group]) == cli.MISUSED
        assert capsys.readouterr() == ("", page)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_a_page_with_an_example_of_itself(words: tuple[str, ...], capsys: Capsys) -> None:
    assert cli.main([*words, "--help"]) == cli.DONE
    page = capsys.readouterr().out
    assert max(map(len, page.splitlines())) <= 100
    assert page.startswith(f"usage: leadgen {' '.join(words)}")
    examples = page.partition("examples:\n")[2].partition("\n\n")[0]
    # One function may serve two names: its examples are those of one.
    assert re.search(rf"^  .*leadgen (.+ )?{words[-1]}\b", examples, re.MULTILINE), examples


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_example_is_understood(words: tuple[str, ...], capsys: Capsys) -> None:
    assert cli.main([*words, "--help"]) == cli.DONE
    examples = capsys.readouterr().out.partition("examples:\n")[2].partition("\n\n")[0]
    for line in examples.replace("\\\n", " ").splitlines():
        # What leadgen is given, without the commands and files before and after it.
        command = re.sub(r"^.*?\bleadgen ", "", line.strip()).partition(" > ")[0].removesuffix(")")
        name, *rest = shlex.split(command)
        entry = groups.entry(name)
        assert entry is not None
        if isinstance(entry, Group):
            found = entry.command(rest[0])
            assert found is not None
            pages.parser([name, rest[0]], found).parse_args(rest[1:])
        else:
            pages.parser([name], entry).parse_args(rest)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["invoce"], ["`leadgen invoice`", "`leadgen --help` lists"]),
        (["invoice", "lst"], ["'leadgen invoice lst'", "`leadgen invoice list`", "`leadgen invoice --help` lists"]),
        (["approve"], ["`leadgen invoice approve`", "`leadgen return approve`"]),
        (["aplly"], ["`leadgen config apply`"]),
    ],
)
def test_an_unknown_command_is_answered_with_the_closest_ones(
    arguments: list[str], words: list[str], capsys: Capsys
) -> None:
    assert cli.main(arguments) == cli.MISUSED
    printed = capsys.readouterr()
    assert printed.out == ""
    assert [word for word in words if word not in printed.err] == []


def test_a_word_like_no_command_is_answered_without_a_guess(capsys: Capsys) -> None:
    assert cli.main(["xyzzy"]) == cli.MISUSED
    assert (
        capsys.readouterr().err
        == "leadgen: there is no command 'leadgen xyzzy'.\n`leadgen --help` lists the commands.\n"
    )
