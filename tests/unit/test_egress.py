"""What the egress client calls and what it refuses, before any connection is made; and how a call ends."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from leadgen.adapters import egress
from leadgen.adapters.egress import Answer, EgressFailed


def refusal(url: str, allowed: tuple[str, ...] = ()) -> str:
    with pytest.raises(EgressFailed) as refused:
        egress.post(url, b"{}", {}, timeout_seconds=2, allowed_origins=allowed)
    return str(refused.value)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "0.0.0.0", "10.0.0.1", "172.16.0.1",
        "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255", "168.63.129.16",
        "192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
        "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "localhost", "localhost.",
        "[::1]", "[::]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:8.8.8.8]", "[64:ff9b::7f00:1]",
        "[64:ff9b:1::1]", "[100::1]", "[2001::1]", "[2001:db8::1]", "[2002:7f00:1::]", "[3fff::1]", "[5f00::1]",
        "[fc00::1]", "[fd00:ec2::254]", "[fe80::1]", "[fec0::1]", "[ff02::1]",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    assert refusal(f"https://{host}/hook") == "the host is not a public address"


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.0", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"]
)
def test_a_public_address_is_not_refused(address: str) -> None:
    assert not egress._is_denied(address)


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("http://example.com/", "only https on port 443 is called"),
        ("ftp://example.com/", "only https on port 443 is called"),
        ("file:///etc/passwd", "the URL has no host, or user info"),
        ("//example.com/", "only https on port 443 is called"),
        ("example.com/hook", "the URL has no host, or user info"),
        ("https://example.com:8443/", "only https on port 443 is called"),
        ("https://example.com:80/", "only https on port 443 is called"),
        ("https://example.com:0/", "only https on port 443 is called"),
        ("https://user@example.com/", "the URL has no host, or user info"),
        ("https://user:word@example.com/", "the URL has no host, or user info"),
        ("https://@example.com/", "the URL has no host, or user info"),
        ("https:///hook", "the URL has no host, or user info"),
        ("", "the URL has no host, or user info"),
        ("https://example.com:99999/", "the URL does not parse"),
        ("https://[::1/", "the URL does not parse"),
        ("https://exa mple.com/", "the URL holds a character that no URL has"),
        ("https://example.com/\r\nX-Injected: 1", "the URL holds a character that no URL has"),
        ("https://127.0.0.1:9\\@example.com/", "the URL holds a character that no URL has"),
        ("https://example.com/\u200b", "the URL holds a character that no URL has"),
    ],
)
def test_a_url_that_may_mean_something_else_is_refused(url: str, cause: str) -> None:
    assert refusal(url) == cause


def test_the_cause_never_names_the_url() -> None:
    for url in (
        "https://secret-host.invalid/hook?token=s3cret",
        "http://secret-host.invalid/",
        "https://127.0.0.1/s3cret",
    ):
        cause = refusal(url)
        assert "secret" not in cause
        assert "s3cret" not in cause


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def serve(listener: socket.socket) -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """Answer one connection with a function of its socket; the origin to call."""
    threads: list[threading.Thread] = []

    def begin(answer: Callable[[socket.socket], None]) -> str:
        def run() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(65_536)
                answer(peer)

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield begin
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


Serve = Callable[[Callable[[socket.socket], None]], str]


def call(origin: str, seconds: float = 5) -> Answer:
    return egress.post(origin + "/hook", b"{}", {}, timeout_seconds=seconds, allowed_origins=(origin,))


def test_an_allowed_origin_is_called_and_its_answer_read(serve: Serve) -> None:
    origin = serve(lambda peer: peer.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"))
    assert call(origin) == Answer(201, b"ok")


def test_an_allowance_is_for_one_origin_exactly(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    for allowed in (
        f"http://127.0.0.1:{port + 1}",
        f"https://127.0.0.1:{port}",
        "http://127.0.0.1",
        f"127.0.0.1:{port}",
    ):
        assert refusal(f"http://127.0.0.1:{port}/", (allowed,)) == "only https on port 443 is called"
    assert refusal(f"http://u@127.0.0.1:{port}/", (f"http://127.0.0.1:{port}",)) == "the URL has no host, or user info"


def test_no_more_than_16_kib_of_an_answer_are_read(serve: Serve) -> None:
    def endless(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                peer.sendall(b"x" * 4096)
        except OSError:
            pass  # the caller has read enough

    assert call(serve(endless)).body == b"x" * egress.LONGEST_ANSWER


def dripping(beginning: bytes) -> Callable[[socket.socket], None]:
    """A peer that never ends, a byte at a time."""

    def drip(peer: socket.socket) -> None:
        peer.sendall(beginning)
        ended = threading.Event()
        try:
            while not ended.wait(0.02):
                peer.sendall(b"1")
        except OSError:
            pass  # the caller has hung up

    return drip


def test_an_answer_whose_headers_drip_is_none_at_the_deadline(serve: Serve) -> None:
    with pytest.raises(EgressFailed, match="timeout"):
        call(serve(dripping(b"HTTP/1.1 200 OK\r\nX-Drip: ")), seconds=0.3)


@pytest.mark.parametrize("body", [b"Transfer-Encoding: chunked\r\n\r\n", b"Content-Length: 16000\r\n\r\n"])
@pytest.mark.parametrize("connection", [b"", b"Connection: close\r\n"])
def test_an_answer_whose_body_drips_is_its_status_at_the_deadline(serve: Serve, connection: bytes, body: bytes) -> None:
    answer = call(serve(dripping(b"HTTP/1.1 201 Created\r\n" + connection + body)), seconds=0.3)
    assert answer.status == 201
    assert len(answer.body) < egress.LONGEST_ANSWER


@pytest.mark.parametrize(
    ("answer", "cause"),
    [(b"", "no HTTP answer"), (b"SSH-2.0-OpenSSH\r\n", "no HTTP answer"), (b"HTTP/1.1 abc\r\n\r\n", "no HTTP answer")],
)
def test_an_answer_that_is_no_http_is_a_failure(serve: Serve, answer: bytes, cause: str) -> None:
    with pytest.raises(EgressFailed, match=cause):
        call(serve(lambda peer: peer.sendall(answer)))


def test_a_port_on_which_nobody_listens_is_a_failure(closed_port: int) -> None:
    with pytest.raises(EgressFailed, match="connection refused"):
        call(f"http://127.0.0.1:{closed_port}")


def test_a_name_that_does_not_resolve_is_a_failure() -> None:
    assert refusal("https://no-such-host.invalid/") == "the host name does not resolve"
    assert refusal(f"https://{'a' * 64}.example/") == "the host name does not resolve"
