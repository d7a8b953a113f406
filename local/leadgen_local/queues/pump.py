"""Hands messages to the functions as Lambda's event source mappings do: in batches, with visibility timeouts, partial
failures and dead letter queues, all as in the template.

A message is read and that is committed before the handler runs, so nothing is held across it. What succeeds is deleted;
what fails stays invisible until its visibility timeout and is then received again, `maxReceiveCount` times in all.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import psycopg

from leadgen_local.queues import pgmq
from leadgen_local.queues.pgmq import Connection
from leadgen_local.queues.sqs_events import MalformedAnswerError, Message, batch_event, failed_ids
from leadgen_local.template.reader import MAIN_WORKER, QueueMapping, Template

CHANNEL = "leadgen_queues"
Invoke = Callable[[dict[str, Any]], object]

_LOCK = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"
_MAIN_LOCK = "leadgen.pump"  # held by the main worker of every version
_ENVIRONMENTS_A_THREAD = 10  # one thread here for so many of Lambda's environments: few and full batches are cheaper
_WAITING_ENVIRONMENTS = 50  # a function that is given so many waits for others most of the time: threads cost it little
_WAITING_THREADS = 32
_POLL_SECONDS = 1.0  # delayed messages come due without a notification
_LISTEN_SECONDS = 0.25  # how soon a stop or a lost connection is noticed
_CONNECT_SECONDS = 10
_STABLE_SECONDS = 5.0
_FIRST_BACKOFF_SECONDS = 0.1
_LONGEST_BACKOFF_SECONDS = 2.0

_logger = logging.getLogger(__name__)


class PumpBusyError(Exception):
    """Another stack's worker works on this database, and does not end."""


def await_free(conn: Connection, workers: Iterable[str], seconds: float) -> None:
    """Wait until none of these workers has a pump on the database; raises PumpBusyError when one has after that time.

    `conn` is in autocommit.
    """
    deadline = time.monotonic() + seconds
    for worker in workers:
        while not _try_lock(conn, worker):
            if time.monotonic() >= deadline:
                raise PumpBusyError(
                    "Another stack works on this database. Stop it first, or name another in DATABASE_URL."
                )
            time.sleep(_LISTEN_SECONDS)
        conn.execute(_UNLOCK, (_lock_name(worker),))


def _try_lock(conn: Connection, worker: str) -> bool:
    row = conn.execute(_LOCK, (_lock_name(worker),)).fetchone()
    return row is not None and bool(row[0])


def _lock_name(worker: str) -> str:
    return _MAIN_LOCK if worker == MAIN_WORKER else f"{_MAIN_LOCK} of {worker}"


def _threads(mapping: QueueMapping) -> int:
    if mapping.max_concurrency >= _WAITING_ENVIRONMENTS:
        return _WAITING_THREADS
    return -(-mapping.max_concurrency // _ENVIRONMENTS_A_THREAD)


class _Doorbell:
    """Wakes one waiting consumer of a queue; a ring without one waiting is kept. Closed, it wakes all."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rung = False
        self._closed = False

    def open(self) -> None:
        with self._condition:
            self._closed = False

    def close(self) -> None:
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def ring(self) -> None:
        with self._condition:
            self._rung = True
            self._condition.notify()

    def let_gather(self, seconds: float) -> None:
        """Wait whether it is rung or not, unless it is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed, seconds)
            self._rung = False

    def wait(self, seconds: float) -> None:
        with self._condition:
            self._condition.wait_for(lambda: self._rung or self._closed, seconds)
            self._rung = False


