"""Feeds events to the notify stage in tests, and reads the notices they made."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.platform import clock
from leadgen.platform.messaging.batch import Message
from tests.support.factories import a_delivery, a_lead, a_source, an_offer
from tests.support.servers.buyer_endpoint import Received
from tests.support.stages.functions import Functions
from tests.support.stages.messages import body


def notify(functions: Functions, *bodies: dict[str, Any], at: datetime | None = None) -> list[str]:
    """Run the stage for these messages; returns the outcomes of them and of the notices."""
    read = [
        Message(f"m{place}", one["event"], one["lead_id"], datetime.fromisoformat(one["occurred_at"]), None, one)
        for place, one in enumerate(bodies)
    ]
    return [outcome.outcome for outcome in functions.module("notify").process(read, at or clock.now())]


def wake(functions: Functions, *notice_ids: str, at: datetime | None = None) -> list[str]:
    """Run the stage for notices that are due; returns the outcomes of the notices."""
    outcomes = notify(functions, *(body("notice.due", None, notice_id=notice_id) for notice_id in notice_ids), at=at)
    return [outcome for outcome in outcomes if outcome != "nothing_due"]


def make_due(conn: Connection[Any]) -> None:
    """Let the pause before the next attempt be over, and the time of any claim."""
    conn.execute(
        "UPDATE notices SET next_attempt_at = '2020-01-01Z', claimed_until = claimed_until - INTERVAL '1 hour' "
        "WHERE status = 'pending'"
    )


def open_endpoints(conn: Connection[Any]) -> None:
    """Let no breaker stand in the way."""
    conn.execute("UPDATE endpoints SET state = 'closed', failures = 0, open_until = NULL, allowed = 50")


def notices(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    return conn.execute(
        "SELECT kind, event, status, attempts, error FROM notices ORDER BY created_at, event"
    ).fetchall()


def attempts(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    return conn.execute("SELECT attempt, outcome, http_status, error FROM notice_attempts ORDER BY id").fetchall()


def ids(conn: Connection[Any]) -> list[str]:
    return [row[0] for row in conn.execute("SELECT id::text FROM notices ORDER BY created_at, id")]


def notice_bodies(received: Sequence[Received]) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in received]


def some_lead(conn: Connection[Any]) -> int:
    return a_lead(conn, a_source(conn, an_offer(conn)))


def a_taken_delivery(conn: Connection[Any], buyer: int, source: int, **values: Any) -> str:
    """A delivery that the buyer's webhook took, of a lead that is billed; its id. ``values`` are the delivery's."""
    lead = a_lead(
        conn, source, status="delivered", buyer_id=buyer, delivered_price="45.00", price="45.00", price_components={},
        delivered_at="2026-06-17T11:00:00Z", billing_status="billed", billed_at="2026-06-17T11:01:00Z",
    )  # fmt: skip
    kept = {"body": f'{{"lead_id":{lead}}}'.encode(), "content_type": "application/json"}
    return a_delivery(conn, lead, buyer, **{"status": "succeeded"} | kept | values)


def money(conn: Connection[Any]) -> list[Any]:
    """All that a replay must leave as it is."""
    return [
        conn.execute(f"SELECT t FROM {table} t ORDER BY t::text".encode()).fetchall()
        for table in (
            "leads",
            "deliveries",
            "delivery_attempts",
            "buyers",
            "invoices",
            "invoice_lines",
            "capacity_counters",
        )
    ]
