"""A thousand leads at once against one limit: exactly what it allows is sold, however often it is tried.

``RACES`` is the number of repetitions; ``make race`` runs fifty.
"""

import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.support.factories import a_buyer, a_source, an_enrollment, an_offer, insert
from tests.support.stages.functions import Functions
from tests.support.stages.routing import route

LEADS = 1000
WORKERS = 8
RACES = int(os.environ.get("RACES", "2"))


def valid_leads(conn: Connection[Any], source: int) -> list[int]:
    """A thousand validated leads of one place."""
    rows = conn.execute(
        """
        INSERT INTO leads (market_id, vertical_id, offer_id, source_id, idempotency_key, name, email, phone,
                           postal_code, status)
        SELECT o.market_id, o.vertical_id, o.id, s.id, 'race-' || s.id || '-' || n, 'Person', 'p@example.com',
               '+13035550100', '80014', 'validated'
          FROM sources s JOIN offers o ON o.id = s.offer_id, generate_series(1, %s) AS n
         WHERE s.id = %s
        RETURNING id
        """,
        (LEADS, source),
    )
    return [row[0] for row in rows]


def route_at_once(functions: Functions, leads: list[int], at: datetime) -> Counter[str]:
    """Route the leads in batches of ten on several threads that begin together."""
    barrier = threading.Barrier(WORKERS)

    def work(worker: int) -> list[str]:
        own = leads[worker::WORKERS]
        barrier.wait()
        return [
            outcome for start in range(0, len(own), 10) for outcome in route(functions, *own[start : start + 10], at=at)
        ]

    with ThreadPoolExecutor(WORKERS) as pool:
        futures = [pool.submit(work, worker) for worker in range(WORKERS)]
        return Counter(outcome for future in futures for outcome in future.result())


def sold_to(conn: Connection[Any], offer: int) -> dict[int, int]:
    rows = conn.execute(
        "SELECT buyer_id, count(*) FROM leads WHERE offer_id = %s AND status = 'delivered' GROUP BY 1", (offer,)
    )
    return dict(rows.fetchall())


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("of_buyer", "of_enrollment", "sells"),
    [
        ({}, {"capacity_per_day": 100}, 100),
        ({}, {"capacity_per_week": 100}, 100),
        ({}, {"budget_per_day": "1000.00"}, 22),
        ({"credit_limit": "1000.00"}, {}, 22),
    ],
    ids=["a cap of 100", "a weekly cap of 100", "a budget of 1,000.00", "a credit of 1,000.00"],
)
def test_a_thousand_leads_at_once_sell_exactly_what_the_limit_allows(
    conn: Connection[Any], functions: Functions, now: datetime, of_buyer: dict[str, Any], of_enrollment: dict[str, Any],
    sells: int,
) -> None:  # fmt: skip
    for _ in range(RACES):
        offer = an_offer(conn)
        buyer = a_buyer(conn, **of_buyer)
        enrollment = an_enrollment(conn, buyer, offer, **of_enrollment)
        outcomes = route_at_once(functions, valid_leads(conn, a_source(conn, offer)), now)
        assert outcomes == {"routed": sells, "unrouted": LEADS - sells}
        assert sold_to(conn, offer) == {buyer: sells}
        counted = conn.execute("SELECT claimed, amount FROM capacity_counters WHERE buyer_offer_id = %s", (enrollment,))
        assert counted.fetchall() == [(sells, sells * Decimal("45.00"))] * 4
        pending = conn.execute("SELECT pending_amount FROM buyers WHERE id = %s", (buyer,)).fetchone()
        assert pending == (sells * Decimal("45.00"),)
        deliveries = conn.execute("SELECT count(*) FROM deliveries WHERE buyer_id = %s", (buyer,)).fetchone()
        assert deliveries == (sells,)


@pytest.mark.timeout(900)
def test_an_exclusive_postal_code_has_one_owner_throughout(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    for _ in range(RACES):
        offer = an_offer(conn)
        owner, rival = a_buyer(conn), a_buyer(conn)
        for buyer in (owner, rival):
            an_enrollment(conn, buyer, offer, routing_priority=9 if buyer == rival else 1)
        place = {"offer_id": offer, "scope_type": "postal_code", "scope_value": "80014"}
        insert(conn, "offer_exclusivities", buyer_id=owner, **place)
        outcomes = route_at_once(functions, valid_leads(conn, a_source(conn, offer)), now)
        assert outcomes == {"routed": LEADS}
        assert sold_to(conn, offer) == {owner: LEADS}


def test_a_place_cannot_be_two_buyers_own_however_it_is_written(conn: Connection[Any]) -> None:
    offer = an_offer(conn)
    owner, rival = a_buyer(conn), a_buyer(conn)
    insert(conn, "offer_exclusivities", offer_id=offer, scope_type="city", scope_value="Aurora", buyer_id=owner)
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert(conn, "offer_exclusivities", offer_id=offer, scope_type="city", scope_value="AURORA", buyer_id=rival)
