"""A receiver of events on this machine: it verifies what comes, and answers as configured."""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from leadgen.outbound.domain import verification
from leadgen.outbound.domain.verification import NotVerified
from leadgen.platform import clock

_LARGEST_BODY = 64 * 1024
_LENGTH = re.compile(r"[0-9]{1,9}")
_SECONDS = 10


@dataclass(frozen=True)
class Received:
    """One call. ``attempt`` counts those of the same id; ``fault`` is why it is not verified, None where it is."""

    event: str
    body: dict[str, object]
    attempt: int
    fault: str | None
    answered: int


@dataclass
class Answers:
    """What calls are answered: the first ``failing`` attempts of each event (None: every one) with ``status``, the
    others with 204. What does not verify is answered 401.
    """

    failing: int | None = 0
    status: int = 503
    _seen: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def attempt(self, message_id: str) -> int:
        """The number of this attempt."""
        with self._lock:
            self._seen[message_id] += 1
            return self._seen[message_id]

    def of(self, attempt: int) -> int:
        """The status that an attempt is answered."""
        return self.status if self.failing is None or attempt <= self.failing else 204


@contextmanager
def listening(
    port: int,
    secrets: Sequence[str],
    answers: Answers,
    on_call: Callable[[Received], None],
    *,
    answers_well: Callable[[str], bool],
) -> Iterator[int]:
    """Listen on 127.0.0.1 while the block runs; its port (another one for port 0). ``on_call`` is called with each call
    that comes, in a thread of its own; an id that ``answers_well`` accepts is answered 204 and not reported.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = _SECONDS

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not _LENGTH.fullmatch(length) or int(length) > _LARGEST_BODY:
                self._answer(413)
                return
            body = self.rfile.read(int(length))
            headers = {name.lower(): value for name, value in self.headers.items()}
            message_id = headers.get("webhook-id", "")
            if answers_well(message_id):
                self._answer(204)
                return
            received = _read(headers, body, secrets, answers)
            on_call(received)
            self._answer(received.answered)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
            """Calls are reported by ``on_call``."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _read(headers: dict[str, str], body: bytes, secrets: Sequence[str], answers: Answers) -> Received:
    fault = None
    try:
        verification.verify(headers, body, secrets, at=int(clock.now().timestamp()))
    except NotVerified as failure:
        fault = str(failure)
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):  # anybody on this machine may post anything
        fields = None
    attempt = answers.attempt(headers.get("webhook-id", ""))
    answered = answers.of(attempt) if fault is None else 401
    event = headers.get("x-leadgen-event", "?")
    return Received(event, fields if isinstance(fields, dict) else {}, attempt, fault, answered)
