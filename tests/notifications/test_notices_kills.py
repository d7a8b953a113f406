"""``kill -9`` of the worker at every point of a notice: it arrives all the same, under one id, with the same bytes."""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.notifications.service import replays
from leadgen.platform import clock
from tests.support.factories import a_buyer, a_subscription, an_enrollment
from tests.support.processes.killed_worker import POINTS
from tests.support.processes.sigkill import Workers
from tests.support.servers.buyer_endpoint import BuyerEndpoint
from tests.support.stages.functions import Functions
from tests.support.stages.messages import waiting
from tests.support.stages.notices import a_taken_delivery, make_due, money, open_endpoints

KILLS = int(os.environ.get("KILLS", "10"))


@pytest.fixture
def workers(conn: Connection[Any], buyer_endpoint: BuyerEndpoint) -> Iterator[Workers]:
    found = Workers("notify")
    yield found
    found.end()


def kill_all(conn: Connection[Any], functions: Functions, endpoint: BuyerEndpoint, workers: Workers) -> dict[str, str]:
    """Let a worker die over every notice, and the sweep find what they left; each notice's point."""
    conn.execute("TRUNCATE pgmq.q_notify")
    notices = [row[0] for row in conn.execute("SELECT id::text FROM notices ORDER BY id")]
    points = {notice: POINTS[place % len(POINTS)] for place, notice in enumerate(notices)}
    for notice, point in points.items():
        conn.execute("UPDATE replay_batches SET paced_to = '2026-01-01Z'")
        conn.execute("UPDATE notices SET next_attempt_at = now() WHERE status = 'pending'")
        workers.kill(point, notice, endpoint)
        conn.execute("UPDATE notices SET claimed_until = now() - INTERVAL '1 minute' WHERE claimed_until IS NOT NULL")
    while conn.execute("SELECT 1 FROM notices WHERE status = 'pending'").fetchone():
        make_due(conn)
        open_endpoints(conn)
        conn.execute("UPDATE replay_batches SET paced_to = '2026-01-01Z'")
        functions.module("sweep").run(clock.now() + timedelta(seconds=1))
        functions.drain()
    assert conn.execute("SELECT DISTINCT status FROM notices").fetchall() == [("succeeded",)]
    assert waiting(conn, "notify_dlq") == []
    return points


@pytest.mark.timeout(300)
def test_each_event_arrives_under_its_id_with_the_same_bytes(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, workers: Workers
) -> None:
    subscription = a_subscription(conn, buyer_endpoint.url())
    for place in range(KILLS * len(POINTS)):
        conn.execute(
            """
            INSERT INTO notices (kind, event, event_key, subscription_id, body, due_at, next_attempt_at)
            VALUES ('event', 'lead.received', %s, %s, %s, now(), now())
            """,
            (f"lead.received:lead_id={place}", subscription, b"%d" % place),
        )
    points = kill_all(conn, functions, buyer_endpoint, workers)
    sent: dict[str, list[bytes]] = {}
    for request in buyer_endpoint.received:
        sent.setdefault(request.headers["webhook-id"], []).append(request.body)
    assert sent.keys() == points.keys()
    assert {len(set(copies)) for copies in sent.values()} == {1}
    assert {(points[notice], len(copies)) for notice, copies in sent.items()} == {
        (point, 1 if point == "before_call" else 2) for point in POINTS
    }


@pytest.mark.timeout(300)
def test_each_delivery_of_a_recovery_arrives_and_bills_nothing(
    conn: Connection[Any],
    functions: Functions,
    buyer_endpoint: BuyerEndpoint,
    workers: Workers,
    source: int,
    offer: int,
) -> None:
    buyer = a_buyer(conn, webhook_url=buyer_endpoint.url())
    an_enrollment(conn, buyer, offer)
    deliveries = {a_taken_delivery(conn, buyer, source) for _ in range(KILLS * len(POINTS))}
    before = money(conn)
    now = clock.now()
    with conn.transaction():
        replays.replay_all(
            conn, str(buyer), since=now - timedelta(days=365), until=now, rate=50, actor=Actor("op"), now=now
        )
    kill_all(conn, functions, buyer_endpoint, workers)
    assert {request.headers["webhook-id"] for request in buyer_endpoint.received} == deliveries
    assert money(conn) == before
