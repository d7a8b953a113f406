"""The supervising parent: starts the database, the sinks, the gateway and the workers, and keeps them running.

The order matters. What can be wrong is found before anything runs (another stack, a taken port); the database comes
first and goes last; the summary file is there exactly while everything works.
"""

import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import psycopg

from leadgen.access import adapters as tokens
from leadgen.platform import settings
from leadgen.platform.migrations import MigrationFailed, migrate
from leadgen_local import environment, paths
from leadgen_local.postgres import database
from leadgen_local.postgres.binaries import BinariesError
from leadgen_local.postgres.cluster import ClusterError
from leadgen_local.postgres.server import Postgres, PostgresError
from leadgen_local.queues import pump, topology
from leadgen_local.state import State, StateError
from leadgen_local.supervision import processes, sockets
from leadgen_local.supervision.child import Child, ChildError
from leadgen_local.supervision.supervisor import Supervisor, Watched
from leadgen_local.template import reader

FAILURES = (
    BinariesError,
    ChildError,
    ClusterError,
    MigrationFailed,
    PostgresError,
    StateError,
    pump.PumpBusyError,
    database.DatabaseError,
    environment.ChoiceError,
    psycopg.Error,
    settings.SettingsInvalid,
    sockets.PortTakenError,
    reader.TemplateError,
)
"""What can keep a stack from starting; each message names the remedy."""

_POLL_SECONDS = 0.1
_FORMER_WORKER_SECONDS = 10.0  # a killed one's session may outlive it a little
_TOKEN_LIFETIME = timedelta(days=30)
_STOP_WORKING = ((signal.SIGTERM, 4.0), (signal.SIGKILL, 0.5))
_STOP_SINKS = ((signal.SIGTERM, 1.0), (signal.SIGKILL, 0.5))


