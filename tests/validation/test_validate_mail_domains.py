"""mx_lookup_enabled: DNS is asked once a day, before the transaction; a resolver that is away is no answer."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from leadgen.platform import settings
from leadgen.platform.egress import dns
from tests.support.factories import a_lead, a_source, an_offer
from tests.support.servers.name_server import BROKEN, SILENT, NameServer
from tests.support.stages.functions import Functions
from tests.support.stages.messages import messages, sent

RULES = {"mx_lookup_enabled": True, "duplicate_detection": {"enabled": True, "window_hours": 24}}


@pytest.fixture
def source(conn: Connection[Any]) -> int:
    return a_source(conn, an_offer(conn, rules=RULES))


def validate(functions: Functions, *leads: int, at: datetime) -> list[str]:
    outcomes = functions.module("validate").process(messages("lead.received", leads), at)
    return [outcome.outcome for outcome in outcomes]


def states(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    return conn.execute("SELECT status::text, validation_reason FROM leads ORDER BY id").fetchall()


@pytest.mark.parametrize(
    ("domain", "takes_mail"),
    [
        ("mail.example", True), ("address.example", True), ("address6.example", True), ("null.example", False),
        ("nothing.example", False), ("nowhere.example", False),
    ],
)  # fmt: skip
def test_a_domain_takes_mail_by_its_mx_or_else_its_address(
    name_server: NameServer, domain: str, takes_mail: bool
) -> None:
    assert dns.taking_mail({domain}) == {domain: takes_mail}


def test_of_a_domain_that_nobody_answers_for_nothing_is_known(
    name_server: NameServer, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("MX_LOOKUP_SECONDS", "0.3")
    assert dns.taking_mail({BROKEN, SILENT, "mail.example"}) == {"mail.example": True}


def test_of_a_resolver_that_is_not_there_nothing_is_known(environment: pytest.MonkeyPatch, closed_port: int) -> None:
    environment.setenv("MX_LOOKUP_SECONDS", "0.3")
    environment.setenv("DNS_SERVERS", f"127.0.0.1:{closed_port}")
    assert dns.taking_mail({"mail.example"}) == {}


def test_the_next_server_is_asked_where_one_does_not_answer(
    name_server: NameServer, environment: pytest.MonkeyPatch, closed_port: int
) -> None:
    environment.setenv("DNS_SERVERS", f"127.0.0.1:{closed_port}, {name_server.address}")
    assert dns.taking_mail({"mail.example"}) == {"mail.example": True}


def test_nobody_is_asked_for_nothing(name_server: NameServer) -> None:
    assert dns.taking_mail(set()) == {}
    assert name_server.asked == []


def test_a_lead_is_valid_where_its_domain_takes_mail(
    conn: Connection[Any], functions: Functions, name_server: NameServer, source: int, now: datetime
) -> None:
    emails = ["a@mail.example", "b@MÜNCHEN.example", "c@nowhere.example", "d@null.example", "no address"]
    leads = [a_lead(conn, source, email=email) for email in emails]
    assert validate(functions, *leads, at=now) == ["validated", "validated", "rejected", "rejected", "rejected"]
    assert {reason for _, reason in states(conn)} == {None, "mx_lookup"}


def test_what_dns_said_is_believed_for_a_day(
    conn: Connection[Any], functions: Functions, name_server: NameServer, source: int, now: datetime
) -> None:
    for hours, asked in ((0, 1), (1, 1), (24, 1), (25, 2)):
        validate(functions, a_lead(conn, source, email="a@mail.example"), at=now + timedelta(hours=hours))
        assert len(name_server.asked) == asked, hours
    name_server.zones.clear()
    lead = a_lead(conn, source, email="z@mail.example")
    assert validate(functions, lead, at=now + timedelta(hours=50)) == ["rejected"]
    assert conn.execute("SELECT domain, accepts_mail FROM mail_domains").fetchall() == [("mail.example", False)]


def test_without_a_policy_that_asks_nobody_is_asked(
    conn: Connection[Any], functions: Functions, name_server: NameServer, now: datetime
) -> None:
    lead = a_lead(conn, a_source(conn, an_offer(conn)), email="a@nowhere.example")
    assert validate(functions, lead, at=now) == ["validated"]
    assert name_server.asked == []


def test_a_resolver_that_is_away_defers_its_leads_and_no_others(
    conn: Connection[Any],
    functions: Functions,
    name_server: NameServer,
    environment: pytest.MonkeyPatch,
    source: int,
    now: datetime,
) -> None:
    environment.setenv("MX_LOOKUP_SECONDS", "0.3")
    waiting = a_lead(conn, source, email=f"a@{BROKEN}")
    fine = a_lead(conn, source, email="b@mail.example")
    assert validate(functions, waiting, fine, at=now) == ["deferred", "validated"]
    assert states(conn) == [("received", None), ("validated", None)]
    assert sent(conn, "route") == [("lead.validated", fine)]
    assert conn.execute("SELECT DISTINCT lead_id FROM lead_decisions").fetchall() == [(fine,)]
    assert conn.execute("SELECT updated_at FROM leads WHERE id = %s", (waiting,)).fetchone() == (None,)


def test_a_deferred_lead_is_told_again_by_the_sweep_and_decided_when_the_resolver_is_back(
    conn: Connection[Any], functions: Functions, environment: pytest.MonkeyPatch, closed_port: int,
    name_server: NameServer, source: int, now: datetime,
) -> None:  # fmt: skip
    environment.setenv("MX_LOOKUP_SECONDS", "0.3")
    environment.setenv("DNS_SERVERS", f"127.0.0.1:{closed_port}")
    lead = a_lead(conn, source, email="a@mail.example", created_at=now)
    assert validate(functions, lead, at=now) == ["deferred"]
    functions.module("sweep").run(now + timedelta(seconds=61))
    assert sent(conn, "validate") == [("lead.received", lead)]
    environment.setenv("DNS_SERVERS", name_server.address)
    settings.current.cache_clear()
    assert validate(functions, lead, at=now + timedelta(seconds=61)) == ["validated"]


def test_a_later_lead_of_the_same_person_waits_for_the_deferred_one(
    conn: Connection[Any], functions: Functions, name_server: NameServer, environment: pytest.MonkeyPatch,
    source: int, now: datetime,
) -> None:  # fmt: skip
    environment.setenv("MX_LOOKUP_SECONDS", "0.3")
    first = a_lead(conn, source, email=f"a@{BROKEN}", phone="+13036660001", created_at=now)
    second = a_lead(conn, source, email="b@mail.example", phone="+13036660001", created_at=now + timedelta(minutes=1))
    third = a_lead(conn, source, email="b@mail.example", phone="+13036660003", created_at=now + timedelta(minutes=2))
    other = a_lead(conn, source, email="o@mail.example", created_at=now + timedelta(minutes=3))
    for batch in ([third], [first, second, third, other]):  # whoever is told first, the earlier ones come with it
        assert set(validate(functions, *batch, at=now)) - {"validated"} == {"deferred"}
    assert [status for status, _ in states(conn)] == ["received"] * 3 + ["validated"]
    conn.execute("INSERT INTO mail_domains VALUES (%s, true, %s)", (BROKEN, now))
    assert validate(functions, third, at=now) == ["validated"]
    assert states(conn)[:3] == [("validated", None), ("rejected", "duplicate_recent"), ("validated", None)]