class Pump:
    """The consumers of every queue that the template maps to a function. `handlers` are called by function name.

    `worker` is the worker process that the mappings of the template belong to: each has a pump, and only one.
    """

    def __init__(
        self, template: Template, database_url: str, handlers: Mapping[str, Invoke], *, worker: str = MAIN_WORKER
    ) -> None:
        self.listening = threading.Event()  # set while messages are being consumed
        self._template = template
        self._url = database_url
        self._handlers = handlers
        self._worker = worker
        self._bells = {mapping.queue.name: _Doorbell() for mapping in template.mappings}

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop` is set, whatever becomes of the database meanwhile.

        Only one pump of a worker's name works on a database: another waits here until the first is gone.
        """
        failures = 0
        while not stop.is_set():
            began = time.monotonic()
            try:
                self._session(stop)
            except psycopg.Error as error:
                failures = 1 if time.monotonic() - began > _STABLE_SECONDS else failures + 1
                _logger.warning("The database is away, trying again: %s", error)
                stop.wait(min(_FIRST_BACKOFF_SECONDS * 2 ** (failures - 1), _LONGEST_BACKOFF_SECONDS))
            finally:
                self.listening.clear()

    def drain(self) -> int:
        """Work in this thread until no message is visible any more, those it brings about included. For tests.

        Returns how many messages were handed out. Takes no notice of another pump.
        """
        total = 0
        with self._connect() as conn:
            while count := sum(self._work(conn, mapping, 0) for mapping in self._template.mappings):
                total += count
        return total

    def _connect(self) -> Connection:
        return psycopg.connect(self._url, autocommit=True, connect_timeout=_CONNECT_SECONDS)

    def _session(self, stop: threading.Event) -> None:
        """Everything that ends when the database is lost: the lock, the consumers, the notifications."""
        with self._connect() as conn:
            if not self._lock(conn, stop):
                return
            conn.execute(f"LISTEN {CHANNEL}")
            count = pgmq.show_again(conn, (mapping.queue for mapping in self._template.mappings))
            if count:
                _logger.info("%d messages were being worked on when the last pump ended; they are visible again", count)
            over = threading.Event()
            errors: list[psycopg.Error] = []
            consumers = self._start_consumers(over, errors)
            self.listening.set()
            try:
                while not stop.is_set() and not over.is_set():
                    for notification in conn.notifies(timeout=_LISTEN_SECONDS):
                        self._wake(notification.payload)
            finally:
                over.set()
                for bell in self._bells.values():
                    bell.close()
                for consumer in consumers:
                    consumer.join()
        if errors:
            raise errors[0]

    def _lock(self, conn: Connection, stop: threading.Event) -> bool:
        waiting = False
        while not stop.is_set():
            if _try_lock(conn, self._worker):
                return True
            if not waiting:
                _logger.info("Another pump works on this database; waiting until it ends")
                waiting = True
            stop.wait(_LISTEN_SECONDS)
        return False

    def _wake(self, topic: str) -> None:
        for subscription in self._template.subscriptions:
            if subscription.takes(topic) and subscription.queue in self._bells:
                self._bells[subscription.queue].ring()

    def _start_consumers(self, over: threading.Event, errors: list[psycopg.Error]) -> list[threading.Thread]:
        consumers = [
            threading.Thread(
                target=self._consume, args=(mapping, over, errors), name=f"{mapping.queue.name}-{number}", daemon=True
            )
            for mapping in self._template.mappings
            for number in range(_threads(mapping))
        ]
        for bell in self._bells.values():
            bell.open()
        for consumer in consumers:
            consumer.start()
        return consumers

    def _consume(self, mapping: QueueMapping, over: threading.Event, errors: list[psycopg.Error]) -> None:
        bell = self._bells[mapping.queue.name]
        try:
            with self._connect() as conn:
                while not over.is_set():
                    worked = self._work(conn, mapping, mapping.batching_window_seconds)
                    if worked < mapping.batch_size:  # what came meanwhile has rung the bell
                        bell.wait(_POLL_SECONDS)
        except psycopg.Error as error:
            errors.append(error)
        finally:
            over.set()

    def _work(self, conn: Connection, mapping: QueueMapping, window_seconds: float) -> int:
        """Read one batch and hand it to the function. Returns how many messages were read."""
        messages = self._read(conn, mapping, window_seconds)
        limit = mapping.queue.max_receive_count
        exhausted = [message.id for message in messages if limit is not None and message.receive_count > limit]
        if exhausted:
            pgmq.bury(conn, mapping.queue, exhausted)
            _logger.error(
                "%s: messages %s failed %s times; moved to %s",
                mapping.queue.name,
                exhausted,
                limit,
                mapping.queue.dead_letter_queue,
            )
        batch = [message for message in messages if message.id not in exhausted]
        if batch:
            failed = self._invoke(mapping, batch)
            done = [message.id for message in batch if message.id not in failed]
            if done:
                pgmq.delete(conn, mapping.queue, done)
        return len(messages)

    def _read(self, conn: Connection, mapping: QueueMapping, window_seconds: float) -> list[Message]:
        messages = pgmq.read(conn, mapping.queue, mapping.batch_size)
        bell = self._bells[mapping.queue.name]
        room = mapping.batch_size - len(messages)
        if messages and room and window_seconds:
            bell.let_gather(window_seconds)
            messages += pgmq.read(conn, mapping.queue, room)
        if len(messages) == mapping.batch_size:
            bell.ring()  # there may be more than one consumer can take
        return messages

    def _invoke(self, mapping: QueueMapping, batch: list[Message]) -> set[int]:
        """Call the function; returns the messages that failed."""
        try:
            answer = self._handlers[mapping.function](batch_event(mapping, batch))
            failed = failed_ids(mapping, batch, answer)
        except MalformedAnswerError as error:
            _logger.warning("%s: %s", mapping.queue.name, error)
        except Exception:
            _logger.exception("%s: %s failed for the whole batch", mapping.queue.name, mapping.function)
        else:
            return failed
        return {message.id for message in batch}
