"""Keeps processes running: one that ended is started again, and ever more slowly when it ends at once each time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

_STABLE_SECONDS = 10.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0


class Watched(Protocol):
    """A process that can be looked after: the database server, or a child that runs a module of ours."""

    @property
    def name(self) -> str: ...

    @property
    def pid(self) -> int: ...

    @property
    def running(self) -> bool: ...

    def ending(self) -> str:
        """How it ended, in words."""

    def start(self) -> None: ...


class Supervisor:
    """Looks after several processes, those named first before the others.

    `failures` are the exceptions by which a start may fail without that being a bug: it is tried again later.
    """

    def __init__(
        self, watched: Sequence[Watched], failures: tuple[type[Exception], ...], print_line: Callable[[str], None]
    ) -> None:
        self._watched = [(process, _Restarts()) for process in watched]
        self._failures = failures
        self._print_line = print_line

    def check(self) -> bool:
        """Start again what has ended and is not held back; True when that changed a process."""
        changed = [self._check(process, restarts) for process, restarts in self._watched]
        return any(changed)

    def _check(self, process: Watched, restarts: "_Restarts") -> bool:
        now = time.monotonic()
        if process.running:
            return False
        if not restarts.due:
            restarts.plan(now)
            pause = restarts.due - now
            when = f"; starting it again in {pause:.1f} s" if pause else "; starting it again"
            self._print_line(f"{process.name} (pid {process.pid}) {process.ending()}{when}")
        if now < restarts.due:
            return False
        restarts.begin(now)
        try:
            process.start()
        except self._failures as error:
            self._print_line(f"{process.name} could not be started: {error}")
            return False
        self._print_line(f"{process.name} started again (pid {process.pid})")
        return True


@dataclass
class _Restarts:
    """When a dead process may be started again (`due`, 0 while it lives), and what led to that."""

    due: float = 0.0
    _begun: float = float("-inf")
    _in_a_row: int = 0

    def plan(self, now: float) -> None:
        """At once, unless it was started a moment ago: then later each time."""
        self._in_a_row = self._in_a_row + 1 if now - self._begun < _STABLE_SECONDS else 0
        pause = _FIRST_PAUSE_SECONDS * 2 ** (self._in_a_row - 1) if self._in_a_row else 0.0
        self.due = now + min(pause, _LONGEST_PAUSE_SECONDS)

    def begin(self, now: float) -> None:
        self.due = 0.0
        self._begun = now
