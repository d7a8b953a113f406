"""The commands that the project's pages show, and a shell that runs them as a reader would."""

import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>not run|ends with (?P<status>\d+)): (?P<reason>[^\n]+) -->\n)?"
    r"```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_END = "@@ended@@"

# What differs from run to run: ids, instants, durations and ports. The rest must be as shown.
_VARIES = (
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UUID"),
    (r"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8}\b", "ID"),
    (r"\b\d{4}-\d\d-\d\d\b|\b\d\d/\d\d/\d{4}\b", "DATE"),
    (r"\b\d{1,2} [A-Z][a-z]+ 20\d\d\b", "DATE"),
    (r"\b\d\d:\d\d(:\d\d)?(\.\d+)?\b( [AP]M)?", "TIME"),
    (r"\b\d+(\.\d+)? (ms|s|seconds|milliseconds)\b", "DURATION"),
    (r"127\.0\.0\.1:\d+|localhost:\d+", "ADDRESS"),
    (r"\s+", " "),
)


@dataclass(frozen=True)
class Command:
    """What is typed, and the output shown below it: None where the page shows none."""

    text: str
    shown: str | None


@dataclass(frozen=True)
class Block:
    """A fenced block of commands. ``reason`` is why it is not run; ``status`` is that of its last command."""

    line: int
    commands: tuple[Command, ...]
    reason: str | None
    status: int


def blocks(page: str) -> Iterator[Block]:
    """The blocks of commands of a page in Markdown: those in ``sh``, and those in ``console`` with their output."""
    for found in _BLOCK.finditer(page):
        if found["language"] not in ("sh", "console"):
            continue
        read = _script if found["language"] == "sh" else _session
        yield Block(
            line=page.count("\n", 0, found.start("language")) + 1,
            commands=tuple(read(found["text"])),
            reason=found["reason"] if found["mark"] == "not run" else None,
            status=int(found["status"] or 0),
        )


def commands_without_a_language(page: str) -> list[str]:
    """Lines in other blocks that are commands all the same: they would escape the test."""
    others = (found["text"] for found in _BLOCK.finditer(page) if found["language"] in ("", "bash", "shell", "text"))
    return [line for text in others for line in text.splitlines() if re.match(r"(\$ )?(leadgen|make|curl|sam) ", line)]


def differs(shown: str, real: str) -> str | None:
    """The first shown line that the output does not have in its place, or None. A line of ``…`` is any lines, and ``…``
    within a line any text.
    """
    lines = [_normal(line) for line in real.strip("\n").splitlines()]
    at, skips = 0, False
    for line in shown.strip("\n").splitlines():
        if line.strip() == "…":
            skips = True
            continue
        pattern = re.compile(
            ".*".join(re.escape(part.strip()) for part in _normal(line).split("…")).replace("\\ ", " *")
        )
        places = range(at, len(lines)) if skips else range(at, min(at + 1, len(lines)))
        place = next((index for index in places if pattern.fullmatch(lines[index])), None)
        if place is None:
            return line
        at, skips = place + 1, False
    return None if skips or at == len(lines) else f"(nothing more is shown, but there is:) {lines[at]}"


class Shell:
    """One bash in one folder: what a command sets is there for the next. Use it as a context manager."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder, self._environ = folder, environ

    def __enter__(self) -> "Shell":
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-o", "pipefail"],
            cwd=self._folder,
            env=dict(self._environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._bash.kill()
        self._bash.communicate()

    def run(self, command: str) -> tuple[int, str]:
        """The command's exit status, and what it printed."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{{ {command}\n}} < /dev/null\nprintf '\\n{_END}%s\\n' $?\n")
        self._bash.stdin.flush()
        printed: list[str] = []
        for line in self._bash.stdout:
            if line.startswith(_END):
                return int(line.removeprefix(_END)), "".join(printed)
            printed.append(line)
        raise AssertionError(f"bash ended in: {command}\n{''.join(printed)}")


def _normal(line: str) -> str:
    for pattern, name in _VARIES:
        line = re.sub(pattern, name, line)
    return line.strip()


def _script(text: str) -> Iterator[Command]:
    for command in _commands(text.splitlines()):
        yield Command(command, None)


def _session(text: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        command = next(_commands(lines))
        yield Command(command, "\n".join(lines[command.count("\n") + 1 :]))


def _commands(lines: Sequence[str]) -> Iterator[str]:
    """Whole commands: a line, and those after it while a quotation is open or a backslash goes on."""
    command = ""
    for line in lines:
        command += line
        if not command.strip() or command.lstrip().startswith("#"):
            command = ""
        elif _is_whole(command):
            yield command
            command = ""
        else:
            command += "\n"


def _is_whole(command: str) -> bool:
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return not command.rstrip().endswith("\\")
