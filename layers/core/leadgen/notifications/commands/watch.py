"""Watching what becomes of notices that other processes send."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from psycopg import Connection

from leadgen.notifications.store import notices
from leadgen.notifications.store.notices import NoticeSummary
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


def for_answers(conn: Connection[Any], notice_ids: Sequence[str], *, seconds: float) -> list[NoticeSummary]:
    """Wait until each notice was tried once, for so long at most; their state then."""
    patience = Patience("Waiting for the functions to send it")

    def is_over() -> bool:
        patience.waits()
        return all(_is_answered(summary) for summary in notices.summaries(conn, notice_ids))

    try:
        until(is_over, seconds=seconds)
    finally:
        patience.is_over()
    return notices.summaries(conn, notice_ids)


def _is_answered(summary: NoticeSummary) -> bool:
    return summary.status != "pending" or summary.last_outcome is not None


def outcome(summary: NoticeSummary) -> str:
    """The outcome of a notice, in words."""
    if summary.status == "succeeded":
        return "succeeded"
    if summary.status == "given_up":
        return f"given up: {summary.error}"
    if summary.last_outcome is None:
        return "waits: no function has sent it yet"
    again = f", again at {summary.next_attempt_at:%H:%M:%S %Z}" if summary.next_attempt_at else ""
    return f"{summary.last_outcome}: {summary.error}{again}"
