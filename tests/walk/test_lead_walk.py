"""A lead from POST to invoice, step by step, each step by the message that the one before has sent."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from leadgen.platform import clock
from tests.support.factories import a_buyer, a_post, a_source, an_enrollment, an_offer
from tests.support.servers.buyer_endpoint import BuyerEndpoint
from tests.support.stages.functions import Functions
from tests.support.stages.messages import failed_ids, sent, sqs_event, waiting


@pytest.fixture
def market(conn: Connection[Any]) -> tuple[int, int]:
    """An offer that asks for a roof's age, sold to one buyer at its own price and invoiced at 100; both ids."""
    rules = {
        "required_fields": ["roof_age"],
        "allowed_postal_codes": ["80014"],
        "duplicate_detection": {"enabled": True, "keys": ["phone"], "window_hours": 24},
    }
    offer = an_offer(conn, rules=rules, invoice_threshold="100.00")
    a_source(conn, offer, source_key="walk")
    buyer = a_buyer(conn, webhook_secret="secret")
    an_enrollment(conn, buyer, offer, price_per_lead="60.00", capacity_per_day=2)
    return offer, buyer


@pytest.fixture
def endpoint(conn: Connection[Any], market: tuple[int, int], environment: pytest.MonkeyPatch) -> Any:
    with BuyerEndpoint() as running:
        environment.setenv("EGRESS_ALLOWED_ORIGINS", running.origin)
        conn.execute("UPDATE buyers SET webhook_url = %s WHERE id = %s", (running.url(), market[1]))
        yield running


def step(conn: Connection[Any], functions: Functions, stage: str) -> None:
    """Hand a stage what is in its queue, and empty the queue."""
    bodies = waiting(conn, stage)
    assert bodies, f"nobody has told {stage} anything"
    conn.execute(f"TRUNCATE pgmq.q_{stage}".encode())
    assert failed_ids(functions.module(stage).handler(sqs_event(*bodies), None)) == set()


def row(conn: Connection[Any], lead: int, columns: str) -> tuple[Any, ...]:
    found = conn.execute(f"SELECT {columns} FROM leads WHERE id = %s".encode(), (lead,)).fetchone()
    assert found is not None
    return tuple(found)


