"""Calls the egress client from a process of its own for each call: what came of it, and how much memory it took.

One JSON object a line comes in and one goes out. The process that reads them stays single and warm and forks for each
call; Linux counts the peak of the fork alone.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from leadgen.platform.egress import http_client

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Called:
    """What came of a call. ``grown`` is by how many KiB the process's peak of memory rose."""

    outcome: str
    cause: str
    status: int
    headers: dict[str, str]
    body: str
    complete: bool
    seconds: float
    grown: int


class Caller:
    """The process that calls. ``warm`` are origins of honest receivers: what a call loads is loaded by then."""

    def __init__(self, environ: Mapping[str, str], warm: list[str]) -> None:
        path = os.pathsep.join(str(ROOT / part) for part in (".", "layers/core"))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.support.processes.egress_caller", *warm],
            env={**environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *unused: object) -> None:
        self._process.communicate(timeout=20)

    def call(self, origin: str, *, seconds: float, body_bytes: int = 2) -> Called:
        """POST to the origin, which is allowed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([origin, seconds, body_bytes]) + "\n")
        self._process.stdin.flush()
        return Called(**json.loads(self._process.stdout.readline()))


def _post(origin: str, seconds: float, body: bytes) -> http_client.Answer:
    return http_client.post(origin + "/hook", body, {}, timeout_seconds=seconds, allowed_origins=(origin,))


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def _call(origin: str, seconds: float, body_bytes: int, warm: list[str]) -> Called:
    body = bytes(bytearray(b"x") * body_bytes)
    for honest in warm:
        _post(honest, 10, b"{}")
        with suppress(http_client.EgressFailed):  # failing takes code too
            _post(honest.replace("https", "http"), 10, b"{}")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is what it is now
    before, began = _peak(), time.monotonic()
    outcome, cause, answer = "Answer", "", http_client.Answer(0, {}, b"", complete=False)
    try:
        answer = _post(origin, seconds, body)
    except Exception as failure:  # noqa: BLE001 - a test says which it is to be
        outcome, cause = type(failure).__name__, str(failure)
    took = time.monotonic() - began
    text = answer.body.decode("latin-1")
    return Called(outcome, cause, answer.status, dict(answer.headers), text, answer.complete, took, _peak() - before)


def main() -> None:
    """Answer each line of the standard input from a fork."""
    warm = sys.argv[1:]
    for origin in warm:
        _post(origin, 10, b"{}")
    for line in sys.stdin:
        origin, seconds, body_bytes = json.loads(line)
        if (child := os.fork()) == 0:
            print(json.dumps(asdict(_call(origin, seconds, body_bytes, warm))), flush=True)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
