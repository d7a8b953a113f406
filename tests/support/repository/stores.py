"""The literal SQL of every capability's store, and the tables that it writes."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
CORE = ROOT / "layers/core/leadgen"

# These are no capabilities: words, the outside world, the command line and what its commands share.
GROUND = {"kernel", "platform", "terminal", "cli"}
CAPABILITIES = sorted(path.parent.name for path in CORE.glob("*/__init__.py") if path.parent.name not in GROUND)

_WRITES = re.compile(
    r"\b(?:INSERT\s+INTO|UPDATE(?!\s+SET\b)|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE(?:\s+TABLE)?|COPY)\s+(?:ONLY\s+)?"
    r"(?:public\.)?(\w+)",
)
_LOCKS = re.compile(r"\bFOR\s+(?:NO\s+KEY\s+)?UPDATE\b|\bDO\s+UPDATE\b")


@cache
def tables() -> tuple[str, ...]:
    """Every table of the recorded schema."""
    return tuple(re.findall(r"^CREATE TABLE (?:public\.)?(\w+)", (ROOT / "sql/schema.sql").read_text(), re.MULTILINE))


def store_files(capability: str) -> list[Path]:
    """The modules of a capability's store: one file, or a folder of them."""
    return [path for path in sorted((CORE / capability).rglob("*.py")) if is_of_store(path.relative_to(CORE))]


def is_of_store(path: Path) -> bool:
    """Whether a module, by its path below leadgen/, belongs to a capability's store."""
    return len(path.parts) > 1 and path.parts[1] in ("store", "store.py")


@cache
def written_tables(capability: str) -> frozenset[str]:
    """The tables that a capability's statements insert into, update, delete from, merge or copy into."""
    found = {table for path in store_files(capability) for table in written(path.read_text())}
    return frozenset(found & set(tables()))


def written(source: str) -> Iterator[str]:
    """What the string literals of a source write to, SQL's words in capitals."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _WRITES.findall(_LOCKS.sub("", node.value))
