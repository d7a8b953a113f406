"""The trace of a decision: each rule or buyer with its value, its limit and its verdict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter
from typing_extensions import TypeAliasType

# Named, for pydantic to follow it round.
Json = TypeAliasType("Json", "bool | int | str | Sequence[Json] | Mapping[str, Json] | None")
T = TypeVar("T")


@dataclass(frozen=True)
class Check:
    """One rule held against one lead or buyer."""

    rule: str
    value: Json
    limit: Json
    passed: bool


def plain(value: object) -> Json:
    """A decision's inputs or trace as JSON: the same value always gives the same text.

    Decimals and instants become text, sets become sorted lists; anything else that is not JSON is a TypeError.
    """
    # Most of what there is comes first: a decision's record is made for every lead.
    fields = getattr(type(value), "__dataclass_fields__", None)
    if fields is not None:
        return {name: plain(getattr(value, name)) for name in fields}
    match value:
        case None | bool() | int() | str():
            return value
        case Decimal():
            return str(value)
        case datetime():
            return value.astimezone(UTC).isoformat()
        case frozenset() | set():
            return sorted(str(item) for item in value)
        case tuple() | list():
            return [plain(item) for item in value]
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case BaseModel():
            return plain(value.model_dump(mode="json", exclude_unset=True))
        case _:
            raise TypeError(f"{type(value).__name__} has no place in a decision's record")


def read(kind: type[T], value: Json) -> T:
    """A decision's inputs, as ``plain`` made JSON of them, in their type again. Raises ValidationError."""
    reader: TypeAdapter[T] = _reader(kind)
    return reader.validate_python(value)


_reader: Callable[[Any], TypeAdapter[Any]] = lru_cache(maxsize=16)(TypeAdapter)


def limited(items: Sequence[str], most: int = 20) -> Json:
    """A long allow-list in a trace: its first entries and how many there are."""
    return list(items) if len(items) <= most else {"first": list(items[:most]), "count": len(items)}
