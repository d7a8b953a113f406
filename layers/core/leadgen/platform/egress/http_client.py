"""The HTTP client of every call that leaves the system.

The host is resolved once, every address of it is checked, and the connection goes to one that was checked. No
redirects, no proxies, no user info, no decompression; a deadline over the whole call and a cap on what is read.

A failure's class is what may be done next: after NotSent the call may be made to somebody else; after NoAnswer it is
unknown whether the other side has acted on it.
"""

import http.client
import re
import socket
import ssl
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from functools import lru_cache
from io import BufferedReader
from typing import cast

from leadgen.platform import clock
from leadgen.platform.egress import dns, public_addresses, urls
from leadgen.platform.egress.connection import Incoming, TooMuch, Wire, remaining
from leadgen.platform.egress.public_addresses import Address
from leadgen.platform.egress.urls import Target

LONGEST_ANSWER = 16 * 1024
HTTPS_ONLY = (443,)

# Status line, headers and every interim answer before them.
_LONGEST_HEAD = 32 * 1024
# On the wire a body in chunks is longer than its content.
_AS_LONG_ON_THE_WIRE = 8
_MOST_ADDRESSES = 4

# Whatever else a caller may hold of a lead or of a secret, it is not sent along.
_MAY_LEAVE = frozenset(
    {
        "accept", "content-type", "user-agent", "x-leadgen-event", "x-leadgen-delivery-id", "x-webhook-signature",
        "webhook-id", "webhook-timestamp", "webhook-signature", "idempotency-key", "stripe-version",
    }
)  # fmt: skip
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
_KEPT_OF_ANSWER = ("content-type", "retry-after")
_LONGEST_HEADER = 256


class EgressFailed(Exception):
    """The call brought no answer; the message is a short cause without the URL and without personal data."""


class NotSent(EgressFailed):
    """The other side cannot have the whole request: refused, not found, not connected, or broken off while sending."""


class NoAnswer(EgressFailed):
    """The whole request went out, and no status with all its headers came back in time."""


@dataclass(frozen=True)
class Answer:
    """The status, the headers that mean something to us (in lower case), and the body's beginning: 16 KiB by
    default, or the limit that was given.

    ``complete``: the body's end was seen within that limit and in time.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool


def check(url: str, *, allowed_origins: Collection[str] = (), allowed_ports: Collection[int] = HTTPS_ONLY) -> None:
    """Raise NotSent for what is wrong with the URL itself; its name is resolved only when it is called."""
    _target(url, allowed_origins, allowed_ports)


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    timeout_seconds: float,
    allowed_origins: Collection[str] = (),
    allowed_ports: Collection[int] = HTTPS_ONLY,
    authorization: str | None = None,
    longest_answer: int = LONGEST_ANSWER,
) -> Answer:
    """POST and wait at most ``timeout_seconds`` for the answer. Raises NotSent or NoAnswer when none came.

    ``allowed_origins`` (``http://127.0.0.1:9000``) are let through although they are private or not https.
    ``authorization`` is for a provider's own API: no buyer is sent one. Raises ValueError for a header that may not
    leave.
    """
    deadline = clock.seconds() + timeout_seconds
    target = _target(url, allowed_origins, allowed_ports)
    head = _head("POST", target, headers, authorization, len(body))
    return _exchange(target, head, body, deadline, longest_answer)


def get(
    url: str,
    headers: Mapping[str, str],
    *,
    timeout_seconds: float,
    allowed_origins: Collection[str] = (),
    allowed_ports: Collection[int] = HTTPS_ONLY,
    authorization: str | None = None,
    longest_answer: int = LONGEST_ANSWER,
) -> Answer:
    """GET, as ``post`` posts."""
    deadline = clock.seconds() + timeout_seconds
    target = _target(url, allowed_origins, allowed_ports)
    return _exchange(target, _head("GET", target, headers, authorization, None), b"", deadline, longest_answer)


def _exchange(target: Target, head: bytes, body: bytes, deadline: float, longest_answer: int) -> Answer:
    try:
        wire = _connect(target, _resolve(target, deadline), deadline)
    except OSError as error:
        raise NotSent(_cause(error)) from error
    with wire:
        try:
            if target.scheme == "https":
                wire.secure(_tls(), target.host)
            # In one piece as far as it goes: a receiver that reads once has all of it.
            wire.send(head + body[:LONGEST_ANSWER])
            wire.send(memoryview(body)[LONGEST_ANSWER:])
        except OSError as error:
            raise NotSent(_cause(error)) from error
        try:
            return _read(wire, longest_answer)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NoAnswer(_cause(error)) from error


def _target(url: str, allowed_origins: Collection[str], allowed_ports: Collection[int]) -> Target:
    try:
        return urls.read(url, allowed_origins=allowed_origins, allowed_ports=allowed_ports)
    except urls.UrlRefused as refusal:
        raise NotSent(str(refusal)) from None


def _head(
    method: str, target: Target, headers: Mapping[str, str], authorization: str | None, length: int | None
) -> bytes:
    for name in headers:
        if name.lower() not in _MAY_LEAVE:
            raise ValueError(f"the header {name} is not one that leaves")
    own = {
        "Host": target.authority,
        "Connection": "close",
        "Accept-Encoding": "identity",
        **({} if length is None else {"Content-Length": str(length)}),
    }
    sent = own | dict(headers) | ({"Authorization": authorization} if authorization is not None else {})
    for name, value in sent.items():
        if not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"the header {name} holds a character that no header has")
    lines = [f"{method} {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _resolve(target: Target, deadline: float) -> list[Address]:
    """Where to connect to: what the operator trusts, or the addresses of which every one is public."""
    if target.address is not None:
        return [target.address]  # checked with the URL
    if target.trusted:
        return _resolve_trusted(target, deadline)
    try:
        found = dns.addresses_of(target.host, seconds=remaining(deadline))
    except dns.Unresolved as error:
        raise NotSent(str(error)) from None
    if not all(public_addresses.is_public(address) for address in found):
        raise NotSent("the host is not a public address")
    return found


def _resolve_trusted(target: Target, deadline: float) -> list[Address]:
    """By the system's own resolver, which has the names of this network too."""
    lookup = _resolvers().submit(socket.getaddrinfo, target.host, target.port, 0, socket.SOCK_STREAM)
    try:
        found = lookup.result(timeout=remaining(deadline))
    except FutureTimeout:
        raise NotSent("the host name took too long to resolve") from None
    except OSError:
        raise NotSent("the host name does not resolve") from None
    return [address for entry in found if (address := public_addresses.read(str(entry[4][0]))) is not None]


def _connect(target: Target, found: list[Address], deadline: float) -> Wire:
    """To the first address that takes the connection, each given its share of the time. Raises OSError."""
    candidates = found[:_MOST_ADDRESSES]
    failure: OSError = ConnectionRefusedError()
    for left, address in zip(range(len(candidates), 0, -1), candidates, strict=True):
        try:
            return Wire(address, target.port, deadline, connect_seconds=remaining(deadline) / left)
        except OSError as error:
            failure = error
    raise failure


class _Response(http.client.HTTPResponse):
    """Skips every interim answer; the library's own skips 100 and takes 103 for the last word."""

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]  # private: not typed
        return version, http.client.CONTINUE if 100 <= status < 200 else status, reason


