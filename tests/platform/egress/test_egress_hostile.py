"""Receivers that mean harm: each call ends by its deadline, takes no memory, and says no more than is known."""

import gzip
import os
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from tests.support.processes.egress_caller import Called, Caller
from tests.support.servers.receivers import Behavior, Peer, Receiver

DEADLINE = 0.4  # of a call that would go on for ever
AMPLE = 20.0  # of one that ends by itself, however busy the machine
GRACE = 1.0
MOST_KIB = 8 * 1024
LONGEST_BODY = 16 * 1024
GIB = 1024**3

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is measured as Linux does")

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """The one the caller trusts."""
    return trustme.CA()


def server_context(authority: trustme.CA, *names: str, not_after: datetime | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=not_after).configure_cert(context)
    return context


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """A server's context whose certificate is good."""
    return server_context(authority, "127.0.0.1", "localhost")


def honest(peer: Peer) -> None:
    peer.read()
    peer.send(
        OK + b"Content-Type: application/json\r\nRetry-After: 7\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok"
    )


@pytest.fixture(scope="module")
def proxy() -> Iterator[Receiver]:
    """What the caller's environment names as its proxy."""
    with Receiver(honest) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def caller(
    authority: trustme.CA, tls: ssl.SSLContext, proxy: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Caller]:
    """Calls from a process of its own that trusts the authority."""
    trusted = tmp_path_factory.mktemp("authority") / "trusted.pem"
    authority.cert_pem.write_to_path(str(trusted))
    proxies = {f"{kind}_PROXY": proxy.origin for kind in ("HTTP", "HTTPS", "ALL")}
    proxies |= {name.lower(): value for name, value in proxies.items()}
    environ = {"PATH": os.environ["PATH"], "SSL_CERT_FILE": str(trusted), **proxies}
    with (
        Receiver(honest) as plain,
        Receiver(honest, tls) as secure,
        Caller(environ, [plain.origin, secure.origin]) as calling,
    ):
        yield calling


def call(
    caller: Caller,
    behavior: Behavior,
    context: ssl.SSLContext | None = None,
    *,
    seconds: float = AMPLE,
    body_bytes: int = 2,
) -> Called:
    """What comes of a call to such a receiver: always in time, and in little memory."""
    with Receiver(behavior, context, buffer=4096) as receiver:
        called = caller.call(receiver.origin, seconds=seconds, body_bytes=body_bytes)
    assert called.seconds <= seconds + GRACE
    assert called.grown <= MOST_KIB
    assert len(called.body) <= LONGEST_BODY
    return called


@pytest.fixture(params=["http", "https"])
def context(request: pytest.FixtureRequest, tls: ssl.SSLContext) -> ssl.SSLContext | None:
    """Each receiver is met in plain text and over TLS."""
    return tls if request.param == "https" else None


def test_an_honest_answer_is_read(caller: Caller, context: ssl.SSLContext | None, proxy: Receiver) -> None:
    called = call(caller, honest, context)
    assert (called.outcome, called.status, called.body, called.complete) == ("Answer", 200, "ok", True)
    assert called.headers == {"content-type": "application/json", "retry-after": "7"}
    assert proxy.callers == 0


# --- whether the request went out -------------------------------------------------------------------------------------


def resets_at_once(peer: Peer) -> None:
    peer.reset()


def closes_at_once(peer: Peer) -> None:
    peer.socket.close()


def reads_nothing(peer: Peer) -> None:
    peer.hang()


def resets_having_read_a_little(peer: Peer) -> None:
    peer.socket.recv(1)
    peer.reset()


def reads_slowly(peer: Peer) -> None:
    peer.sip()


@pytest.mark.parametrize("behavior", [reads_nothing, reads_slowly])
def test_a_request_that_cannot_be_sent_whole_is_not_sent(
    caller: Caller, context: ssl.SSLContext | None, behavior: Behavior
) -> None:
    called = call(caller, behavior, context, seconds=DEADLINE, body_bytes=16 * 1024 * 1024)
    assert (called.outcome, called.cause) == ("NotSent", "timeout")


def test_a_request_that_is_broken_off_is_not_sent(caller: Caller, context: ssl.SSLContext | None) -> None:
    called = call(caller, resets_having_read_a_little, context, body_bytes=16 * 1024 * 1024)
    assert (called.outcome, called.cause) == ("NotSent", "no HTTP answer")


@pytest.mark.parametrize("behavior", [resets_at_once, closes_at_once])
def test_a_connection_that_is_closed_at_once_brings_no_answer(
    caller: Caller, context: ssl.SSLContext | None, behavior: Behavior
) -> None:
    # It may be closed before the request is out, or while it waits to be read.
    called = call(caller, behavior, context)
    assert called.outcome in {"NotSent", "NoAnswer"}


