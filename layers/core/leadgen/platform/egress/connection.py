"""A TCP/TLS connection whose connect, handshake, reads and writes share one deadline.

No step depends on the pace of the other side: the time left is asked anew before each read and each write, and TLS is
run over buffers of our own (as asyncio does), since a read of the library's own goes on for as long as records come.
"""

import io
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar

from leadgen.platform import clock
from leadgen.platform.egress.public_addresses import Address

if TYPE_CHECKING:
    from typing_extensions import Buffer

T = TypeVar("T")

_PART = 16 * 1024  # one record of TLS


class Wire:
    """A connection to an address; ``connect_seconds`` is how much of the time may go before there is one."""

    def __init__(self, address: Address, port: int, deadline: float, connect_seconds: float) -> None:
        self._deadline = deadline
        self._tls: ssl.SSLObject | None = None
        self._connection = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6)
        try:
            self._connection.settimeout(connect_seconds)
            self._connection.connect((str(address), port))
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *unused: object) -> None:
        self._connection.close()

    def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Shake hands; the certificate must name ``host``, whatever the address. Raises OSError (ssl.SSLError)."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._turn(self._tls.do_handshake)

    def send(self, data: bytes | memoryview) -> None:
        """Hand all of it to the system, or raise OSError: then the other side cannot have all of it."""
        rest = memoryview(data)
        while rest:
            part, rest = rest[:_PART], rest[_PART:]
            if self._tls is None:
                self._write(part)
            else:
                self._turn(partial(self._tls.write, part))

    def receive(self, most: int) -> bytes:
        """What has come, at least a byte; nothing at the end. A secure end is one that the other side has signed."""
        if self._tls is None:
            return self._read(most)
        return self._turn(partial(self._tls.read, most))

    def _turn(self, step: Callable[[], T]) -> T:
        """Take a step of TLS, moving bytes to and fro for as long as it needs some."""
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._write(self._outgoing.read())
                if data := self._read(_PART):
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            else:
                self._write(self._outgoing.read())
                return result

    def _write(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        while rest:
            self._connection.settimeout(remaining(self._deadline))
            rest = rest[self._connection.send(rest) :]

    def _read(self, most: int) -> bytes:
        self._connection.settimeout(remaining(self._deadline))
        return self._connection.recv(most)


def remaining(deadline: float) -> float:
    """The seconds left, more than none. Raises TimeoutError."""
    left = deadline - clock.seconds()
    if left <= 0:
        raise TimeoutError
    return left


class Incoming(io.RawIOBase):
    """What comes over a wire, as a file that refuses more than it is allowed to give."""

    def __init__(self, wire: Wire, allowance: int) -> None:
        self._wire = wire
        self._allowance = allowance
        self._may_end = False

    def may_end(self, *, allowance: int) -> None:
        """From now on an end is no fault, and so much more may come."""
        self._allowance, self._may_end = allowance, True

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "Buffer") -> int:
        """Fill the buffer's beginning. Raises OSError, also for too much and for an early end."""
        if self._allowance <= 0:
            raise TooMuch
        view = memoryview(buffer)
        data = self._wire.receive(min(len(view), self._allowance))
        if not data and not self._may_end:
            raise ConnectionAbortedError
        self._allowance -= len(data)
        view[: len(data)] = data
        return len(data)


class TooMuch(OSError):
    """The other side sends more than is read."""
