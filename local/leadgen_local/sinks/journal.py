"""A list of JSON objects that survives the death of its process: every entry is a line appended to a file."""

import json
import os
import threading
from pathlib import Path
from typing import Any


class Journal:
    """The entries of one file, oldest first. Safe to use from several threads of one process."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._entries = [entry for line in path.read_bytes().splitlines() if (entry := _parse(line)) is not None]

    def append(self, entry: dict[str, Any]) -> None:
        """Add an entry; it is in the file when this returns."""
        line = json.dumps(entry).encode() + b"\n"
        with self._lock:
            os.write(self._file, line)
            self._entries.append(entry)

    def entries(self) -> list[dict[str, Any]]:
        """A copy of the list."""
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            os.ftruncate(self._file, 0)
            self._entries.clear()


def _parse(line: bytes) -> dict[str, Any] | None:
    """The entry of a line; None for one that was cut short when the process was killed."""
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return entry