# --- whether there was an answer --------------------------------------------------------------------------------------


def commits_then_hangs(peer: Peer) -> None:
    peer.read()
    peer.hang()


def commits_then_resets(peer: Peer) -> None:
    peer.read()
    peer.reset()


def commits_then_closes(peer: Peer) -> None:
    peer.read()


def answering(*parts: bytes, drip: bytes = b"", flood: bytes = b"", reset: bool = False) -> Behavior:
    """Read all, send the parts, then drip or flood for ever, or reset, or close."""

    def behavior(peer: Peer) -> None:
        peer.read()
        for part in parts:
            peer.send(part)
        if drip:
            peer.drip(drip)
        if flood:
            peer.for_ever(flood)
        if reset:
            peer.reset(after=0.1)

    return behavior


NEVER_ENDING_HEADS = {
    "commits, then hangs": commits_then_hangs,
    "headers drip": answering(OK, b"X-Drip: ", drip=b"1"),
    "status line drips": answering(drip=b"H"),
    "header lines drip": answering(OK, drip=b"X: 1\r\n"),
    "interim answers drip": answering(drip=b"HTTP/1.1 102 Processing\r\n\r\n"),
}


@pytest.mark.parametrize("case", NEVER_ENDING_HEADS)
def test_a_head_that_does_not_come_in_time_is_no_answer(caller: Caller, case: str) -> None:
    called = call(caller, NEVER_ENDING_HEADS[case], seconds=DEADLINE)
    assert (called.outcome, called.cause) == ("NoAnswer", "timeout")


@pytest.mark.parametrize("case", ["commits, then hangs", "headers drip"])
def test_nor_is_one_that_does_not_come_in_time_over_tls(caller: Caller, tls: ssl.SSLContext, case: str) -> None:
    called = call(caller, NEVER_ENDING_HEADS[case], tls, seconds=DEADLINE)
    assert (called.outcome, called.cause) == ("NoAnswer", "timeout")


NO_HTTP, TOO_LONG = {"no HTTP answer"}, {"the answer's head is too long"}
# The library counts headers, and from some version on interim answers, before there are 32 KiB of them.
TOO_MANY = NO_HTTP | TOO_LONG
BAD_HEADS = {
    "commits, then resets": (commits_then_resets, NO_HTTP),
    "commits, then closes": (commits_then_closes, NO_HTTP),
    "endless status line": (answering(b"HTTP/1.1 200 ", flood=b"x" * 4096), TOO_LONG),
    "endless headers": (answering(OK, flood=b"X-Endless: 1\r\n" * 50), TOO_MANY),
    "few but long headers": (answering(OK, flood=b"X: " + b"x" * 9000 + b"\r\n"), TOO_LONG),
    "one endless header": (answering(OK, b"X: ", flood=b"x" * 4096), TOO_LONG),
    "endless 100": (answering(flood=b"HTTP/1.1 100 Continue\r\n\r\n" * 50), TOO_MANY),
    "endless 103": (answering(flood=b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50), TOO_MANY),
    "headers end early": (answering(OK, b"Content-Length: 2\r\n"), NO_HTTP),
    "headers are reset": (answering(OK, b"Content-Length: 2\r\n", reset=True), NO_HTTP),
    "another protocol": (answering(b"SSH-2.0-OpenSSH_9.2\r\n"), NO_HTTP),
    "no status": (answering(b"HTTP/1.1 abc\r\n\r\n"), NO_HTTP),
    "zeros": (answering(flood=bytes(4096)), TOO_LONG),
}


@pytest.mark.parametrize("case", BAD_HEADS)
def test_without_a_whole_head_there_is_no_answer(caller: Caller, context: ssl.SSLContext | None, case: str) -> None:
    behavior, causes = BAD_HEADS[case]
    called = call(caller, behavior, context)
    assert called.outcome == "NoAnswer"
    assert called.cause in causes
    assert called.seconds < AMPLE, "it ended by the time and not by the size"


# --- what of the answer is read ---------------------------------------------------------------------------------------

CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BROKEN_OFF = {
    "1 GB that was told": answering(OK + b"Content-Length: %d\r\n\r\n" % GIB, flood=b"x" * 65_536),
    "1 GB to the end": answering(OK + b"\r\n", flood=b"x" * 65_536),
    "1 GB in one chunk": answering(CHUNKED + b"40000000\r\n", flood=b"x" * 65_536),
    "endless chunks of a byte": answering(CHUNKED, flood=b"1\r\nx\r\n" * 1000),
    "endless extension of a chunk": answering(CHUNKED + b"1;x=", flood=b"x" * 65_536),
    "endless trailers": answering(CHUNKED + b"0\r\n", flood=b"X: 1\r\n" * 1000),
    "a chunk of a negative size": answering(CHUNKED + b"-5\r\n", flood=b"x" * 65_536),
    "a chunk of an absurd size": answering(CHUNKED + b"f" * 400 + b"\r\n", flood=b"x" * 65_536),
    "a bomb that does not fit": answering(
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(64 * 1024 * 1024))
    ),
    "200, then reset": answering(OK + b"Content-Length: 9\r\n\r\n", b"x", reset=True),
    "ends short of its length": answering(OK + b"Content-Length: 9\r\n\r\nx"),
    "ends short of its chunk": answering(CHUNKED + b"9\r\nx"),
    "ends between two chunks": answering(CHUNKED + b"1\r\nx\r\n"),
}


