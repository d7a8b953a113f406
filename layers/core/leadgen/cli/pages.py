"""Help: the overview, a group's page, the form of a command's page, and what an unknown command is answered with."""

import argparse
import textwrap
from collections.abc import Sequence
from importlib import import_module

from leadgen.cli.groups import SECTIONS, Command, Group
from leadgen.terminal.tables import room

_INDENT = "  "
_NAMES = 18
_NAMES_OF_OPTIONS = 26


def overview() -> str:
    """The groups and commands, by section, on one screen."""
    blocks = ["usage: leadgen COMMAND …\n\nOperate a LeadGen marketplace."]
    blocks += ["\n".join([section.title, *map(_line, section.entries)]) for section in SECTIONS]
    blocks.append(
        "`leadgen COMMAND --help` shows the commands of a group, or a command's options and examples.\n"
        "`leadgen --version` prints the version."
    )
    return "\n\n".join(blocks)


def group_page(group: Group) -> str:
    """A group's commands."""
    return "\n\n".join(
        [
            f"usage: leadgen {group.name} COMMAND …",
            f"{group.help}.",
            "\n".join(["commands:", *map(_line, group.commands)]),
            f"`leadgen {group.name} COMMAND --help` shows a command's options and examples.",
        ]
    )


def _line(entry: Group | Command) -> str:
    return f"{_INDENT}{entry.name:<{_NAMES}}{entry.help}"


def parser(words: Sequence[str], command: Command) -> argparse.ArgumentParser:
    """The command's parser, which also makes its help page; ``words`` are those that name it. Imports its module."""
    made = argparse.ArgumentParser(prog=" ".join(["leadgen", *words]), formatter_class=_CommandPage)
    module, function = command.place.split(":")
    getattr(import_module(module), function)(made)
    return made


class _CommandPage(argparse.HelpFormatter):
    """As wide as tables are; paragraphs stay apart, and indented lines stand as they are written."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=_NAMES_OF_OPTIONS, width=room())

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """What argparse calls for the description and what follows the options."""
        return "\n\n".join(self._paragraph(paragraph, width) for paragraph in text.split("\n\n"))

    def _paragraph(self, paragraph: str, width: int) -> str:
        return paragraph if f"\n{_INDENT}" in paragraph else textwrap.fill(paragraph, width)


def unknown(word: str, group: Group | None) -> str:
    """The message for a word that names no command."""
    where = "leadgen" if group is None else f"leadgen {group.name}"
    similar = _similar(word, group)
    lines = [f"leadgen: there is no command '{where} {word}'."]
    if similar:
        lines.append(f"Similar: {', '.join(f'`leadgen {words}`' for words in similar)}.")
    return "\n".join([*lines, f"`{where} --help` lists the commands."])


def _similar(word: str, group: Group | None) -> list[str]:
    from difflib import get_close_matches

    named: dict[str, list[str]] = {}
    for section in SECTIONS:
        for entry in section.entries:
            named.setdefault(entry.name, []).append(entry.name)
            for command in entry.commands if isinstance(entry, Group) else ():
                if group is None or entry.name == group.name:
                    named.setdefault(command.name, []).append(f"{entry.name} {command.name}")
    return [words for name in get_close_matches(word, named) for words in named[name]]
