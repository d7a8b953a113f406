"""``kill -9`` of the worker at every point of a delivery: the lead is taken, sold once and billed once all the same."""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection

from leadgen.platform import clock
from tests.support.factories import a_buyer, a_lead, a_source, an_enrollment, an_offer
from tests.support.processes.killed_worker import POINTS
from tests.support.processes.sigkill import Workers
from tests.support.servers.buyer_endpoint import BuyerEndpoint
from tests.support.stages.functions import Functions
from tests.support.stages.messages import messages

KILLS = int(os.environ.get("KILLS", "25"))


@pytest.fixture
def workers(conn: Connection[Any], buyer_endpoint: BuyerEndpoint) -> Iterator[Workers]:
    found = Workers("deliver")
    yield found
    found.end()


@pytest.mark.timeout(600)
def test_each_lead_is_taken_under_one_id_sold_to_one_buyer_and_billed_once(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, workers: Workers
) -> None:
    offer = an_offer(conn)
    source = a_source(conn, offer)
    for name in ("first", "second"):
        buyer = a_buyer(conn, webhook_url=buyer_endpoint.url(f"/{name}"), webhook_secret="secret", credit_limit=None)
        an_enrollment(conn, buyer, offer)
    leads = {a_lead(conn, source, status="validated"): point for point in POINTS for _ in range(KILLS)}
    for start in range(0, len(leads), 10):
        functions.module("route").process(messages("lead.validated", list(leads)[start : start + 10]), clock.now())
    for lead, point in leads.items():
        workers.kill(point, lead, buyer_endpoint)
        # Let the dead worker's time be over: until then its call counts as under way.
        conn.execute("UPDATE deliveries SET claimed_until = now() - INTERVAL '1 minute' WHERE lead_id = %s", (lead,))
    assert conn.execute("SELECT count(*) FROM deliveries WHERE status = 'pending'").fetchone() == (len(leads),)

    # The sweep finds what the dead left; everything else is as after any message.
    conn.execute("UPDATE deliveries SET next_attempt_at = now() - INTERVAL '1 minute'")
    functions.module("sweep").run(clock.now() + timedelta(seconds=1))
    functions.drain()

    rows = conn.execute(
        """
        SELECT l.id, d.id::text, l.billing_status::text, count(*) OVER (PARTITION BY l.id)
          FROM leads l JOIN deliveries d ON d.lead_id = l.id WHERE d.status = 'succeeded'
        """
    ).fetchall()
    assert sorted(row[0] for row in rows) == sorted(leads), "a lead is not taken, or taken twice"
    assert {row[2:] for row in rows} == {("billed", 1)}
    assert conn.execute("SELECT sum(balance), sum(pending_amount) FROM buyers").fetchone() == (len(leads) * 45, 0)
    sent: dict[str, list[tuple[str, bytes]]] = {}
    for request in buyer_endpoint.received:
        sent.setdefault(request.headers["X-LeadGen-Delivery-Id"], []).append((request.path, request.body))
    assert sent.keys() == {row[1] for row in rows}, "a lead was sent under two ids"
    assert {len(set(copies)) for copies in sent.values()} == {1}, "a repeat differs from the first, or went elsewhere"
    by_delivery = {row[1]: leads[row[0]] for row in rows}
    copies = {point: {len(sent[d]) for d, at in by_delivery.items() if at == point} for point in POINTS}
    # What never went out goes out once; whatever had gone out is sent again, for nobody knew.
    assert copies == {point: {1} if point == "before_call" else {2} for point in POINTS}
    attempts = conn.execute(
        "SELECT outcome, error, count(*) FROM delivery_attempts GROUP BY 1, 2 ORDER BY 1"
    ).fetchall()
    assert attempts == [("succeeded", None, len(leads)), ("unknown", "interrupted", len(leads))]
