"""Processes that die between two statements: their connection is gone, and nothing of theirs runs on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest


class Killed(BaseException):
    """What no handler of errors catches."""


@contextmanager
def killed_after(statement: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within it the process dies once that many statements are done, BEGIN and COMMIT among them."""
    done = 0

    def counting(execute: Callable[..., Any], connection_of: Callable[[Any], Any]) -> Callable[..., Any]:
        def executing(self: Any, *args: Any, **options: Any) -> Any:
            nonlocal done
            result = execute(self, *args, **options)
            if hasattr(result, "send"):  # a command of the connection: its steps are still to be made
                return yielding(result, connection_of(self))
            die_in_time(connection_of(self))
            return result

        def yielding(steps: Any, connection: Any) -> Any:
            result = yield from steps
            die_in_time(connection)
            return result

        def die_in_time(connection: Any) -> None:
            nonlocal done
            done += 1
            if done == statement:
                connection.pgconn.finish()
                raise Killed

        return executing

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Cursor, "execute", counting(psycopg.Cursor.execute, lambda cursor: cursor.connection))
        patched.setattr(
            psycopg.Connection, "_exec_command", counting(psycopg.Connection._exec_command, lambda conn: conn)
        )
        yield
