"""The root of the ``leadgen`` command. It finds the command in the table of ``groups`` and imports its module alone."""

import os
import sys
from collections.abc import Sequence

from leadgen import VERSION
from leadgen.cli import groups, old_words, pages
from leadgen.cli.groups import Group
from leadgen.terminal.command import CHANGES, DONE, ENOUGH, FAILED, STOPPED, CommandFailed

__all__ = ["CHANGES", "DONE", "ENOUGH", "FAILED", "MISUSED", "STOPPED", "main"]

MISUSED = 2  # what argparse ends with, too


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the process's exit status: 0 done, 1 failed, 2 used wrongly (or a plan with changes), 130
    stopped by Ctrl-C, 141 where nobody reads its output any more.
    """
    try:
        status = _run(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
    except CommandFailed as failure:
        print(failure, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(file=sys.stderr)  # the shell's next line is one of its own
        return STOPPED
    except BrokenPipeError:
        # Whoever read along, such as `head`, has enough. What is still buffered must not fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ENOUGH
    return status


def _run(words: list[str]) -> int:
    match words:
        case []:
            return _misused(pages.overview())
        case ["-h" | "--help", *_]:
            return _print(pages.overview())
        case ["--version", *_]:
            return _print(f"leadgen {VERSION}")
        case ["__complete", *typed]:
            from leadgen.cli import completion

            return _print("\n".join(completion.candidates(typed)))
        case _:
            return _command(_present(words))


def _present(words: list[str]) -> list[str]:
    """The words of today, and a notice where these are of before."""
    renamed = old_words.renamed(words)
    if renamed is None:
        return words
    print(f"leadgen: '{renamed.before}' is now 'leadgen {renamed.now}'", file=sys.stderr)
    return [*renamed.now.split(), *renamed.rest]


def _command(words: list[str]) -> int:
    entry = groups.entry(words[0])
    if entry is None:
        return _misused(pages.unknown(words[0], None))
    if not isinstance(entry, Group):
        named, command = words[:1], entry
    elif len(words) == 1:
        return _misused(pages.group_page(entry))
    elif words[1] in ("-h", "--help"):
        return _print(pages.group_page(entry))
    elif (found := entry.command(words[1])) is None:
        return _misused(pages.unknown(words[1], entry))
    else:
        named, command = words[:2], found
    try:
        options = pages.parser(named, command).parse_args(words[len(named) :])
    except SystemExit as ended:  # argparse has printed help, or what is wrong
        return MISUSED if ended.code else DONE
    status: int = options.run(options)
    return status


def _print(text: str) -> int:
    print(text)
    return DONE


def _misused(text: str) -> int:
    print(text, file=sys.stderr)
    return MISUSED
