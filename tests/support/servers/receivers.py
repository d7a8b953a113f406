"""Receivers on 127.0.0.1 that do with a call whatever a test has them do."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

Behavior = Callable[["Peer"], None]


class Peer:
    """The caller, as its receiver sees it."""

    def __init__(self, connection: socket.socket, over: threading.Event) -> None:
        self.socket = connection
        self._over = over

    def read(self) -> bytes:
        """The whole request."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._some()
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        while len(body) < int(lengths[0]):
            body += self._some()
        return head + b"\r\n\r\n" + body

    def _some(self) -> bytes:
        data = self.socket.recv(65_536)
        if not data:
            raise ConnectionAbortedError
        return data

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.socket.sendall(data)

    def for_ever(self, data: bytes) -> None:
        """Send it again and again until the caller hangs up, as fast as it goes."""
        while not self._over.is_set():
            self.socket.sendall(data)

    def drip(self, data: bytes) -> None:
        """Send it again and again, twenty times a second."""
        while not self._over.wait(0.05):
            self.socket.sendall(data)

    def sip(self) -> None:
        """Read a little at a time, twenty times a second: there is always some room again."""
        while not self._over.wait(0.05):
            self.socket.recv(65_536)

    def hang(self) -> None:
        """Do nothing until the test is over."""
        self._over.wait()

    def reset(self, after: float = 0) -> None:
        """Close with a reset, not with an end: what the caller has not read by then may be lost."""
        self._over.wait(after)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Receiver:
    """Meets every caller with the behavior; ``callers`` counts them. With ``tls`` it shakes hands first."""

    def __init__(self, behavior: Behavior, tls: ssl.SSLContext | None = None, *, buffer: int | None = None) -> None:
        self.callers = 0
        self._behavior = behavior
        self._tls = tls
        self._over = threading.Event()
        self._listener = socket.socket()
        if buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self._threads = [threading.Thread(target=self._listen)]

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def origin(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the one who accepts
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()
        self._listener.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.callers += 1
                self._threads.append(threading.Thread(target=self._meet, args=(connection,)))
                self._threads[-1].start()

    def _meet(self, connection: socket.socket) -> None:
        connection.settimeout(20)
        with suppress(OSError), connection:  # the caller may hang up at any time
            if self._tls is None:
                self._behavior(Peer(connection, self._over))
            else:
                with self._tls.wrap_socket(connection, server_side=True) as secure:
                    self._behavior(Peer(secure, self._over))
