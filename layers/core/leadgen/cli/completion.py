"""``leadgen completion``: a script for the shell, which gets candidates from ``leadgen __complete`` at each TAB."""

import argparse
from collections.abc import Iterable, Sequence

from leadgen.cli import groups, pages
from leadgen.cli.groups import SECTIONS, Command, Group
from leadgen.terminal.command import DONE, describe

_BASH = r"""_leadgen() {
    local IFS=$'\n'
    COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1)" \
        -- "${COMP_WORDS[COMP_CWORD]#=}"))
}
complete -o default -F _leadgen leadgen
"""
_ZSH = r"""#compdef leadgen
_leadgen() {
    local -a found
    local line
    while IFS= read -r line; do
        [[ -n $line ]] && found+=("${line/$'\t'/:}")
    done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    if (( ${#found} )); then _describe command found; else _files; fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
compdef _leadgen leadgen
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH}


def completion_command(parser: argparse.ArgumentParser) -> None:
    """Print a completion script."""
    describe(
        parser,
        "Print a script that completes commands, options and their values. Load it in ~/.bashrc or ~/.zshrc.",
        examples=["source <(leadgen completion bash)", "source <(leadgen completion zsh)"],
        notes=[],
    )
    parser.add_argument("shell", choices=tuple(_SCRIPTS), help="the shell")
    parser.set_defaults(run=_script)


def _script(options: argparse.Namespace) -> int:
    print(_SCRIPTS[options.shell], end="")
    return DONE


def candidates(typed: Sequence[str]) -> list[str]:
    """What the last of the typed words may become: each a name, and where there is one a tab and its help. Empty where
    anything may stand, such as a file's name.
    """
    # Bash hands --format=pdf over as three words, and --format= as two.
    *before, last = [word for word in typed if word != "="] + ([""] if not typed or typed[-1] == "=" else [])
    entry = groups.entry(before[0]) if before else None
    if not before:
        found = [_named(one) for section in SECTIONS for one in section.entries]
    elif isinstance(entry, Group) and len(before) == 1:
        found = [_named(command) for command in entry.commands]
    else:
        found = list(_of_command(entry, before, last))
    return [line for line in found if line.startswith(last)]


def _named(entry: Group | Command) -> str:
    return f"{entry.name}\t{entry.help}"


def _of_command(entry: Group | Command | None, before: Sequence[str], last: str) -> Iterable[str]:
    named = before[:2] if isinstance(entry, Group) else before[:1]
    command = entry.command(before[1]) if isinstance(entry, Group) else entry
    if command is None:
        return ()
    # argparse has no public list of a parser's arguments.
    actions = pages.parser(named, command)._actions
    given = before[len(named) :]
    options = {name: action for action in actions for name in action.option_strings}
    if given and (option := options.get(given[-1])) is not None and option.nargs != 0:
        return map(str, option.choices or ())
    if last.startswith("-"):
        return (f"{action.option_strings[-1]}\t{action.help}" for action in actions if action.option_strings)
    return (str(choice) for action in actions if not action.option_strings for choice in action.choices or ())
