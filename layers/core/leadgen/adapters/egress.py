"""The one client for every HTTP call that leaves.

The host is resolved once, every address of it is checked, and the connection goes to the address that was checked.
No redirects, no proxies, no user info; a deadline over the whole call and a cap on what is read.
"""

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from leadgen.adapters import clock

LONGEST_ANSWER = 16 * 1024

# What ``ipaddress`` calls global in some Python versions and no lead may be sent to.
_DENIED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "100.64.0.0/10", "168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15",
        "224.0.0.0/4", "240.0.0.0/4",
        "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23",
        "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip


class EgressFailed(Exception):
    """The call was not made, or brought no answer; the message is a short cause without the URL."""


class NotSent(EgressFailed):
    """The other side cannot have got the whole request."""


class NoAnswer(EgressFailed):
    """The whole request went out, and no answer came in time."""


@dataclass(frozen=True)
class Answer:
    """The status, and of the body what came in time: at most its first 16 KiB; ``complete`` where that is all of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, timeout_seconds: float, allowed_origins: tuple[str, ...] = ()
) -> Answer:
    """POST and wait at most ``timeout_seconds`` for the answer. Raises EgressFailed when none came.

    ``allowed_origins`` (``http://127.0.0.1:9000``) are let through although they are private or not https.
    """
    deadline = clock.seconds() + timeout_seconds
    target = _parse(url, allowed_origins)
    trusted = _origin(target) in allowed_origins
    address = _resolve(target, trusted, deadline)
    connection = _connect(target, address, deadline)
    # A socket's time-out begins anew with every byte; this ends a call that drips.
    watchdog = threading.Timer(max(0.0, deadline - clock.seconds()), connection.abort)
    watchdog.start()
    try:
        path = target.path or "/"
        connection.request("POST", f"{path}?{target.query}" if target.query else path, body, dict(headers))
        return _read(connection, deadline)
    except (OSError, http.client.HTTPException, ValueError) as error:
        late = clock.seconds() >= deadline
        raise NoAnswer("timeout" if late else _cause(error)) from error
    finally:
        watchdog.cancel()
        connection.close()


def _parse(url: str, allowed_origins: tuple[str, ...]) -> SplitResult:
    try:
        target = urlsplit(url)
        port = target.port
    except ValueError:
        raise NotSent("the URL does not parse") from None
    if any(character.isspace() or character in "\\\x00" or not character.isprintable() for character in url):
        raise NotSent("the URL holds a character that no URL has")
    if not target.hostname or target.username is not None or target.password is not None:
        raise NotSent("the URL has no host, or user info")
    if _origin(target) not in allowed_origins and (target.scheme != "https" or port not in (None, 443)):
        raise NotSent("only https on port 443 is called")
    return target


def _origin(target: SplitResult) -> str:
    return f"{target.scheme}://{target.netloc.lower()}"


def _resolve(target: SplitResult, trusted: bool, deadline: float) -> str:
    host = (target.hostname or "").rstrip(".")
    port = target.port or (443 if target.scheme == "https" else 80)
    lookup = _resolvers().submit(socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM)
    try:
        found = lookup.result(timeout=max(0.0, deadline - clock.seconds()))
    except FutureTimeout:
        raise NotSent("the host name took too long to resolve") from None
    except (OSError, UnicodeError):
        raise NotSent("the host name does not resolve") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not trusted and any(_is_denied(address) for address in addresses):
        raise NotSent("the host is not a public address")
    return addresses[0]


def _is_denied(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return not parsed.is_global or any(parsed in network for network in _DENIED if network.version == parsed.version)


class _Pinned(http.client.HTTPConnection):
    """Connects to the address that was checked, whatever the name says by now; certificate and Host go by the name."""

    def __init__(self, target: SplitResult, address: str, timeout: float, tls: ssl.SSLContext | None) -> None:
        self._address = address
        self._wire: socket.socket | None = None  # http.client lets go of its own once an answer says "close"
        self._tls = tls
        super().__init__(target.hostname or "", target.port or (443 if tls is not None else 80), timeout=timeout)
        self.default_port = 443 if tls is not None else 80

    def connect(self) -> None:
        self._wire = socket.create_connection((self._address, self.port), self.timeout)
        if self._tls is not None:
            self._wire = self._tls.wrap_socket(self._wire, server_hostname=self.host)
        self.sock = self._wire

    def abort(self) -> None:
        """End whatever the call is waiting for; safe from another thread."""
        if self._wire is not None:
            with contextlib.suppress(OSError):
                self._wire.shutdown(socket.SHUT_RDWR)

    def limit(self, seconds: float) -> None:
        """How long the next read may take."""
        if self._wire is not None:
            self._wire.settimeout(seconds)


def _connect(target: SplitResult, address: str, deadline: float) -> _Pinned:
    remaining = deadline - clock.seconds()
    if remaining <= 0:
        raise NotSent("timeout")
    return _Pinned(target, address, remaining, _tls() if target.scheme == "https" else None)


def _read(connection: _Pinned, deadline: float) -> Answer:
    _shorten(connection, deadline)
    response = connection.getresponse()
    _shorten(connection, deadline)  # headers that were cut off at the deadline look whole
    body = bytearray()
    # What was answered is the status: a body that is long, late or broken off says no less.
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        while len(body) < LONGEST_ANSWER:
            _shorten(connection, deadline)
            part = response.read1(LONGEST_ANSWER - len(body))
            if not part:
                break
            body += part
    return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, bytes(body), True)


def _shorten(connection: _Pinned, deadline: float) -> None:
    remaining = deadline - clock.seconds()
    if remaining <= 0:
        raise TimeoutError
    connection.limit(remaining)


def _cause(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "timeout"
        case ssl.SSLError():
            return "the TLS handshake failed"
        case ConnectionRefusedError():
            return "connection refused"
        case http.client.HTTPException() | ConnectionError():
            return "no HTTP answer"
        case _:
            return type(error).__name__


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


@lru_cache(maxsize=1)
def _resolvers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=16, thread_name_prefix="resolve")
