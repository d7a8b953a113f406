"""The embedded stack as an operator starts it: a process of its own, on free ports, with a state of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).parents[3]
START_SECONDS = 180.0  # of a busy machine


class RunningStack:
    """``python -m leadgen_local`` from start to stop, with or without the examples. Use it as a context manager."""

    def __init__(self, state: Path, environ: Mapping[str, str] | None = None, *, examples: bool = False) -> None:
        self.state = state
        self._examples = examples
        self._output = state.parent / "stack.out"
        self._environ = {**os.environ, "LEADGEN_STATE": str(state), "LEADGEN_PORT": "0", **(environ or {})}
        self._environ.pop("DATABASE_URL", None)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "RunningStack":
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "leadgen_local", *([] if self._examples else ["--no-examples"])],
                cwd=ROOT,
                env=self._environ | {"PYTHONPATH": f"{ROOT / 'layers/core'}:{ROOT / 'local'}"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.await_summary(lambda summary: True)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(15)

    @property
    def output(self) -> str:
        """What it has printed."""
        return self._output.read_text()

    @property
    def summary(self) -> dict[str, Any]:
        """``stack.json`` as it stands."""
        found: dict[str, Any] = json.loads((self.state / "stack.json").read_text())
        return found

    def await_summary(self, condition: Any) -> dict[str, Any]:
        """Wait until ``stack.json`` is there and as wanted."""
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if (self.state / "stack.json").exists() and condition(self.summary):
                return self.summary
            time.sleep(0.05)
        raise AssertionError(self._output.read_text())

    def kill(self, name: str) -> None:
        """``kill -9`` one of the stack's processes, and wait until the parent has started it again."""
        before = self.summary["pids"][name]
        os.kill(before, signal.SIGKILL)
        self.await_summary(lambda summary: summary["pids"].get(name, before) != before)

    def client(self) -> httpx2.Client:
        """An HTTP client of the gateway."""
        return httpx2.Client(base_url=self.summary["api_url"], timeout=30)