def test_a_lead_is_taken_in_validated_routed_delivered_billed_and_invoiced(
    conn: Connection[Any], functions: Functions, market: tuple[int, int], endpoint: BuyerEndpoint
) -> None:
    offer, buyer = market
    began = clock.now()

    # 1. Taken in: stored once, bound to its offer, and validate is told.
    body = a_post(source_key="walk", roof_age=12, city="Aurora")
    answer = functions.client().post("/api/leads", json=body)
    assert (answer.status_code, answer.json()["status"], answer.json()["offer_id"]) == (202, "received", offer)
    lead: int = answer.json()["lead_id"]
    assert sent(conn, "validate") == [("lead.received", lead)]

    # 2. Validated: both decisions are on record.
    step(conn, functions, "validate")
    assert row(conn, lead, "status::text, validation_reason, is_duplicate") == ("validated", None, False)
    assert sent(conn, "route") == [("lead.validated", lead)]

    # 3. Routed: the buyer has a claim on it at a price that is frozen, and one place of its day is taken.
    step(conn, functions, "route")
    assert row(conn, lead, "status::text, buyer_id, delivered_price::text, price, billing_status::text") == (
        "delivered", buyer, "60.00", None, "pending",
    )  # fmt: skip
    assert conn.execute("SELECT balance::text, pending_amount::text FROM buyers").fetchone() == ("0.00", "60.00")
    assert conn.execute("SELECT claimed FROM capacity_counters WHERE period = 'day'").fetchall() == [(1,)]
    assert sent(conn, "deliver") == [("lead.routed", lead)]

    # 4. Delivered: the buyer's endpoint has the whole lead.
    step(conn, functions, "deliver")
    (request,) = endpoint.received
    contact = json.loads(request.body)["data"]["contact"]
    assert contact == {"name": body["name"], "phone": body["phone"], "email": body["email"], "zip": "80014"}
    assert conn.execute("SELECT status, attempts FROM deliveries").fetchone() == ("succeeded", 1)
    assert sent(conn, "bill") == [("lead.delivered", lead)]

    # 5. Billed: what was pending is owed now.
    step(conn, functions, "bill")
    assert row(conn, lead, "billing_status::text, price::text") == ("billed", "60.00")
    assert conn.execute("SELECT lead_id FROM uninvoiced_leads").fetchall() == [(lead,)]
    assert conn.execute("SELECT balance::text, pending_amount::text FROM buyers").fetchone() == ("60.00", "0.00")
    assert conn.execute("SELECT count(*) FROM invoices").fetchone() == (0,)

    # 6. The same post again changes nothing and says what became of it; the same person again is a duplicate.
    replay = functions.client().post("/api/leads", json=body)
    assert replay.headers["Idempotency-Replayed"] == "true"
    assert replay.json() == answer.json() | {"status": "delivered", "buyer_id": buyer, "price": 60.0}
    again = functions.client().post("/api/leads", json=body | {"message": "Please call!"}).json()["lead_id"]
    functions.drain()
    assert row(conn, again, "status::text, validation_reason, duplicate_of_lead_id") == (
        "rejected", "duplicate_recent", lead,
    )  # fmt: skip

    # 7. A second lead crosses the threshold: one invoice, a line a lead. A third finds the day's places taken.
    second, third = (
        functions.client().post("/api/leads", json=a_post(source_key="walk", roof_age=3)).json()["lead_id"]
        for _ in range(2)
    )
    functions.drain()
    assert conn.execute("SELECT invoice_number, total_leads, total_amount::text FROM invoices").fetchall() == [
        ("INV-000001", 2, "120.00")
    ]
    assert conn.execute("SELECT lead_id, amount::text FROM invoice_lines ORDER BY lead_id").fetchall() == [
        (lead, "60.00"), (second, "60.00"),
    ]  # fmt: skip
    assert row(conn, third, "status::text, unrouted_reason") == ("validated", "no_eligible_buyer")
    assert len(endpoint.received) == 2

    # 8. The next week's cycle finds nothing left to invoice.
    assert functions.module("invoice").run(clock.now() + timedelta(weeks=1))["issued"] == 0

    # 9. The whole life is on record, every step once and in order.
    logged = conn.execute(
        "SELECT event, occurred_at FROM lifecycle_events WHERE lead_id = %s ORDER BY occurred_at", (lead,)
    ).fetchall()
    assert [event for event, _ in logged] == [
        "lead.received", "lead.validated", "lead.routed", "lead.delivered", "lead.billed",
    ]  # fmt: skip
    times: list[datetime] = [at for _, at in logged]
    assert began <= times[0]
    assert times[-1] <= clock.now()
    stages = conn.execute(
        "SELECT stage, outcome FROM lead_decisions WHERE lead_id = %s ORDER BY id", (lead,)
    ).fetchall()
    assert stages == [("duplicates", "not_duplicate"), ("validation", "validated"), ("routing", "routed")]


def test_a_lead_whose_every_message_comes_twice_is_sold_once(
    conn: Connection[Any], functions: Functions, market: tuple[int, int], endpoint: BuyerEndpoint
) -> None:
    functions.client().post("/api/leads", json=a_post(source_key="walk", roof_age=12))
    for stage in ("validate", "route", "deliver", "bill", "notify"):
        bodies = waiting(conn, stage)
        for _ in range(2):
            assert failed_ids(functions.module(stage).handler(sqs_event(*bodies, *bodies), None)) == set()
    assert len(endpoint.received) == 1
    assert conn.execute("SELECT balance::text, pending_amount::text FROM buyers").fetchone() == ("60.00", "0.00")
    assert conn.execute("SELECT event FROM lifecycle_events ORDER BY occurred_at").fetchall() == [
        ("lead.received",), ("lead.validated",), ("lead.routed",), ("lead.delivered",), ("lead.billed",),
    ]  # fmt: skip
    assert conn.execute("SELECT count(*) FROM delivery_attempts").fetchone() == (1,)
    assert conn.execute("SELECT count(*) FROM lead_decisions").fetchone() == (3,)
