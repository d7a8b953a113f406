"""What the functions talk to in tests: their log, a buyer's endpoint and a mailbox."""

import io
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen.platform import log
from leadgen_local.sinks import stripe_account
from tests.support.factories import a_source, an_offer
from tests.support.servers.buyer_endpoint import BuyerEndpoint, Mailbox
from tests.support.servers.name_server import NameServer
from tests.support.servers.payment_provider import Provider
from tests.support.stages.messages import sent
from tests.support.stages.reviews import Market


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """Everything the process has logged so far: the functions' log lines and counters, and other libraries' log."""
    stream = io.StringIO()
    (handler,) = log.logger.handlers
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(stream)  # the handler keeps the stream it was made with, which no fixture captures

    def logged() -> str:
        captured = capsys.readouterr()
        stream.write(captured.out + captured.err)
        return stream.getvalue() + caplog.text

    yield logged
    handler.setStream(before)


@pytest.fixture
def buyer_endpoint(environment: pytest.MonkeyPatch) -> Iterator[BuyerEndpoint]:
    """A buyer's HTTP endpoint on this machine, which the egress client is allowed to call."""
    with BuyerEndpoint() as endpoint:
        environment.setenv("EGRESS_ALLOWED_ORIGINS", endpoint.origin)
        yield endpoint


@pytest.fixture
def mailbox(environment: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """An SMTP server on this machine that the functions hand their mail to."""
    with Mailbox() as box:
        environment.setenv("SMTP_HOST", "127.0.0.1")
        environment.setenv("SMTP_PORT", str(box.port))
        environment.setenv("SMTP_STARTTLS", "false")
        environment.setenv("FROM_EMAIL", "leads@leadgen.example")
        yield box


@pytest.fixture
def provider(environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Provider]:
    """A payment provider on this machine, which is called over HTTP; the test hands its events over."""
    with Provider(tmp_path) as fake:
        environment.setenv("STRIPE_SECRET_KEY", stripe_account.SECRET_KEY)
        environment.setenv("STRIPE_WEBHOOK_SECRET", stripe_account.WEBHOOK_SECRET)
        environment.setenv("STRIPE_API_BASE", fake.origin)
        environment.setenv("EGRESS_ALLOWED_ORIGINS", fake.origin)
        environment.setenv("PUBLIC_URL", "https://leads.example.com/v1")
        yield fake


@pytest.fixture
def name_server(environment: pytest.MonkeyPatch) -> Iterator[NameServer]:
    """A DNS server on this machine, which the functions ask."""
    with NameServer() as server:
        environment.setenv("DNS_SERVERS", server.address)
        yield server


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def offer(conn: Connection[Any]) -> int:
    """An offer that takes every lead and has no buyers yet."""
    return an_offer(conn)


@pytest.fixture
def source(conn: Connection[Any], offer: int) -> int:
    """The offer's source of key ``page``, mapped to the pages of www.example.com/lp as well."""
    return a_source(conn, offer, source_key="page", hostname="www.example.com", path_prefix="/lp")


@pytest.fixture
def nothing_stored(conn: Connection[Any]) -> Callable[[], None]:
    """Call it to see that no lead is stored and no event sent."""

    def check() -> None:
        assert conn.execute("SELECT count(*) FROM leads").fetchone() == (0,)
        assert sent(conn, "validate") == []

    return check


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that is sent; BEGIN and COMMIT would be among them."""
    sent: list[str] = []
    execute, command = psycopg.Cursor.execute, psycopg.Connection._exec_command

    def executing(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        sent.append(str(query))
        return execute(self, query, *args, **options)

    def commanding(self: Any, statement: Any, *args: Any, **options: Any) -> Any:
        sent.append(str(statement))
        return command(self, statement, *args, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", executing)
    monkeypatch.setattr(psycopg.Connection, "_exec_command", commanding)
    return sent


@pytest.fixture
def market(conn: Connection[Any], buyer_endpoint: BuyerEndpoint) -> Market:
    """Two buyers with a webhook each."""
    return Market(conn, buyer_endpoint.url("/first"), buyer_endpoint.url("/second"))
