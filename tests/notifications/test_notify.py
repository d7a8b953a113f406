"""The log of lifecycle events: every event once, however often it is told."""

from typing import Any

from psycopg import Connection

from tests.support.factories import a_lead, a_source, an_offer
from tests.support.stages.functions import Functions
from tests.support.stages.messages import body, failed_ids, sqs_event


def notify(functions: Functions, *bodies: object) -> set[str]:
    return failed_ids(functions.module("notify").handler(sqs_event(*bodies), None))


def logged(conn: Connection[Any]) -> list[tuple[str, int | None]]:
    return conn.execute("SELECT event, lead_id FROM lifecycle_events ORDER BY event_key").fetchall()


def test_an_event_is_logged_once_in_a_batch_and_over_batches(conn: Connection[Any], functions: Functions) -> None:
    lead = a_lead(conn, a_source(conn, an_offer(conn)))
    received = body("lead.received", lead)
    assert notify(functions, received, received) == set()
    assert notify(functions, received | {"occurred_at": "2027-01-01T00:00:00+00:00"}) == set()
    assert logged(conn) == [("lead.received", lead)]
    assert conn.execute("SELECT message FROM lifecycle_events").fetchone() == (received,)


def test_a_delivery_told_again_without_its_buyer_is_the_same_event(conn: Connection[Any], functions: Functions) -> None:
    lead = a_lead(conn, a_source(conn, an_offer(conn)))
    notify(functions, body("lead.delivered", lead, buyer_id=3), body("lead.delivered", lead))
    notify(functions, body("lead.delivered", lead))
    assert logged(conn) == [("lead.delivered", lead)]


def test_different_events_leads_and_attempts_are_logged_each(conn: Connection[Any], functions: Functions) -> None:
    source = a_source(conn, an_offer(conn))
    one, two = a_lead(conn, source), a_lead(conn, source)
    notify(
        functions, body("lead.received", one), body("lead.received", two), body("lead.unrouted", one, attempt=1),
        body("lead.unrouted", one, attempt=2), body("invoice.generated", None, invoice_id=5, buyer_id=1),
        body("invoice.generated", None, invoice_id=6, buyer_id=1),
        body("buyer.balance_threshold", None, invoice_id=6, buyer_id=1),
    )  # fmt: skip
    assert sorted(logged(conn), key=str) == sorted(
        [("lead.received", one), ("lead.received", two), ("lead.unrouted", one), ("lead.unrouted", one),
         ("invoice.generated", None), ("invoice.generated", None), ("buyer.balance_threshold", None)], key=str,
    )  # fmt: skip


def test_a_wake_up_is_no_event(conn: Connection[Any], functions: Functions) -> None:
    lead = a_lead(conn, a_source(conn, an_offer(conn)))
    assert notify(functions, body("delivery.due", lead)) == set()
    assert logged(conn) == []


def test_an_event_of_a_lead_that_is_not_there_fails_alone(conn: Connection[Any], functions: Functions) -> None:
    lead = a_lead(conn, a_source(conn, an_offer(conn)))
    assert notify(functions, body("lead.received", 10**6), body("lead.received", lead)) == {"m0"}
    assert logged(conn) == [("lead.received", lead)]
