"""What a database holds decides whether the examples are for it, and is what a run that ends reports then."""

from typing import Any

import psycopg

from leadgen_local.examples import contents
from tests.support.factories import a_buyer, a_lead, a_market, a_source, an_enrollment, an_offer

Connection = psycopg.Connection[tuple[Any, ...]]


def test_a_database_without_configuration_and_leads_is_empty(conn: Connection) -> None:
    assert contents.summary(conn) is None


def test_a_market_that_was_made_before_history_was_kept_counts(conn: Connection) -> None:
    a_market(conn)
    assert contents.summary(conn) == "a configuration without history, 1 market and 0 leads"


def test_a_version_counts_when_nothing_else_is_left(conn: Connection) -> None:
    conn.execute(
        "INSERT INTO configuration_versions (number, applied_by, summary, changes, snapshot)"
        " VALUES (3, 'ops', 'all gone', '[]', '[]')"
    )
    assert contents.summary(conn) == "configuration version 3, 0 markets and 0 leads"


def test_the_report_counts_the_leads_of_each_market_by_outcome(conn: Connection, database_url: str) -> None:
    market = a_market(conn, name="Denver")
    offer = an_offer(conn, market_id=market)
    an_enrollment(conn, a_buyer(conn), offer)
    source = a_source(conn, offer)
    a_lead(conn, source)
    a_lead(conn, source, status="rejected", validation_reason="area")
    a_lead(conn, source, status="rejected", validation_reason="area")
    a_market(conn, name="Quiet")
    conn.commit()
    said: list[str] = []
    contents.report(database_url, said.append)
    lines = [line.split() for line in said if line]
    assert lines[0] == ["market", "buyers", "leads", "billed", "rejected", "in", "review", "unrouted", "under", "way"]
    assert lines[1] == ["Denver", "1", "3", "0", "2", "0", "0", "1"]
    assert lines[2] == ["Quiet", "0", "0", "0", "0", "0", "0", "0"]
    assert said[-1] == "The database has a configuration without history, 2 markets and 3 leads."
