"""Where a name may lead: a real DNS server on this machine answers, and every connection that is begun is counted."""

import errno
import itertools
import socket
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pytest

from leadgen.platform import settings
from leadgen.platform.egress import http_client
from leadgen.platform.egress.http_client import NotSent
from tests.support.servers.name_server import BROKEN, SILENT, NameServer, Zones
from tests.support.servers.ssrf_corpus import PASSED_ANSWERS, PUBLIC, PUBLIC_6, REFUSED_ANSWERS

Begun = list[tuple[Any, ...]]

_watching: list[Begun] = []


@lru_cache(maxsize=1)  # an audit hook stays in for good
def _watch() -> None:
    def hook(event: str, details: tuple[Any, ...]) -> None:
        if _watching and event == "socket.connect" and not details[1][0].startswith("127."):
            _watching[0].append(details[1])
            raise ConnectionRefusedError(errno.ECONNREFUSED, "the test has no internet")

    sys.addaudithook(hook)


@pytest.fixture
def begun() -> Iterator[Begun]:
    """The connections to the internet: told by Python before they are made, and refused. Those inside are made."""
    _watch()
    _watching.append([])
    yield _watching[0]
    _watching.clear()


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    """What the egress client asks."""
    with NameServer({}) as server:
        yield _asked(monkeypatch, server)
    settings.current.cache_clear()


def _asked(monkeypatch: pytest.MonkeyPatch, server: NameServer) -> NameServer:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1/none")
    monkeypatch.setenv("SECRET_KEY", "k" * 32)
    monkeypatch.setenv("DNS_SERVERS", server.address)
    settings.current.cache_clear()
    return server


def refusal(url: str = "https://buyer.example/hook", *, seconds: float = 5, port: int = 443) -> str:
    with pytest.raises(NotSent) as refused:
        http_client.post(url, b"{}", {}, timeout_seconds=seconds, allowed_ports=(port,))
    return str(refused.value)


def test_a_name_of_which_any_address_is_not_public_is_never_called(name_server: NameServer, begun: Begun) -> None:
    for zones in REFUSED_ANSWERS:
        name_server.zones = dict(zones)
        assert refusal() == "the host is not a public address", zones
    assert begun == []


@pytest.mark.parametrize("zones", PASSED_ANSWERS)
def test_an_honest_name_is_called_at_one_of_its_addresses(name_server: NameServer, begun: Begun, zones: Zones) -> None:
    name_server.zones = dict(zones)
    assert refusal() == "connection refused"
    told = {address for records in zones.values() for kind in ("A", "AAAA") for address in records.get(kind, [])}
    assert {address[0] for address in begun} == told
    assert {address[1] for address in begun} == {443}


class Rebinding(NameServer):
    """Says something else to every question; nothing it says may be kept."""

    def __init__(self, *answers: str) -> None:
        super().__init__({"buyer.example": {}})
        self._answers = itertools.cycle(answers)

    def records(self, domain: str, kind: str) -> list[str]:
        """The next answer, whoever asks; there is no address of IPv6."""
        return [next(self._answers)] if kind == "A" else []


@pytest.mark.parametrize("answers", [(PUBLIC, "127.0.0.1"), ("127.0.0.1", PUBLIC), (PUBLIC, PUBLIC, "127.0.0.1")])
def test_a_name_that_changes_between_check_and_connection_gets_nobody_inside(
    monkeypatch: pytest.MonkeyPatch, begun: Begun, answers: tuple[str, ...]
) -> None:
    tries = 400
    with Rebinding(*answers) as server, socket.create_server(("127.0.0.1", 0)) as inside:
        _asked(monkeypatch, server)
        port = inside.getsockname()[1]
        inside.setblocking(False)
        causes = []
        for _ in range(tries):
            causes.append(refusal(f"https://buyer.example:{port}/", seconds=2, port=port))
            with pytest.raises(BlockingIOError):
                inside.accept()
    settings.current.cache_clear()
    assert set(begun) == {(PUBLIC, port)}
    assert len(begun) == causes.count("connection refused") >= tries // 3
    assert causes.count("the host is not a public address") >= tries // 4
    # One look-up a call: what was checked is what is called.
    assert [kind for _, kind in server.asked] == ["A", "AAAA"] * tries


@pytest.mark.parametrize("kind", ["A", "AAAA"])
@pytest.mark.parametrize(
    ("failing", "cause"),
    [(BROKEN, "the host name does not resolve"), (SILENT, "the host name took too long to resolve")],
)
def test_a_name_of_which_half_is_unknown_is_not_called(
    name_server: NameServer, begun: Begun, kind: str, failing: str, cause: str
) -> None:
    name_server.zones = {"buyer.example": {"A": [PUBLIC], "AAAA": [PUBLIC_6], kind: [failing]}}
    assert refusal(seconds=0.5) == cause
    assert begun == []


def test_a_name_that_is_not_there_is_not_sent_to(name_server: NameServer, begun: Begun) -> None:
    name_server.zones = {"nothing.example": {"TXT": ['"v=1"']}, "loop.example": {"CNAME": ["gone.example."]}}
    for host in ("nowhere.example", "nothing.example", "loop.example"):
        assert refusal(f"https://{host}/") == "the host name does not resolve"
    assert begun == []


def test_a_resolver_that_is_not_there_is_no_leave_to_call(
    monkeypatch: pytest.MonkeyPatch, name_server: NameServer, begun: Begun, closed_port: int
) -> None:
    monkeypatch.setenv("DNS_SERVERS", f"127.0.0.1:{closed_port}")
    settings.current.cache_clear()
    assert refusal(seconds=0.5) in {"the host name does not resolve", "the host name took too long to resolve"}
    assert begun == []


def test_a_name_is_asked_for_in_its_ascii_form_and_as_it_stands(name_server: NameServer) -> None:
    refusal("https://MÜNCHEN.example/")
    assert set(name_server.asked) == {("xn--mnchen-3ya.example", "A")}


def test_an_address_in_the_url_asks_no_resolver(name_server: NameServer, begun: Begun) -> None:
    assert refusal("https://8.8.8.8/") == refusal("https://[2606:4700::1111]/") == "connection refused"
    assert name_server.asked == []
    assert [address[:2] for address in begun] == [("8.8.8.8", 443), ("2606:4700::1111", 443)]


def test_a_name_the_operator_trusts_is_asked_of_the_system(name_server: NameServer, closed_port: int) -> None:
    origin = f"http://localhost:{closed_port}"
    with pytest.raises(NotSent, match="connection refused"):
        http_client.post(origin, b"{}", {}, timeout_seconds=5, allowed_origins=(origin,))
    assert name_server.asked == []