@pytest.mark.parametrize("case", BROKEN_OFF)
def test_a_body_that_does_not_end_well_leaves_the_status(
    caller: Caller, context: ssl.SSLContext | None, case: str
) -> None:
    called = call(caller, BROKEN_OFF[case], context)
    assert (called.outcome, called.status, called.complete) == ("Answer", 200, False)
    assert called.seconds < AMPLE, "it ended by the time and not by the size"


def says_the_head_and_hangs(peer: Peer) -> None:
    peer.read()
    peer.send(OK + b"Content-Length: 2\r\n\r\n")
    peer.hang()


NEVER_ENDING_BODIES = {
    "hangs": says_the_head_and_hangs,
    "drips": answering(OK + b"Content-Length: 16000\r\n\r\n", drip=b"x"),
    "drips to the end": answering(OK + b"Connection: close\r\n\r\n", drip=b"x"),
    "drips in chunks": answering(CHUNKED, drip=b"1\r\nx\r\n"),
}


@pytest.mark.parametrize("case", NEVER_ENDING_BODIES)
def test_a_body_that_does_not_end_in_time_leaves_the_status(caller: Caller, case: str) -> None:
    called = call(caller, NEVER_ENDING_BODIES[case], seconds=DEADLINE)
    assert (called.outcome, called.status, called.complete) == ("Answer", 200, False)


def test_nor_does_one_that_does_not_end_in_time_over_tls(caller: Caller, tls: ssl.SSLContext) -> None:
    called = call(caller, NEVER_ENDING_BODIES["drips in chunks"], tls, seconds=DEADLINE)
    assert (called.outcome, called.status, called.complete) == ("Answer", 200, False)


BOMB = gzip.compress(bytes(10 * 1024 * 1024))
WHOLE = {
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "204 with a body": (b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nno", 204, b""),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", 304, b""),
    "599": (b"HTTP/1.1 599 Whatever\r\nContent-Length: 2\r\n\r\nno", 599, b"no"),
    "999": (b"HTTP/1.1 999 Denied\r\nContent-Length: 0\r\n\r\n", 999, b""),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, b""),
    "interim answers first": (b"HTTP/1.1 103 E\r\nX: x\r\n\r\nHTTP/1.1 201 C\r\nContent-Length: 0\r\n\r\n", 201, b""),
    "a bomb that fits": (OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB, 200, BOMB),
    "16 KiB": (OK + b"Content-Length: 16384\r\n\r\n" + b"x" * 16384, 200, b"x" * 16384),
    "16 KiB in chunks": (CHUNKED + b"4000\r\n" + b"x" * 16384 + b"\r\n0\r\n\r\n", 200, b"x" * 16384),
    "1 KiB in chunks of a byte": (CHUNKED + b"1\r\nx\r\n" * 1024 + b"0\r\n\r\n", 200, b"x" * 1024),
}  # fmt: skip


@pytest.mark.parametrize("case", WHOLE)
def test_an_answer_that_ends_well_is_whole_and_as_it_was_sent(
    caller: Caller, context: ssl.SSLContext | None, case: str
) -> None:
    sent, status, body = WHOLE[case]
    called = call(caller, answering(sent), context)
    assert (called.outcome, called.status, called.complete) == ("Answer", status, True)
    assert called.body.encode("latin-1") == body


def test_of_a_header_only_the_beginning_is_read(caller: Caller, context: ssl.SSLContext | None) -> None:
    """The library's parser of this one takes ever longer, and nothing ends it: the rest never reaches it."""
    parameters = b'multipart/x; a="' + b";" * 1000
    sent = OK + b"Content-Type: " + parameters + b"\r\n" + b" ;more\r\n" * 3000 + b"Content-Length: 2\r\n\r\nok"
    called = call(caller, answering(sent), context)
    assert (called.outcome, called.body, called.complete) == ("Answer", "ok", True)
    assert called.headers["content-type"] == parameters[:242].decode()
    sent = OK + b"Content-Type: text/plain" + b"\r\n ;a=b" * 1000 + b"\r\nContent-Length: 2\r\n\r\nok"
    called = call(caller, answering(sent), context)
    assert (called.body, called.headers) == ("ok", {"content-type": "text/plain" + " ;a=b" * 32})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 200])
