"""Lambda's Runtime API on loopback, and a process of AWS's own runtime client working for it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from types import TracebackType
from typing import Any, Self

_REQUEST_ID = "3f0c8a52-0000-4000-8000-000000000001"
_FUNCTION_ARN = "arn:aws:lambda:us-east-1:000000000000:function:leadgen"
_FAR_AWAY_MS = "4102444800000"


@dataclass(frozen=True)
class Answered:
    """The handler returned; ``value`` is what it returned, as JSON."""

    value: Any


@dataclass(frozen=True)
class Failed:
    """The handler, or the import of its module, raised."""

    error_type: str
    message: str


@dataclass(frozen=True)
class Died:
    """The process ended without an answer."""

    status: int
    output: str


Outcome = Answered | Failed | Died


class Runtime:
    """One function's process. As a context manager it is started and, at the end, stopped."""

    def __init__(self, folder: Path, layer: Path, environment: Mapping[str, str], log: Path) -> None:
        self._folder = folder
        self._environment = {"PYTHONPATH": str(layer), **environment}
        self._log = log
        self._events: Queue[bytes | None] = Queue()
        self._outcomes: Queue[Outcome] = Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._request_handler())

    def __enter__(self) -> Self:
        self._serving = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._serving.start()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "awslambdaric", "handler.handler"],
                cwd=self._folder,
                env=self._environment | self._lambda_environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._watching = threading.Thread(target=self._watch)
        self._watching.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._watching.join()
        self._events.put(None)
        self._server.shutdown()
        self._serving.join()
        self._server.server_close()

    def invoke(self, event: Mapping[str, Any]) -> Outcome:
        """Hand the event to the function and wait for what becomes of it."""
        self._events.put(json.dumps(event).encode())
        return self._outcomes.get(timeout=60)

    def start(self) -> Outcome:
        """Wait for what becomes of a function that never asks for an event."""
        return self._outcomes.get(timeout=60)

    def _lambda_environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "leadgen",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_REGION": "us-east-1",
            "LAMBDA_TASK_ROOT": str(self._folder),
        }

    def _watch(self) -> None:
        status = self._process.wait()
        self._outcomes.put(Died(status, self._log.read_text(errors="replace")))

    def _request_handler(self) -> type[BaseHTTPRequestHandler]:
        runtime = self

        class RequestHandler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                event = runtime._events.get()
                if event is None:
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/json")  # the client crashes without it
                self.send_header("Lambda-Runtime-Aws-Request-Id", _REQUEST_ID)
                self.send_header("Lambda-Runtime-Deadline-Ms", _FAR_AWAY_MS)
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", _FUNCTION_ARN)
                self._finish(event)

            def do_POST(self) -> None:
                body = json.loads(self._body())
                if self.path.endswith("/response"):
                    runtime._outcomes.put(Answered(body))
                else:
                    runtime._outcomes.put(Failed(body["errorType"], body["errorMessage"]))
                self.send_response(202)
                self._finish(b"")

            def _body(self) -> bytes:
                return self.rfile.read(int(self.headers["Content-Length"]))

            def _finish(self, body: bytes) -> None:
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        return RequestHandler
