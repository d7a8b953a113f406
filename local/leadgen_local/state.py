"""The state directory, which holds everything the stack keeps and belongs to one stack at a time."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from leadgen_local.supervision import locks

_FORMER_RUN_SECONDS = 15.0


class StateError(Exception):
    """The state directory cannot be used now; the message says why."""


class State:
    """A state directory, owned by one stack at a time."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.logs = self.directory / "logs"
        self.summary = self.directory / "stack.json"
        self._ownership: int | None = None
        self._children: int | None = None

    def own(self) -> None:
        """Take the directory, waiting for the processes of a killed stack to end; raises StateError."""
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"LEADGEN_STATE cannot be {self.directory}: {error.strerror}.") from error
        lock = self.directory / "stack.lock"
        self._ownership = locks.wait_for_lock(lock, locks.DYING_SECONDS)
        if self._ownership is None:
            owner = lock.read_text().strip() or "unknown"
            raise StateError(
                f"A stack is already running on {self.directory} (pid {owner}). "
                "Stop it first, or set LEADGEN_STATE to another directory (and LEADGEN_PORT to another port)."
            )
        os.ftruncate(self._ownership, 0)
        os.pwrite(self._ownership, str(os.getpid()).encode(), 0)
        self.remove_summary()
        self._children = locks.wait_for_lock(self.directory / "children.lock", _FORMER_RUN_SECONDS)
        if self._children is None:
            raise StateError(f"Processes of the last stack on {self.directory} are still running and do not end.")

    def release(self) -> None:
        """Give the directory free."""
        for descriptor in (self._children, self._ownership):
            if descriptor is not None:
                os.close(descriptor)
        self._children = self._ownership = None

    @property
    def children_lock(self) -> int:
        """A descriptor that every child inherits: the next stack waits until none of them is left."""
        assert self._children is not None
        return self._children

    def secret_key(self) -> str:
        """The generated SECRET_KEY, the same at every start."""
        file = self.directory / "secret_key"
        if not file.exists():
            _write_private(file, secrets.token_urlsafe(48) + "\n")
        return file.read_text().strip()

    def write_summary(self, summary: Mapping[str, object]) -> None:
        """Write stack.json, whole or not at all, readable by its owner only."""
        _write_private(self.summary, json.dumps(summary, indent=2) + "\n")

    def remove_summary(self) -> None:
        """Remove stack.json, unless the directory is another stack's."""
        if self._ownership is not None:
            self.summary.unlink(missing_ok=True)


def _write_private(file: Path, text: str) -> None:
    draft = file.with_name(f".{file.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
    draft.replace(file)
