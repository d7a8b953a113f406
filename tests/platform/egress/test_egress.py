"""What leaves in a call, and what comes back of it."""

import queue
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.platform.egress import http_client
from leadgen.platform.egress.http_client import Answer, NoAnswer, NotSent
from tests.support.servers.receivers import Peer, Receiver

SPECIFIED = {
    "Content-Type": "application/json", "User-Agent": "LeadGen/1.0", "X-LeadGen-Event": "lead.delivered",
    "X-LeadGen-Delivery-Id": "d1", "X-Webhook-Signature": "ab", "webhook-id": "d1", "webhook-timestamp": "1",
    "webhook-signature": "v1,ab", "Accept": "application/json",
}  # fmt: skip
OWN = {"Host", "Connection", "Accept-Encoding", "Content-Length"}


class Recorder:
    """A receiver that keeps what it was sent and answers 200."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []

    def __call__(self, peer: Peer) -> None:
        self.requests.append(peer.read())
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    @property
    def head(self) -> list[str]:
        """The lines before the body, of the only request."""
        (request,) = self.requests
        return request.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def origin(recorder: Recorder) -> Iterator[str]:
    with Receiver(recorder) as receiver:
        yield receiver.origin


def post(origin: str, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> Answer:
    return http_client.post(origin + "/hook", body, headers or {}, timeout_seconds=5, allowed_origins=(origin,))


def test_a_call_says_what_it_must_and_nothing_else(recorder: Recorder, origin: str) -> None:
    answer = http_client.post(
        origin + "/hook?a=b%20c", "é".encode(), SPECIFIED, timeout_seconds=5, allowed_origins=(origin,)
    )
    assert answer == Answer(200, {}, b"ok", complete=True)
    request_line, *lines = recorder.head
    assert request_line == "POST /hook?a=b%20c HTTP/1.1"
    sent = dict(line.split(": ", 1) for line in lines)
    assert sent.keys() == OWN | SPECIFIED.keys()
    assert {name: sent[name] for name in SPECIFIED} == SPECIFIED
    assert {name: sent[name] for name in OWN} == {
        "Host": origin.removeprefix("http://"), "Connection": "close", "Accept-Encoding": "identity",
        "Content-Length": "2",
    }  # fmt: skip
    assert recorder.requests[0].endswith(b"\r\n\r\n\xc3\xa9")


@pytest.mark.parametrize(
    "name",
    ["Authorization", "authorization", "Cookie", "X-Secret", "Host", "Content-Length", "Transfer-Encoding", "", "Via "],
)  # fmt: skip
def test_a_header_that_is_not_on_the_list_does_not_leave(recorder: Recorder, origin: str, name: str) -> None:
    with pytest.raises(ValueError, match="is not one that leaves"):
        post(origin, headers={name: "s3cret"})
    assert recorder.requests == []


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\nb", "a\rb", "a\x00b", "é", "a\tb"])
def test_a_header_cannot_carry_another(recorder: Recorder, origin: str, value: str) -> None:
    with pytest.raises(ValueError, match="holds a character that no header has") as refused:
        post(origin, headers={"webhook-id": value})
    assert value not in str(refused.value)
    with pytest.raises(ValueError, match="Authorization"):
        http_client.post(origin, b"", {}, timeout_seconds=5, allowed_origins=(origin,), authorization=value)
    assert recorder.requests == []


def test_a_provider_is_told_who_calls(recorder: Recorder, origin: str) -> None:
    http_client.post(origin, b"", {}, timeout_seconds=5, allowed_origins=(origin,), authorization="Basic abc")
    assert "Authorization: Basic abc" in recorder.head


@pytest.mark.parametrize("length", [0, 1, 16_384, 16_385, 1_000_000])
def test_the_body_arrives_as_it_is(recorder: Recorder, origin: str, length: int) -> None:
    body = (b"0123456789abcdef" * (length // 16 + 1))[:length]
    assert post(origin, body=body).status == 200
    assert recorder.requests[0].partition(b"\r\n\r\n")[2] == body


def test_a_receiver_that_is_not_there_is_not_sent_to(closed_port: int) -> None:
    with pytest.raises(NotSent, match="connection refused"):
        post(f"http://127.0.0.1:{closed_port}")


def test_a_trusted_name_that_is_not_there_is_not_sent_to() -> None:
    with pytest.raises(NotSent, match="the host name does not resolve"):
        post("http://no-such-host.invalid:9000")


def test_a_name_of_two_addresses_is_called_where_somebody_listens(recorder: Recorder, origin: str) -> None:
    # Where localhost is ::1 as well, nobody listens there.
    assert post(origin.replace("127.0.0.1", "localhost")).status == 200
    assert recorder.head[1] == f"Host: localhost:{origin.rpartition(':')[2]}"


def test_no_time_left_is_not_sent(recorder: Recorder, origin: str) -> None:
    with pytest.raises(NotSent, match="timeout"):
        http_client.post(origin, b"", {}, timeout_seconds=0, allowed_origins=(origin,))
    assert recorder.requests == []


def test_the_connection_is_closed_when_the_answer_is_there() -> None:
    ended: queue.Queue[bytes] = queue.Queue()

    def behavior(peer: Peer) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n")
        ended.put(peer.socket.recv(1))

    with Receiver(behavior) as receiver:
        assert post(receiver.origin).complete
        assert ended.get(timeout=10) == b""


def test_what_is_kept_of_a_header_is_one_short_line() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html;\r\n  charset=x\r\nRetry-After: " + b"9" * 5000 + b"\r\n\r\n"

    def behavior(peer: Peer) -> None:
        peer.read()
        peer.send(head)

    with Receiver(behavior) as receiver:
        assert post(receiver.origin).headers == {"content-type": "text/html; charset=x", "retry-after": "9" * 256}


@pytest.fixture(scope="module")
def said() -> Iterator[tuple[str, "queue.Queue[bytes]"]]:
    """A receiver that says whatever is put into the queue, and its origin."""
    sayings: queue.Queue[bytes] = queue.Queue()

    def behavior(peer: Peer) -> None:
        peer.read()
        peer.send(sayings.get(timeout=10))
        peer.socket.shutdown(socket.SHUT_WR)

    with Receiver(behavior) as receiver:
        yield receiver.origin, sayings


LINES = st.lists(
    st.one_of(
        st.sampled_from([
            "HTTP/1.1 200 OK", "HTTP/1.0 204", "HTTP/1.1 100 Continue", "HTTP/2 200", "HTTP/1.1 2_0", "", "X", ":",
            "Content-Length: 3", "Content-Length: -1", "Content-Length: " + "9" * 5000, "Transfer-Encoding: chunked",
            "Content-Type: multipart/mixed", "Content-Type: message/rfc822", "Retry-After: 1\r2", " x", "3", "0", "abc",
        ]),
        st.text(st.characters(max_codepoint=255), max_size=20),
    ),
    max_size=12,
).map(lambda lines: "\r\n".join(lines).encode("latin-1"))  # fmt: skip


@given(saying=st.one_of(st.binary(max_size=200), LINES, LINES.map(lambda rest: b"HTTP/1.1 200 OK\r\n" + rest)))
def test_whatever_is_answered_is_an_answer_or_none(said: tuple[str, "queue.Queue[bytes]"], saying: bytes) -> None:
    origin, sayings = said
    sayings.put(saying)
    with suppress(NoAnswer):
        answer = post(origin)
        assert 200 <= answer.status <= 999
        assert answer.headers.keys() <= {"content-type", "retry-after"}
        assert not any(character in value for value in answer.headers.values() for character in "\r\n")
