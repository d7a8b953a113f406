"""Listening sockets on 127.0.0.1. The parent opens them and its children inherit them, so a port outlives a child that
dies: what connects meanwhile waits for the next one.
"""

import contextlib
import socket
from pathlib import Path

_HOST = "127.0.0.1"
_BACKLOG = 1024


class PortTakenError(Exception):
    """Another program listens on the port."""


def listen(port: int) -> socket.socket:
    """Listen on a port, or on a free one when it is 0; raises PortTakenError."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise PortTakenError(f"Port {port} on {_HOST} is taken by another program: {error.strerror}.") from error
    return listener


def is_free(port: int) -> bool:
    """Whether a program could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True


def keep_port(file: Path) -> int:
    """The port that `file` holds if it is free, or another free one, which it then holds."""
    with contextlib.suppress(OSError, ValueError):  # not there yet, or cut short
        if is_free(kept := int(file.read_text())):
            return kept
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port = int(probe.getsockname()[1])
    file.write_text(f"{port}\n")
    return port


def url(listener: socket.socket) -> str:
    """The HTTP address of a listening socket."""
    host, port = listener.getsockname()
    return f"http://{host}:{port}"