class Stack:
    """One embedded stack. Start, supervise and stop it from the main thread: its children die with their thread."""

    def __init__(
        self, environ: Mapping[str, str], print_line: Callable[[str], None], template_file: Path = paths.TEMPLATE
    ) -> None:
        self._template_file = template_file.absolute()
        self._environ = environ
        self._print_line = print_line
        self._choices = environment.Choices.read(environ)
        self._listeners: list[socket.socket] = []
        self._postgres: Postgres | None = None
        self._children: dict[str, Child] = {}
        self._workers: tuple[str, ...] = ()
        self._secret_key = ""
        self.state = State(self._choices.state)
        self.api_url = ""
        self.sink_url = ""
        self.database_url = ""
        self.environment: Mapping[str, str] = {}

    @property
    def has_own_database(self) -> bool:
        """Whether the database is the embedded one, not one that DATABASE_URL names."""
        return self._choices.database_url is None

    def start(self) -> None:
        """Bring everything up and return when it works; raises one of FAILURES. Stop it in either case."""
        began = time.monotonic()
        self.state.own()
        described = reader.load(self._template_file)
        self._workers = described.workers()
        gateway, sink, smtp = self._listen()
        self._start_database()
        self._prepare_database(described)
        self._start_children(gateway, sink, smtp)
        self._write_summary()
        self._print_line(f"Ready after {time.monotonic() - began:.1f} s.")

    def supervise(self, until: Event) -> None:
        """Start again whatever ends, until the event is set."""
        supervisor = Supervisor(self._watched(), FAILURES, self._print_line)
        while not until.wait(_POLL_SECONDS):
            if supervisor.check():
                self._write_summary()

    def stop(self) -> None:
        """Stop everything, within ten seconds: first what takes leads in and works on them, last the database."""
        self.state.remove_summary()
        for listener in self._listeners:
            listener.close()
        self._stop_children(("gateway", *self._workers), _STOP_WORKING)
        self._stop_children(("sinks",), _STOP_SINKS)
        if self._postgres is not None:
            self._postgres.stop()
        self.state.release()

    def _listen(self) -> list[socket.socket]:
        """Open the ports: the API's as chosen, the sinks' as at the last start, since buyers' addresses name them."""
        try:
            self._listeners.append(sockets.listen(self._choices.port))
        except sockets.PortTakenError as error:
            raise sockets.PortTakenError(f"{error} Set LEADGEN_PORT to another one (0 takes any free one).") from error
        for name in ("sink", "smtp"):
            self._listeners.append(sockets.listen(sockets.keep_port(self.state.directory / f"{name}.port")))
        self.api_url, self.sink_url = (sockets.url(listener) for listener in self._listeners[:2])
        return self._listeners

    def _start_database(self) -> None:
        began = time.monotonic()
        if self._choices.database_url is not None:
            self.database_url = self._choices.database_url
            database.create_if_missing(self.database_url)
            self._print_line("database  the one that DATABASE_URL names")
            return
        self._postgres = Postgres(self.state.directory / "postgres", log_file=self.state.logs / "postgres.log")
        self._postgres.start()
        self.database_url = self._postgres.url()
        self._print_line(f"database  PostgreSQL {self._postgres.version}, after {time.monotonic() - began:.1f} s")

    def _prepare_database(self, described: reader.Template) -> None:
        migrations = Path(self._environ.get("MIGRATIONS_DIR") or paths.MIGRATIONS)
        with psycopg.connect(self.database_url, autocommit=True) as conn:
            # First: a schema that changes under another stack at work would break it.
            pump.await_free(conn, self._workers, _FORMER_WORKER_SECONDS)
            applied = migrate(conn, migrations)
            topology.prepare(conn, described)
        self._print_line(f"schema    {len(applied)} migrations applied" if applied else "schema    up to date")
        self._print_line(f"queues    {', '.join(mapping.queue.name for mapping in described.mappings)}")

    def _start_children(self, gateway: socket.socket, sink: socket.socket, smtp: socket.socket) -> None:
        self._secret_key = self._choices.secret_key or self.state.secret_key()
        self.environment = environment.of_children(
            self._environ,
            database_url=self.database_url,
            secret_key=self._secret_key,
            api_url=self.api_url,
            sink_url=self.sink_url,
            smtp_port=smtp.getsockname()[1],
        )
        settings.load(self.environment)  # every problem is raised here, not at the first request
        self._children = {
            "sinks": self._child("sinks", "sinks.server", [sink, smtp], str(self.state.directory)),
            "gateway": self._child("gateway", "gateway.server", [gateway], str(self._template_file)),
            **{name: self._child(name, "worker", [], str(self._template_file), name) for name in self._workers},
        }
        for child in self._children.values():
            child.start()
        for child in self._children.values():
            child.await_ready()
        self._print_line(f"gateway   {self.api_url}")
        self._print_line(f"workers   {', '.join(self._workers)}")
        self._print_line(
            f"sinks     fake buyer at {self.sink_url}, mail at {self.sink_url}/mail, SMS at {self.sink_url}/sms"
        )
        self._print_line(f"          fake payment provider at {self.sink_url}/stripe")

    def _child(self, name: str, module: str, listeners: Sequence[socket.socket], *arguments: str) -> Child:
        descriptors = [listener.fileno() for listener in listeners]
        return Child(
            name=name,
            module=f"leadgen_local.{module}",
            log_file=self.state.logs / f"{name}.log",
            environment=self.environment,
            arguments=[*map(str, descriptors), *arguments],
            descriptors=[*descriptors, self.state.children_lock],
        )

    def _stop_children(self, names: Sequence[str], steps: Sequence[tuple[signal.Signals, float]]) -> None:
        running = [child.process for name in names if (child := self._children.get(name)) and child.process]
        processes.stop(running, steps)

    def _watched(self) -> list[Watched]:
        return [*([self._postgres] if self._postgres else []), *self._children.values()]

    def _write_summary(self) -> None:
        pids = {"stack": os.getpid(), **{name: child.pid for name, child in self._children.items()}}
        if self._postgres is not None:
            pids["postgres"] = self._postgres.pid
        token = tokens.issue(
            self._secret_key, subject="embedded-stack", role="operator", now=datetime.now(UTC), lifetime=_TOKEN_LIFETIME
        )
        self.state.write_summary(
            {
                "api_url": self.api_url,
                "public_url": self.environment["PUBLIC_URL"],
                "database_url": self.database_url,
                "operator_token": token,
                "sink_url": self.sink_url,
                "stripe_url": f"{self.sink_url}/stripe",
                "pids": pids,
            }
        )
