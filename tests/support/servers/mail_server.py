"""An SMTP server that keeps to a script: for servers as they should not be."""

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

Step = Literal["greeting", "ehlo", "mail", "rcpt", "data", "message"]
HANG, DROP, DRIP = "hang", "drop", "drip"

ORDINARY: dict[Step, str] = {
    "greeting": "220 ready", "ehlo": "250 localhost", "mail": "250 ok", "rcpt": "250 ok", "data": "354 go on",
    "message": "250 taken",
}  # fmt: skip


@dataclass
class ScriptedMailServer:
    """Answers each step with its line; or sends nothing (HANG), a line that never ends (DRIP), or goodbye (DROP)."""

    script: dict[Step, str] = field(default_factory=dict)
    mails: list[bytes] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                wire, _ = self._listener.accept()
                with wire, contextlib.suppress(OSError):
                    self._converse(wire)

    def _converse(self, wire: socket.socket) -> None:
        lines = wire.makefile("rb")
        with lines:
            going_on = self._answer(wire, "greeting")
            while going_on and (line := lines.readline()):
                command = line[:4].decode().lower()
                if command == "data":
                    going_on = self._answer(wire, "data")
                    if self._reply("data").startswith("354"):
                        stuffed = iter(lines.readline, b".\r\n")
                        self.mails.append(b"".join(line.removeprefix(b".") for line in stuffed))
                        going_on = self._answer(wire, "message")
                elif command in ORDINARY:
                    going_on = self._answer(wire, command)
                elif command == "rset":
                    wire.sendall(b"250 ok\r\n")

    def _reply(self, step: Step) -> str:
        return self.script.get(step, ORDINARY[step])

    def _answer(self, wire: socket.socket, step: Step) -> bool:
        """Whether the conversation goes on."""
        line = self._reply(step)
        if line == DRIP:
            while not self.over.wait(0.01):
                wire.sendall(b"2")
        elif line == HANG:
            self.over.wait()
        elif line != DROP:
            wire.sendall(line.encode() + b"\r\n")
            return True
        return False
