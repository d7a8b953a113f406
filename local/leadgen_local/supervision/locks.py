"""File locks that the kernel gives back when their holder dies, however it dies.

A lock belongs to the open file, so a child that inherits the descriptor holds it too: a lock handed to every process
of a run is free again exactly when the last of them is gone.
"""

import fcntl
import os
import time
from pathlib import Path

DYING_SECONDS = 1.0
"""How long a process that was killed may still seem to live, and hold its locks."""

_POLL_SECONDS = 0.02


def try_lock(path: Path) -> int | None:
    """Take the lock on `path` and return its file descriptor, or None when another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def wait_for_lock(path: Path, seconds: float) -> int | None:
    """Take the lock on `path`, waiting up to `seconds` for it; None when it is still held then."""
    deadline = time.monotonic() + seconds
    while (descriptor := try_lock(path)) is None:
        if time.monotonic() >= deadline:
            return None
        time.sleep(_POLL_SECONDS)
    return descriptor