def test_no_answer_leads_the_call_elsewhere(caller: Caller, context: ssl.SSLContext | None, status: int) -> None:
    with Receiver(honest) as elsewhere:
        leading = f"Location: {elsewhere.origin}/\r\nRefresh: 0; url={elsewhere.origin}/\r\nContent-Length: 0\r\n\r\n"
        called = call(caller, answering(f"HTTP/1.1 {status} Go\r\n{leading}".encode()), context)
        assert (called.outcome, called.status, called.headers) == ("Answer", status, {})
        assert elsewhere.callers == 0


# --- TLS --------------------------------------------------------------------------------------------------------------


def says_to_the_end(peer: Peer) -> None:
    peer.read()
    peer.send(OK + b"\r\nwhole")


def takes_leave(peer: Peer) -> None:
    says_to_the_end(peer)
    assert isinstance(peer.socket, ssl.SSLSocket)
    peer.socket.unwrap()


def test_a_body_to_the_end_is_whole_only_where_nobody_can_have_cut_it(caller: Caller, tls: ssl.SSLContext) -> None:
    cut, signed = call(caller, says_to_the_end, tls), call(caller, takes_leave, tls)
    assert [(called.outcome, called.body, called.complete) for called in (cut, signed)] == [
        ("Answer", "whole", False), ("Answer", "whole", True),
    ]  # fmt: skip


NOT_VALID = "the TLS certificate is not valid for the host"


def test_a_certificate_that_does_not_vouch_for_the_host_is_refused(caller: Caller, authority: trustme.CA) -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    for context in (
        server_context(trustme.CA(), "127.0.0.1"),  # nobody we trust
        server_context(authority, "buyer.example"),  # somebody else
        server_context(authority, "127.0.0.2"),
        server_context(authority, "127.0.0.1", not_after=past),
    ):
        met: list[bytes] = []
        called = call(caller, lambda peer, met=met: met.append(peer.read()), context)  # type: ignore[misc]
        assert (called.outcome, called.cause) == ("NotSent", NOT_VALID)
        assert met == []


def drips_a_handshake(peer: Peer) -> None:
    peer.send(b"\x16\x03\x03\x40\x00")  # a record of 16 KiB begins
    peer.drip(b"\x00")


NO_HANDSHAKES: dict[str, tuple[Behavior, str]] = {
    "hangs": (reads_nothing, "timeout"),
    "drips": (drips_a_handshake, "timeout"),
    "closes": (closes_at_once, "no HTTP answer"),
    "resets": (resets_at_once, "no HTTP answer"),
    "plain text": (lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "TLS failed"),
    "endless plain text": (lambda peer: peer.for_ever(b"HTTP/1.1 200 OK\r\n"), "TLS failed"),
    "endless hello requests": (lambda peer: peer.for_ever(b"\x16\x03\x03\x00\x04\x00\x00\x00\x00" * 500), "timeout"),
    "endless records of nothing": (lambda peer: peer.for_ever(b"\x16\x03\x03\x00\x00" * 500), "TLS failed"),
}


@pytest.mark.parametrize("case", NO_HANDSHAKES)
def test_without_a_handshake_nothing_is_sent(caller: Caller, case: str) -> None:
    behavior, cause = NO_HANDSHAKES[case]
    seconds = DEADLINE if cause == "timeout" else AMPLE
    with Receiver(behavior) as receiver:
        called = caller.call(receiver.origin.replace("http", "https"), seconds=seconds)
    assert (called.outcome, called.cause) == ("NotSent", cause)
    assert called.seconds <= seconds + GRACE
    assert called.grown <= MOST_KIB


def test_endless_tickets_after_the_handshake_end_at_the_deadline(caller: Caller, authority: trustme.CA) -> None:
    context = server_context(authority, "127.0.0.1")
    context.num_tickets = 10_000_000  # all sent before anything else: the library would read them all
    called = call(caller, commits_then_hangs, context, seconds=DEADLINE)
    assert (called.outcome, called.cause) == ("NoAnswer", "timeout")


def test_the_name_is_told_to_the_receiver_whose_address_is_called(caller: Caller, authority: trustme.CA) -> None:
    context, told, read = server_context(authority, "localhost"), [], []
    context.sni_callback = lambda _socket, name, _context: told.append(name)

    def behavior(peer: Peer) -> None:
        read.append(peer.read())
        peer.send(OK + b"Content-Length: 0\r\n\r\n")

    with Receiver(behavior, context) as receiver:
        called = caller.call(f"https://localhost:{receiver.port}", seconds=AMPLE)
        assert (called.outcome, called.status, told) == ("Answer", 200, ["localhost"])
        assert f"\r\nHost: localhost:{receiver.port}\r\n".encode() in read[0]
