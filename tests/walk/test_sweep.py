"""The sweep: whatever waits too long is announced again, each kind in its own way, and nothing else is."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from tests.support.factories import a_buyer, a_delivery, a_lead, an_enrollment
from tests.support.stages.functions import Functions
from tests.support.stages.messages import sent

QUEUES = ["validate", "route", "deliver", "bill"]


def sweep(conn: Connection[Any], functions: Functions, at: datetime) -> list[tuple[str, int | None]]:
    """Run the sweep; what the stages have been told by it."""
    for queue in QUEUES:
        conn.execute(f"TRUNCATE pgmq.q_{queue}".encode())
    swept = functions.module("sweep").run(at)
    found = [event for queue in QUEUES for event in sent(conn, queue)]
    assert swept["leads"] + swept["deliveries"] == len(found)
    return found


@pytest.mark.parametrize(
    ("values", "waits_since", "event"),
    [
        ({}, "created_at", "lead.received"),
        ({"status": "validated"}, "updated_at", "lead.validated"),
        ({"status": "validated"}, "created_at", "lead.validated"),
    ],
    ids=str,
)
def test_a_lead_whose_stage_was_lost_is_announced_after_a_minute(
    conn: Connection[Any], functions: Functions, source: int, now: datetime, values: dict[str, Any], waits_since: str,
    event: str,
) -> None:  # fmt: skip
    lead = a_lead(conn, source, **values, **{"created_at": now, waits_since: now})
    assert sweep(conn, functions, now + timedelta(minutes=1)) == []
    assert sweep(conn, functions, now + timedelta(minutes=1, microseconds=1)) == [(event, lead)]
    assert sweep(conn, functions, now + timedelta(hours=1)) == [(event, lead)]


def test_a_lead_just_moved_on_is_left_alone(
    conn: Connection[Any], functions: Functions, source: int, now: datetime
) -> None:
    a_lead(conn, source, status="validated", created_at=now, updated_at=now + timedelta(hours=1))
    assert sweep(conn, functions, now + timedelta(hours=1, seconds=1)) == []


def test_an_unrouted_lead_is_announced_when_its_time_has_come(
    conn: Connection[Any], functions: Functions, source: int, now: datetime
) -> None:
    again = now + timedelta(minutes=15)
    lead = a_lead(
        conn, source, status="validated", created_at=now, updated_at=now, unrouted_at=now, route_again_at=again
    )
    assert sweep(conn, functions, again - timedelta(microseconds=1)) == []
    assert sweep(conn, functions, again) == [("lead.validated", lead)]


@pytest.mark.parametrize("status", ["rejected", "accepted"])
def test_a_lead_that_is_done_is_left_alone(
    conn: Connection[Any], functions: Functions, source: int, now: datetime, status: str
) -> None:
    a_lead(conn, source, status=status, created_at=now)
    assert sweep(conn, functions, now + timedelta(days=1)) == []


def a_delivered_lead(conn: Connection[Any], source: int, **delivery: Any) -> int:
    buyer = a_buyer(conn)
    an_enrollment(conn, buyer, conn.execute("SELECT offer_id FROM sources WHERE id = %s", (source,)).fetchall()[0][0])
    lead = a_lead(
        conn, source, status="delivered", buyer_id=buyer, delivered_price="45.00", price_components={},
        delivered_at="2026-06-01T00:00:00Z",
    )  # fmt: skip
    a_delivery(conn, lead, buyer, **delivery)
    return lead


def test_a_delivery_that_is_overdue_and_unclaimed_is_announced(
    conn: Connection[Any], functions: Functions, source: int, now: datetime
) -> None:
    due = now - timedelta(seconds=5)
    lead = a_delivered_lead(conn, source, next_attempt_at=due)
    assert sweep(conn, functions, now) == []
    assert sweep(conn, functions, now + timedelta(microseconds=1)) == [("delivery.due", lead)]


def test_a_delivery_under_way_is_announced_only_after_its_claim_has_ended(
    conn: Connection[Any], functions: Functions, source: int, now: datetime
) -> None:
    lead = a_delivered_lead(conn, source, claimed_until=now)
    assert sweep(conn, functions, now) == []
    assert sweep(conn, functions, now + timedelta(microseconds=1)) == [("delivery.due", lead)]


def test_a_taken_lead_that_nobody_billed_is_announced(
    conn: Connection[Any], functions: Functions, source: int, now: datetime
) -> None:
    lead = a_delivered_lead(conn, source, status="succeeded", settled_at=now)
    assert sweep(conn, functions, now + timedelta(minutes=1)) == []
    assert sweep(conn, functions, now + timedelta(minutes=1, microseconds=1)) == [("lead.delivered", lead)]
    conn.execute("UPDATE leads SET billing_status = 'billed', price = 45")
    assert sweep(conn, functions, now + timedelta(hours=1)) == []


def test_a_delivery_in_review_waits_for_an_operator_not_for_the_sweep(
    conn: Connection[Any], functions: Functions, source: int, now: datetime
) -> None:
    a_delivered_lead(conn, source, status="in_review")
    assert sweep(conn, functions, now + timedelta(days=9)) == []


def test_what_the_sweep_announces_takes_a_lost_lead_to_its_end(
    conn: Connection[Any], functions: Functions, source: int, now: datetime
) -> None:
    offer = conn.execute("SELECT offer_id FROM sources").fetchall()[0][0]
    an_enrollment(conn, a_buyer(conn), offer)
    lead = a_lead(conn, source, created_at=now)
    assert functions.module("sweep").handler({}, None)["leads"] == 1
    functions.drain()
    assert conn.execute("SELECT status::text FROM leads WHERE id = %s", (lead,)).fetchone() == ("delivered",)


def test_a_lead_that_announcing_does_not_help_is_told_of_ever_more_rarely(
    conn: Connection[Any], functions: Functions, source: int, now: datetime
) -> None:
    a_lead(conn, source, created_at=now)
    told_at = [minute for minute in range(1, 61) if sweep(conn, functions, now + timedelta(minutes=minute, seconds=1))]
    assert told_at == [1, 3, 7, 15, 31]


def test_the_longest_untouched_comes_first_however_many_are_stuck(
    conn: Connection[Any], functions: Functions, source: int, now: datetime, environment: pytest.MonkeyPatch
) -> None:
    environment.setattr(functions.module("sweep"), "MOST", 1)
    stubborn, younger = (a_lead(conn, source, created_at=now + timedelta(seconds=age)) for age in (0, 10))
    found = [sweep(conn, functions, now + timedelta(minutes=minute, seconds=20)) for minute in (1, 2)]
    assert found == [[("lead.received", stubborn)], [("lead.received", younger)]]


def test_the_longest_overdue_comes_first_and_then_behind_the_others(
    conn: Connection[Any], functions: Functions, source: int, now: datetime, environment: pytest.MonkeyPatch
) -> None:
    environment.setattr(functions.module("sweep"), "MOST", 1)
    stubborn, younger = (
        a_delivered_lead(conn, source, next_attempt_at=now + timedelta(seconds=age)) for age in (0, 10)
    )
    found = [sweep(conn, functions, now + timedelta(minutes=minute, seconds=20)) for minute in (1, 2, 3)]
    assert found == [[("delivery.due", stubborn)], [("delivery.due", younger)], [("delivery.due", stubborn)]]


def test_a_lead_that_its_buyer_gave_back_waits_since_then(
    conn: Connection[Any], functions: Functions, source: int, now: datetime
) -> None:
    long_ago = now - timedelta(days=9)
    lead = a_lead(conn, source, status="validated", created_at=long_ago, updated_at=now)
    a_delivery(conn, lead, a_buyer(conn), status="released", settled_at=now, release_reason="rejected")
    assert sweep(conn, functions, now + timedelta(minutes=1, seconds=1)) == [("lead.validated", lead)]


def test_a_lead_that_a_person_has_released_waits_since_then(
    conn: Connection[Any], functions: Functions, source: int, now: datetime
) -> None:
    long_ago = now - timedelta(days=9)
    leads = [
        a_lead(conn, source, status=status, created_at=long_ago, released_at=now, updated_at=now)
        for status in ("received", "validated")
    ]
    found = sweep(conn, functions, now + timedelta(minutes=1, seconds=1))
    assert found == [("lead.received", leads[0]), ("lead.validated", leads[1])]
