"""Rows for tests, with ordinary values for what a test does not care about."""

import base64
import itertools
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from leadgen.buyers import store as buyers_store
from leadgen.leads.domain import normalization
from leadgen.ledger import store as ledger_store
from leadgen.ledger.domain import Transaction, entries

_numbers = itertools.count(1)
_PRIORITY = {"strategy": "priority_based"}


def insert(conn: Connection[Any], table: str, **values: Any) -> int:
    """Insert a row; its id. Dicts become JSON."""
    columns = ", ".join(values)
    places = ", ".join(["%s"] * len(values))
    row = conn.execute(
        f"INSERT INTO {table} ({columns}) VALUES ({places}) RETURNING id".encode(),
        [Jsonb(value) if isinstance(value, dict) else value for value in values.values()],
    ).fetchone()
    assert row is not None
    return int(row[0])


def a_market(conn: Connection[Any], **values: Any) -> int:
    return insert(conn, "markets", **{"name": f"Market {next(_numbers)}", "timezone": "America/Denver"} | values)


def an_offer(
    conn: Connection[Any],
    *,
    rules: dict[str, Any] | None = None,
    config: dict[str, Any] | None = None,
    market_id: int | None = None,
    **values: Any,
) -> int:
    """An offer in a market and vertical of its own, with policies of its own."""
    number = next(_numbers)
    defaults = {
        "market_id": market_id or a_market(conn),
        "vertical_id": insert(conn, "verticals", slug=f"vertical-{number}", name=f"Vertical {number}"),
        "name": f"Offer {number}",
        "default_price_per_lead": "45.00",
        "validation_policy_id": insert(conn, "validation_policies", name=f"Rules {number}", rules=rules or {}),
        "routing_policy_id": insert(conn, "routing_policies", name=f"Routing {number}", config=config or _PRIORITY),
    }
    return insert(conn, "offers", **defaults | values)


def a_source(conn: Connection[Any], offer_id: int, **values: Any) -> int:
    number = next(_numbers)
    defaults = {"source_key": f"source-{number}", "kind": "landing_page", "name": f"Source {number}"}
    return insert(conn, "sources", offer_id=offer_id, **defaults | values)


def a_buyer(conn: Connection[Any], **values: Any) -> int:
    number = next(_numbers)
    defaults = {"name": f"Buyer {number}", "email": f"buyer{number}@example.com", "phone": "+13035550100"}
    return insert(conn, "buyers", **defaults | values)


def prepaid(conn: Connection[Any], buyer_id: int, amount: str | int | Decimal) -> None:
    """Top a buyer's wallet up, as a payment does."""
    with conn.transaction():
        buyers_store.lock(conn, [buyer_id])
        money = ledger_store.money(conn, [buyer_id])[buyer_id]
        top_up = Transaction(
            key=f"payment:of a test {next(_numbers)}",
            kind="payment",
            currency=money.currency,
            occurred_at=datetime(2026, 6, 17, 12, 0, tzinfo=UTC),
            actor="a test",
            entries=entries(("cash", "wallet", Decimal(amount))),
            buyer_id=buyer_id,
        )
        ledger_store.post(conn, [top_up])


def an_enrollment(conn: Connection[Any], buyer_id: int, offer_id: int, **values: Any) -> int:
    """A buyer's enrollment, and a service area for postal code 80014 in the offer's market (``area`` for another)."""
    area = values.pop("area", ("postal_code", "80014"))
    if area is not None:
        conn.execute(
            """
            INSERT INTO buyer_service_areas (buyer_id, market_id, scope_type, scope_value)
            SELECT %s, market_id, %s, %s FROM offers WHERE id = %s
            ON CONFLICT DO NOTHING
            """,
            (buyer_id, *area, offer_id),
        )
    return insert(conn, "buyer_offers", buyer_id=buyer_id, offer_id=offer_id, **values)


def a_lead(conn: Connection[Any], source_id: int, **values: Any) -> int:
    """A received lead of a source, stored as the ingest function stores it."""
    number = next(_numbers)
    bound = conn.execute(
        """
        SELECT s.offer_id, o.market_id, o.vertical_id FROM sources s JOIN offers o ON o.id = s.offer_id WHERE s.id = %s
        """,
        (source_id,),
    ).fetchone()
    assert bound is not None
    defaults = {
        "offer_id": bound[0],
        "market_id": bound[1],
        "vertical_id": bound[2],
        "idempotency_key": f"key-of-a-test-{number:06d}",
        "name": f"Person {number}",
        "email": f"person{number}@example.com",
        "phone": f"+1303666{number % 10_000:04d}",
        "postal_code": "80014",
        "trace_id": f"trace-{number}",
    }
    lead = defaults | values
    lead.setdefault("normalized_email", normalization.email(lead["email"]))
    lead.setdefault("normalized_phone", normalization.phone(lead["phone"]))
    return insert(conn, "leads", source_id=source_id, **lead)


def a_delivery(conn: Connection[Any], lead_id: int, buyer_id: int, *, status: str = "pending", **values: Any) -> str:
    """The delivery of a routed lead, in one of its states; its id."""
    state: dict[str, Any] = {
        "pending": {"next_attempt_at": "-infinity"},
        "succeeded": {"settled_at": "2026-06-17T12:00:00Z"},
        "in_review": {"settled_at": "2026-06-17T12:00:00Z", "review_reason": "webhook_failed"},
        "released": {"settled_at": "2026-06-17T12:00:00Z", "release_reason": "rejected"},
    }.get(status, {})
    delivery_id = str(uuid.uuid4())
    row = {"id": delivery_id, "lead_id": lead_id, "buyer_id": buyer_id, "channel": "webhook", "status": status}
    columns = row | state | values
    conn.execute(
        f"INSERT INTO deliveries ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})".encode(),
        list(columns.values()),
    )
    return delivery_id


def a_subscription(
    conn: Connection[Any], url: str, *events: str, buyer_id: int | None = None, secret: str | None = None
) -> int:
    """A subscription in force, to everything unless events are named."""
    secret = secret or "whsec_" + base64.b64encode(b"a secret of thirty-two bytes, ok.").decode()
    return insert(conn, "subscriptions", buyer_id=buyer_id, url=url, events=list(events or ("*",)), secret=secret)


def a_post(**fields: Any) -> dict[str, Any]:
    """The body of a post that nothing is wrong with; each differs from the last."""
    number = next(_numbers)
    return {
        "name": f"Person {number}",
        "email": f"person{number}@example.com",
        "phone": f"+1303555{number % 10_000:04d}",
        "postal_code": "80014",
    } | fields
