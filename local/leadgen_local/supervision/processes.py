"""Reads a process's command line, sends it signals, and stops the stack's own processes in steps."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path


def command_line(pid: int) -> str:
    """The command a live process was started with; empty for a dead one, a zombie or one of the kernel's."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except (FileNotFoundError, ProcessLookupError):
            return ""
    ps = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(ps, capture_output=True, text=True, check=False).stdout.strip()


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended meanwhile."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def stop(children: Sequence[subprocess.Popen[bytes]], steps: Iterable[tuple[signal.Signals, float]]) -> None:
    """Send one signal after the other, each with its seconds to work, until all of these children have ended."""
    for number, seconds in steps:
        deadline = time.monotonic() + seconds
        living = [child for child in children if child.poll() is None]
        for child in living:
            child.send_signal(number)
        for child in living:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline - time.monotonic()))


def ending(process: subprocess.Popen[bytes]) -> str:
    """How a process ended, in words."""
    status = process.returncode
    if status is not None and status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"
