"""Watching what becomes of notices that other processes send."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from psycopg import Connection

from leadgen.notifications.store import notices
from leadgen.notifications.store.notices import Fate
from leadgen.platform import clock
from leadgen.terminal.progress import Patience

_EVERY_SECONDS = 0.2


def until(is_over: Callable[[], bool], *, seconds: float) -> bool:
    """Check again and again, for so long at most; whether it came to be."""
    began = clock.seconds()
    while not is_over():
        if clock.seconds() - began >= seconds:
            return False
        time.sleep(_EVERY_SECONDS)
    return True


def for_answers(conn: Connection[Any], notice_ids: Sequence[str], *, seconds: float) -> list[Fate]:
    """Wait until each notice was tried once, for so long at most; their state then."""
    patience = Patience("Waiting for the functions to send it")

    def is_over() -> bool:
        patience.waits()
        return all(_is_answered(fate) for fate in notices.fates(conn, notice_ids))

    try:
        until(is_over, seconds=seconds)
    finally:
        patience.is_over()
    return notices.fates(conn, notice_ids)


def _is_answered(fate: Fate) -> bool:
    return fate.status != "pending" or fate.last_outcome is not None


def outcome(fate: Fate) -> str:
    """The outcome of a notice, in words."""
    if fate.status == "succeeded":
        return "succeeded"
    if fate.status == "given_up":
        return f"given up: {fate.error}"
    if fate.last_outcome is None:
        return "waits: no function has sent it yet"
    again = f", again at {fate.next_attempt_at:%H:%M:%S %Z}" if fate.next_attempt_at else ""
    return f"{fate.last_outcome}: {fate.error}{again}"
