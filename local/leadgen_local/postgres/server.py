"""Runs a PostgreSQL server of our own on 127.0.0.1, as a child that neither outlives nor harms anything.

Who may start it is decided by two locks beside the data directory, never by a pid alone: `<name>.lock` is held by the
supervising process, `<name>.server` is inherited by the server and all its backends. Both are given back by the kernel,
so after any kind of death the next start knows that nothing of the former server lives.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg import pq

from leadgen_local.postgres import binaries
from leadgen_local.postgres import database as postgres_database
from leadgen_local.postgres.cluster import SUPERUSER, Cluster
from leadgen_local.supervision import locks, processes, sockets
from leadgen_local.supervision.launch import launch_command

DATABASE = "leadgen"

_START_SECONDS = 60.0
_POLL_SECONDS = 0.02
_STOP_STEPS = ((signal.SIGINT, 2.5), (signal.SIGQUIT, 1.0), (signal.SIGKILL, 0.5))  # fast, immediate, by force
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}  # a killed server still loses nothing


class PostgresError(Exception):
    """The server cannot be started; the message says why and what to do."""


class Postgres:
    """A server on `data_dir`, which is made on the first start together with the database `leadgen`.

    `port` 0 takes a free one and keeps it for later starts as long as it is free. `durable=False` trades the data's
    survival of a power cut for speed: for tests. `more` are further settings of the server. Start it from a thread
    that lives as long as the server shall live.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 0,
        durable: bool = True,
        log_file: Path | None = None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self._fixed_port = port
        self._durable = durable
        self._more = dict(more or {})
        self._log_file = log_file or self._beside(".log")
        self._binaries = binaries.locate()
        self._cluster = Cluster(self.data_dir, self._binaries)
        self._process: subprocess.Popen[bytes] | None = None
        self._ownership: int | None = None
        self._port: int | None = None
        self._log_start = 0

    @property
    def name(self) -> str:
        return "postgres"

    @property
    def version(self) -> str:
        """The server's version, such as 18.6."""
        return self._binaries.version

    @property
    def pid(self) -> int:
        """The server's process id; raises PostgresError before the first start."""
        if self._process is None:
            raise PostgresError("The server is not started.")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the server process lives."""
        return self._process is not None and self._process.poll() is None

    def ending(self) -> str:
        """How the server process ended, in words."""
        assert self._process is not None
        return processes.ending(self._process)

    def url(self, database: str = DATABASE) -> str:
        """The address of one of its databases, password included."""
        if self._port is None:
            raise PostgresError("The server is not started.")
        return f"postgresql://{SUPERUSER}:{self._cluster.password()}@127.0.0.1:{self._port}/{database}"

    def start(self) -> None:
        """Start the server and return when it answers; also the way to start it again after it died.

        Raises PostgresError when another process owns the data directory or the server does not answer within a
        minute, and ClusterError when the data directory cannot be used.
        """
        if self._process is not None and self._survives(self._process):
            return
        deadline = time.monotonic() + _START_SECONDS
        self._own()
        try:
            lease = self._await_former_server(deadline)
            try:
                self._cluster.prepare(durable=self._durable)
                self._launch(lease)
            finally:
                os.close(lease)
            self._await_answer(deadline)
            postgres_database.create_if_missing(self.url())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server, by force when it does not end within seconds, and give the data directory free."""
        if self._process is not None:
            processes.stop([self._process], _STOP_STEPS)
        if self._ownership is not None:
            os.close(self._ownership)
            self._ownership = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _beside(self, suffix: str) -> Path:
        return self.data_dir.with_name(self.data_dir.name + suffix)

    def _own(self) -> None:
        if self._ownership is not None:
            return
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        lock = self._beside(".lock")
        self._ownership = locks.wait_for_lock(lock, locks.DYING_SECONDS)
        if self._ownership is None:
            owner = lock.read_text().strip() or "unknown"
            raise PostgresError(f"{self.data_dir} is in use by another process (pid {owner}). Stop that one first.")
        os.ftruncate(self._ownership, 0)
        os.pwrite(self._ownership, str(os.getpid()).encode(), 0)

    def _await_former_server(self, deadline: float) -> int:
        """Return the server lock, to be inherited by the new server, once no process of a former one is left."""
        lock = self._beside(".server")
        lease = locks.try_lock(lock)
        if lease is not None and (stranger := self._live_server()):
            os.close(lease)
            raise PostgresError(
                f"A PostgreSQL that was not started here (pid {stranger}) runs on {self.data_dir}. Stop that one first."
            )
        while lease is None:
            if time.monotonic() >= deadline:
                raise PostgresError(f"The former server on {self.data_dir} does not end.")
            if (orphan := self._live_server()) is not None:  # its supervisor was killed: end the server too
                processes.send(orphan, signal.SIGINT)
            lease = locks.wait_for_lock(lock, 1.0)
        # Nothing lives on this data: the process that the file names is another program, or gone. PostgreSQL would
        # refuse to start because of it; its own check of the shared memory stays in force.
        (self.data_dir / "postmaster.pid").unlink(missing_ok=True)
        return lease

    def _live_server(self) -> int | None:
        try:
            first_line = (self.data_dir / "postmaster.pid").read_text().partition("\n")[0]
        except FileNotFoundError:
            return None
        if not first_line.strip().isdecimal():
            return None
        pid = int(first_line)
        return pid if f"/postgres -D {self.data_dir} " in processes.command_line(pid) + " " else None

    def _launch(self, lease: int) -> None:
        if self._port is None:
            self._port = self._choose_port()
        settings = {**_SETTINGS, "port": str(self._port), **({} if self._durable else _NOT_DURABLE)}
        settings |= self._more
        program = [str(self._binaries.postgres), "-D", str(self.data_dir)]
        for name, value in settings.items():
            program += ["-c", f"{name}={value}"]
        with self._log_file.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                launch_command(program, signal.SIGINT, self._cluster.identity()),
                cwd="/",
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lease,),
                start_new_session=True,  # Ctrl-C in the terminal is for the supervisor, which stops us last
            )

    def _choose_port(self) -> int:
        if not self._fixed_port:
            return sockets.keep_port(self._beside(".port"))
        if not sockets.is_free(self._fixed_port):
            raise PostgresError(f"Port {self._fixed_port} on 127.0.0.1 is taken by another program.")
        return self._fixed_port

    def _await_answer(self, deadline: float) -> None:
        """Wait until the server takes connections; it may first have a crash to recover from."""
        while self._ping() is not pq.Ping.OK:
            if not self.running:
                raise PostgresError(f"PostgreSQL ended while starting. Its log:\n{self._log_tail()}")
            if time.monotonic() >= deadline:
                raise PostgresError(
                    f"PostgreSQL does not answer after {_START_SECONDS:.0f} s. Its log:\n{self._log_tail()}"
                )
            time.sleep(_POLL_SECONDS)

    def _survives(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether the server lives. One that was killed a moment ago still looks alive, but does not answer."""
        if process.poll() is None and self._ping() is pq.Ping.NO_RESPONSE:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(locks.DYING_SECONDS)
        return process.poll() is None

    def _ping(self) -> pq.Ping:
        return pq.Ping(pq.PGconn.ping(f"{self.url('postgres')}?connect_timeout=2".encode()))

    def _log_tail(self) -> str:
        with self._log_file.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace").strip()


def _environment() -> Mapping[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
