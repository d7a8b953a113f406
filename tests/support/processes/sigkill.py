"""``kill -9`` for the workers of a stage."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.servers.buyer_endpoint import BuyerEndpoint

ROOT = Path(__file__).parents[3]


class Workers:
    """Workers of a stage that die on demand."""

    def __init__(self, stage: str) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.support.processes.killed_worker", stage],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (ROOT / "layers/core", ROOT / "local", ROOT)))},
        )  # fmt: skip

    def kill(self, point: str, about: int | str, endpoint: BuyerEndpoint) -> None:
        """Let a worker take the message about this lead or notice and die at the point."""
        endpoint.arrived.clear()
        if point == "during_call":
            endpoint.gate.clear()
        self._write_line(f"{point} {about}")
        worker = int(self._answer())
        if point == "during_call":
            assert endpoint.arrived.wait(20)
            os.kill(worker, signal.SIGKILL)
            endpoint.gate.set()
        assert int(self._answer()) == signal.SIGKILL

    def end(self) -> None:
        """Let no more of them begin."""
        self._parent.communicate()

    def _write_line(self, line: str) -> None:
        assert self._parent.stdin is not None
        self._parent.stdin.write(line + "\n")
        self._parent.stdin.flush()

    def _answer(self) -> str:
        assert self._parent.stdout is not None
        return self._parent.stdout.readline()
