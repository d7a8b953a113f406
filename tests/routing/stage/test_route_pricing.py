"""The price a lead is claimed at: the contract's order, in the market's time, frozen with its parts."""

from datetime import datetime
from typing import Any

import pytest
from psycopg import Connection

from tests.support.factories import a_buyer, a_source, an_enrollment, an_offer, insert
from tests.support.stages.functions import Functions
from tests.support.stages.routing import a_valid_lead, route

EVENING, NOON = (datetime.fromisoformat(f"2026-06-17T{clock}:00-06:00") for clock in ("18:00", "12:00"))  # in Denver
PRICING = {
    "exclusivity_premium": {"type": "percent", "value": "20"},
    "time_of_day_premiums": [{"days": ["wed"], "start": "18:00", "end": "08:00", "type": "flat", "value": "5"}],
}


@pytest.mark.parametrize(
    ("at", "exclusive", "price", "parts"),
    [
        (NOON, False, "50.00", [("buyer_price", "50.00")]),
        (EVENING, False, "55.00", [("buyer_price", "50.00"), ("time_of_day_premium", "5.00")]),
        (NOON, True, "60.00", [("buyer_price", "50.00"), ("exclusivity_premium", "10.00")]),
        (
            EVENING,
            True,
            "65.00",
            [("buyer_price", "50.00"), ("exclusivity_premium", "10.00"), ("time_of_day_premium", "5.00")],
        ),
    ],
)
def test_premiums_are_added_to_the_base_and_frozen_part_by_part(
    conn: Connection[Any],
    functions: Functions,
    at: datetime,
    exclusive: bool,
    price: str,
    parts: list[tuple[str, str]],
) -> None:
    offer = an_offer(conn, config={"strategy": "priority_based", "pricing": PRICING})
    buyer = a_buyer(conn)
    an_enrollment(conn, buyer, offer, price_per_lead="50.00")
    if exclusive:
        insert(
            conn, "offer_exclusivities", offer_id=offer, buyer_id=buyer, scope_type="postal_code", scope_value="80014"
        )
    lead = a_valid_lead(conn, a_source(conn, offer))
    assert route(functions, lead, at=at) == ["routed"]
    row = conn.execute("SELECT delivered_price::text, price_components FROM leads WHERE id = %s", (lead,)).fetchone()
    assert row == (price, [{"component": component, "amount": amount} for component, amount in parts])
    assert conn.execute("SELECT pending_amount::text FROM buyers").fetchone() == (price,)


def test_a_premium_counts_against_the_credit_limit(conn: Connection[Any], functions: Functions) -> None:
    offer = an_offer(conn, config={"strategy": "priority_based", "pricing": PRICING})
    an_enrollment(conn, a_buyer(conn, credit_limit="54.99"), offer, price_per_lead="50.00")
    source = a_source(conn, offer)
    assert route(functions, a_valid_lead(conn, source), at=EVENING) == ["unrouted"]
    assert route(functions, a_valid_lead(conn, source), at=NOON) == ["routed"]
