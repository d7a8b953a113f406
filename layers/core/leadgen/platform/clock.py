"""The system clock: the only module that reads the time."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def seconds() -> float:
    """A clock for durations, in seconds from some fixed point."""
    return time.monotonic()
