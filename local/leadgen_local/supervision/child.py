"""One child process of the stack: started with its log and its inherited descriptors, awaited, stopped."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from leadgen_local.supervision import processes
from leadgen_local.supervision.launch import launch_command
from leadgen_local.supervision.readiness import DESCRIPTOR_VARIABLE

_READY_SECONDS = 30.0
_TAIL_BYTES = 4000


class ChildError(Exception):
    """A child ended, or took too long, before it was ready; the message has the end of its log."""


@dataclass
class Child:
    """A module of this package run as a process; `descriptors` are inherited by it."""

    name: str
    module: str
    log_file: Path
    environment: Mapping[str, str]
    arguments: Sequence[str] = ()
    descriptors: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _ready: int = field(default=-1, init=False)

    def start(self) -> None:
        """Start the process; from a thread that lives as long as the process shall."""
        if self._ready != -1:
            os.close(self._ready)
        self._ready, ready_writer = os.pipe()
        program = [sys.executable, "-P", "-m", self.module, *self.arguments]
        try:
            with self.log_file.open("ab") as log:
                self.process = subprocess.Popen(
                    launch_command(program, signal.SIGTERM),
                    env={**self.environment, DESCRIPTOR_VARIABLE: str(ready_writer), "PYTHONUNBUFFERED": "1"},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(*self.descriptors, ready_writer),
                    start_new_session=True,  # Ctrl-C in the terminal is for the parent, which stops us in turn
                )
        finally:
            os.close(ready_writer)

    def await_ready(self) -> None:
        """Wait until the process is ready; raises ChildError when it ends first or takes more than half a minute."""
        readable, _, _ = select.select([self._ready], [], [], _READY_SECONDS)
        line = os.read(self._ready, 16) if readable else b""
        if not line:
            why = "ended" if readable else f"was not ready after {_READY_SECONDS:.0f} s"
            raise ChildError(f"The {self.name} {why}. The end of {self.log_file}:\n{self._tail()}")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ending(self) -> str:
        """How the process ended, in words."""
        assert self.process is not None
        return processes.ending(self.process)

    def _tail(self) -> str:
        with self.log_file.open("rb") as log:
            log.seek(max(0, self.log_file.stat().st_size - _TAIL_BYTES))
            return log.read().decode(errors="replace").strip()
