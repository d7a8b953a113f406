"""Deliveries made in tests, and what became of them."""

from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.platform import clock
from tests.support.factories import a_buyer, a_delivery, a_lead, a_source, an_enrollment, an_offer
from tests.support.stages.functions import Functions
from tests.support.stages.messages import messages

SECRET = "the buyer's secret"


LONG_AGO = datetime.fromisoformat("2026-06-17T12:00:00+00:00")


def a_routed_lead(conn: Connection[Any], *, enrollment: dict[str, Any] | None = None, **buyer_values: Any) -> int:
    """A lead claimed for a buyer, its delivery due since long ago."""
    offer = an_offer(conn)
    buyer = a_buyer(conn, pending_amount="45.00", **buyer_values)
    an_enrollment(conn, buyer, offer, **enrollment or {})
    lead = a_lead(
        conn, a_source(conn, offer), status="delivered", buyer_id=buyer, delivered_price="45.00", price_components={},
        delivered_at=LONG_AGO, created_at=LONG_AGO, name="Zoë Sentinel", message="Leaks",
    )  # fmt: skip
    channel = "webhook" if buyer_values.get("webhook_url") else "email"
    a_delivery(conn, lead, buyer, channel=channel)
    return lead


def deliver(functions: Functions, *leads: int, at: datetime | None = None) -> list[str]:
    """Run the stage for these leads; each one's outcome."""
    outcomes = functions.module("deliver").process(messages("lead.routed", leads), at or clock.now())
    return [outcome.outcome for outcome in outcomes]


def make_due(conn: Connection[Any]) -> None:
    """Let the pause before the next attempt be over."""
    conn.execute("UPDATE deliveries SET next_attempt_at = '-infinity' WHERE status = 'pending'")


def state(conn: Connection[Any], lead: int) -> tuple[Any, ...]:
    row = conn.execute(
        "SELECT status, channel, attempts, review_reason, claimed_until FROM deliveries WHERE lead_id = %s", (lead,)
    ).fetchone()
    assert row is not None
    return tuple(row)


def attempts(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    return conn.execute(
        "SELECT channel, attempt, outcome, http_status, error FROM delivery_attempts ORDER BY id"
    ).fetchall()
