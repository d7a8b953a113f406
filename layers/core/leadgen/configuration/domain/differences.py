"""Lists the differences between two states of one object, field by field, for a person to read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from typing import Any

_MOST_SHOWN = 12


@dataclass(frozen=True)
class Difference:
    """A field, by its path, and how it changed."""

    field: str
    change: str

    def __str__(self) -> str:
        return f"{self.field}: {self.change}"


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Every field that is not as before, in the later state's order; where only that is not as before, the section."""
    return tuple(_between("", before, after)) or tuple(_reordered("", before, after))


def contents(state: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Every field of something new that is not empty."""
    return tuple(_contents("", state))


def _contents(path: str, value: Any) -> Iterator[Difference]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _contents(f"{path}.{key}" if path else str(key), item)
    elif value is not None and value != []:
        yield Difference(path, _shown(value))


def _between(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*after, *before]):
            yield from _between(f"{path}.{key}" if path else str(key), before.get(key), after.get(key))
    elif _is_list(before) and _is_list(after):
        yield from _between_lists(path, before, after)
    else:
        yield Difference(path, f"{_shown(before)} → {_shown(after)}")


def _reordered(path: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    if list(before) != list(after):
        yield Difference(path, "in another order")
    for key, item in after.items():
        if isinstance(item, Mapping):
            yield from _reordered(f"{path}.{key}" if path else str(key), before[key], item)


def _between_lists(path: str, before: Sequence[Any], after: Sequence[Any]) -> Iterator[Difference]:
    if any(isinstance(item, Mapping) for item in (*before, *after)):
        for position, (was, becomes) in enumerate(zip_longest(before, after)):
            yield from _between(f"{path}[{position}]", was, becomes)
        return
    old, new = ({_shown(item) for item in items} for items in (before, after))
    added = [item for item in after if _shown(item) not in old]
    removed = [item for item in before if _shown(item) not in new]
    if added or removed:
        yield Difference(path, " ".join([*_listed("+", added), *_listed("−", removed)]))
    else:
        yield Difference(path, f"{_shown(before)} → {_shown(after)}")


def _listed(sign: str, items: Sequence[Any]) -> Iterator[str]:
    for item in items[:_MOST_SHOWN]:
        yield f"{sign}{_shown(item)}"
    if len(items) > _MOST_SHOWN:
        yield f"({sign}{len(items) - _MOST_SHOWN} more)"


def _shown(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str() | int() | Decimal():
            return str(value)
        case Mapping():
            return "{" + ", ".join(f"{key}: {_shown(item)}" for key, item in value.items()) + "}"
        case _ if _is_list(value):
            return "[" + ", ".join(map(_shown, value[:_MOST_SHOWN])) + (", …]" if len(value) > _MOST_SHOWN else "]")
        case _:
            return str(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
