"""The database: connections that are reused, and never more than there may be.

A Lambda environment serves one event at a time and keeps one connection; the embedded stack's threads share a few.
No session state, and server-side prepared statements only where a setting allows them: both pin a connection behind
RDS Proxy.
"""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from queue import Empty, LifoQueue
from threading import BoundedSemaphore
from typing import Any

import psycopg
from psycopg import Connection

from leadgen.platform import settings


def ping(conn: Connection[Any]) -> None:
    """One round trip."""
    conn.execute("SELECT 1")


_CONNECT_SECONDS = 5
_PREPARE_AFTER = 2  # executions of the same statement on a connection
_MOST_WAIT_SECONDS = 10


class DatabaseAway(Exception):
    """The database cannot be reached now; the request may be repeated."""


class Database:
    """Connections to one database, at most ``most`` at a time. Threads may share it."""

    def __init__(self, url: str, *, most: int = 1, prepare: bool = False) -> None:
        self._url = url
        self._prepare_threshold = _PREPARE_AFTER if prepare else None
        self._places = BoundedSemaphore(most)
        self._idle: LifoQueue[Connection[Any]] = LifoQueue()

    @contextmanager
    def connection(self) -> Iterator[Connection[Any]]:
        """A connection in autocommit: each statement is its own transaction.

        Raises DatabaseAway where none can be had, or the server goes away in the middle.
        """
        if not self._places.acquire(timeout=_MOST_WAIT_SECONDS):
            raise DatabaseAway("every connection is busy")
        try:
            conn = self._take()
            try:
                yield conn
            except psycopg.Error as error:
                # The server's detail quotes whole rows; what is raised from here may be logged.
                error.args = (error.diag.message_primary or type(error).__name__,)
                if isinstance(error, psycopg.OperationalError) and (conn.broken or conn.closed):
                    raise DatabaseAway("the database went away") from error
                raise
            finally:
                if conn.closed or conn.broken or conn.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                    conn.close()
                else:
                    self._idle.put(conn)
        finally:
            self._places.release()

    @contextmanager
    def transaction(self) -> Iterator[Connection[Any]]:
        """A connection within one transaction: committed at the end, rolled back on an exception."""
        with self.connection() as conn, conn.transaction():
            yield conn

    def close(self) -> None:
        """Close the idle connections."""
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    def _take(self) -> Connection[Any]:
        while True:
            try:
                conn = self._idle.get_nowait()
            except Empty:
                return self._open()
            if not _has_gone(conn):
                return conn
            conn.close()

    def _open(self) -> Connection[Any]:
        try:
            return psycopg.connect(
                self._url, autocommit=True, prepare_threshold=self._prepare_threshold, connect_timeout=_CONNECT_SECONDS
            )
        except psycopg.OperationalError as error:
            raise DatabaseAway("the database cannot be reached") from error


def _has_gone(conn: Connection[Any]) -> bool:
    # An idle connection receives nothing: when its socket is readable, the server has closed it.
    if conn.closed:
        return True
    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN)
    return bool(poll.poll(0))


@lru_cache(maxsize=8)
def _database(url: str, most: int, prepare: bool) -> Database:
    return Database(url, most=most, prepare=prepare)


def current() -> Database:
    """The database of this process's settings."""
    configured = settings.current()
    return _database(configured.database_url, configured.database_connections, configured.database_prepared_statements)