class _Lines(BufferedReader):
    """A head as the library may have it. Its parser takes seconds over a Content-Type that is made for that, and no
    deadline ends it: of this header only the beginning goes in, also where it goes on in lines below.
    """

    _length = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        """The next line, without those that make a header too long."""
        line = super().readline(size)
        while line[:1] in (b" ", b"\t"):
            self._length += len(line)
            if self._length <= _LONGEST_HEADER:
                return line
            line = super().readline(size)
        self._length = len(line)
        if self._length > _LONGEST_HEADER and line[:13].lower() == b"content-type:":
            return line[:_LONGEST_HEADER] + b"\r\n"
        return line


class _Readable:
    """As much of a socket as HTTPResponse uses."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming

    def makefile(self, mode: str) -> BufferedReader:
        return _Lines(self._incoming)


def _read(wire: Wire, longest: int) -> Answer:
    """Raises OSError, HTTPException or ValueError where the head does not come whole."""
    incoming = Incoming(wire, _LONGEST_HEAD)
    response = _Response(cast("socket.socket", _Readable(incoming)), method="POST")
    response.begin()
    incoming.may_end(allowance=_AS_LONG_ON_THE_WIRE * longest)
    body, complete = _body(response, longest)
    kept = {
        name: " ".join(value.split())[:_LONGEST_HEADER] for name in _KEPT_OF_ANSWER if (value := response.headers[name])
    }
    return Answer(response.status, kept, body, complete)


def _body(response: http.client.HTTPResponse, longest: int) -> tuple[bytes, bool]:
    """The beginning of the body, and whether it is the whole. A body that is long, late or broken off fails nothing."""
    body = bytearray()
    try:
        # One more than is kept: there may be nothing after what is kept.
        while len(body) <= longest:
            part = response.read1(longest + 1 - len(body))
            if not part:
                return bytes(body), not response.length  # else it announced more
            body += part
    except (OSError, http.client.HTTPException, ValueError):
        pass  # the status is enough
    return bytes(body[:longest]), False


def _cause(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "timeout"
        case ConnectionRefusedError():
            return "connection refused"
        case ssl.SSLCertVerificationError():
            return "the TLS certificate is not valid for the host"
        case http.client.HTTPException() | ConnectionError() | ssl.SSLEOFError():
            return "no HTTP answer"
        case ssl.SSLError():
            return "TLS failed"
        case TooMuch():
            return "the answer's head is too long"
        case _:
            return type(error).__name__


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


@lru_cache(maxsize=1)
def _resolvers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=16, thread_name_prefix="resolve")
