"""The strategies on a real database: turns kept between batches, and records measured from what happened."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from psycopg import Connection

from tests.support.factories import a_buyer, a_delivery, a_lead, a_source, an_enrollment, an_offer
from tests.support.stages.functions import Functions
from tests.support.stages.routing import a_valid_lead, buyers_of, route


def an_offer_by(conn: Connection[Any], strategy: str, **config: Any) -> tuple[int, int]:
    """An offer with the strategy, and its source."""
    offer = an_offer(conn, config={"strategy": strategy, **config})
    return offer, a_source(conn, offer)


def winners(conn: Connection[Any], functions: Functions, source: int, at: datetime, leads: int) -> list[int | None]:
    """Who gets each of so many leads, one after the other."""
    ids = [a_valid_lead(conn, source) for _ in range(leads)]
    for lead in ids:
        route(functions, lead, at=at)
    return buyers_of(conn, *ids)


def test_turns_go_on_from_batch_to_batch(conn: Connection[Any], functions: Functions, now: datetime) -> None:
    offer, source = an_offer_by(conn, "round_robin")
    buyers = [a_buyer(conn) for _ in range(3)]
    for buyer in buyers:
        an_enrollment(conn, buyer, offer)
    assert winners(conn, functions, source, now, 7) == [*buyers, *buyers, buyers[0]]
    ids = [a_valid_lead(conn, source, created_at=now + timedelta(seconds=n)) for n in range(4)]
    route(functions, *ids, at=now)
    assert buyers_of(conn, *ids) == [buyers[1], buyers[2], buyers[0], buyers[1]]


def test_a_pool_goes_on_where_it_was_whatever_came_between(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    offer, source = an_offer_by(conn, "round_robin")
    first, second, third = (a_buyer(conn) for _ in range(3))
    for buyer in (first, second, third):
        an_enrollment(conn, buyer, offer)
    assert winners(conn, functions, source, now, 1) == [first]
    conn.execute("UPDATE buyer_offers SET pause_until = %s WHERE buyer_id = %s", (now + timedelta(hours=1), first))
    assert winners(conn, functions, source, now, 3) == [second, third, second]
    conn.execute("UPDATE buyer_offers SET pause_until = NULL")
    assert winners(conn, functions, source, now, 3) == [second, third, first]


def test_weights_share_a_pools_leads(conn: Connection[Any], functions: Functions, now: datetime) -> None:
    light, heavy = a_buyer(conn), a_buyer(conn)
    offer, source = an_offer_by(conn, "weighted", weights={str(heavy): 3})
    for buyer in (light, heavy):
        an_enrollment(conn, buyer, offer)
    assert winners(conn, functions, source, now, 8) == [heavy, heavy, light, heavy] * 2


def test_a_new_weighting_begins_anew(conn: Connection[Any], functions: Functions, now: datetime) -> None:
    offer, source = an_offer_by(conn, "round_robin")
    one, other = a_buyer(conn), a_buyer(conn)
    for buyer in (one, other):
        an_enrollment(conn, buyer, offer)
    assert winners(conn, functions, source, now, 1) == [one]
    changed = an_offer_by(conn, "weighted", weights={str(one): 2})[0]
    conn.execute(
        "UPDATE offers SET routing_policy_id = (SELECT routing_policy_id FROM offers WHERE id = %s) WHERE id = %s",
        (changed, offer),
    )
    assert Counter(winners(conn, functions, source, now, 3)) == {one: 2, other: 1}


def test_a_buyer_that_fills_up_within_a_batch_leaves_the_pool(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    offer, source = an_offer_by(conn, "round_robin")
    small, one, other = (a_buyer(conn) for _ in range(3))
    an_enrollment(conn, small, offer, capacity_per_day=2)
    for buyer in (one, other):
        an_enrollment(conn, buyer, offer)
    # The pool without the small one has had a lead before.
    conn.execute("UPDATE buyer_offers SET capacity_per_day = 0 WHERE buyer_id = %s", (small,))
    assert winners(conn, functions, source, now, 1) == [one]
    conn.execute("UPDATE buyer_offers SET capacity_per_day = 2 WHERE buyer_id = %s", (small,))
    ids = [a_valid_lead(conn, source, created_at=now + timedelta(seconds=n)) for n in range(8)]
    route(functions, *ids, at=now)
    assert buyers_of(conn, *ids) == [small, one, other, small, other, one, other, one]


def test_turns_are_exact_when_many_route_at_once(conn: Connection[Any], functions: Functions, now: datetime) -> None:
    offer, source = an_offer_by(conn, "weighted", weights={"1": 5, "2": 3})
    buyers = [a_buyer(conn) for _ in range(4)]
    for buyer in buyers:
        an_enrollment(conn, buyer, offer)
    ids = [a_valid_lead(conn, source) for _ in range(203)]
    barrier = Barrier(8)

    def work(worker: int) -> None:
        barrier.wait()
        own = ids[worker::8]
        for start in range(0, len(own), 10):
            route(functions, *own[start : start + 10], at=now)

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(work, worker) for worker in range(8)]:
            future.result()
    shares = {buyer: {1: 5, 2: 3}.get(buyer, 1) for buyer in buyers}
    received = Counter(buyers_of(conn, *ids))
    for buyer, weight in shares.items():
        assert abs(received[buyer] - 203 * weight / sum(shares.values())) < 1
    # In the order of the claims too: no lead was given out of turn.
    trace = conn.execute(
        "SELECT (trace ->> 'buyer_id')::int FROM lead_decisions WHERE outcome = 'routed' ORDER BY id"
    ).fetchall()
    so_far: Counter[int] = Counter()
    for number, (buyer,) in enumerate(trace, start=1):
        so_far[buyer] += 1
        for member, weight in shares.items():
            assert abs(so_far[member] - number * weight / sum(shares.values())) < 1


def test_capacity_based_fills_every_buyer_evenly(conn: Connection[Any], functions: Functions, now: datetime) -> None:
    offer, source = an_offer_by(conn, "capacity_based")
    large, small = a_buyer(conn), a_buyer(conn)
    an_enrollment(conn, large, offer, capacity_per_day=6)
    an_enrollment(conn, small, offer, capacity_per_day=2)
    assert winners(conn, functions, source, now, 9) == [
        large, small, large, large, large, small, large, large, None,
    ]  # fmt: skip


@pytest.mark.parametrize(("age_days", "expected"), [(29, "good"), (31, "first")])
def test_performance_is_measured_from_the_answers_of_the_lookback(
    conn: Connection[Any], functions: Functions, now: datetime, age_days: int, expected: str
) -> None:
    offer, source = an_offer_by(conn, "performance_based", lookback_days=30)
    buyers = {"first": a_buyer(conn), "good": a_buyer(conn)}
    for buyer in buyers.values():
        an_enrollment(conn, buyer, offer)
    delivered = now - timedelta(days=age_days)
    for name, status in (("first", "rejected"), ("good", "accepted"), ("good", "accepted"), ("good", "delivered")):
        a_lead(conn, source, status=status, buyer_id=buyers[name], delivered_at=delivered)
    lead = a_valid_lead(conn, source)
    route(functions, lead, at=now)
    assert buyers_of(conn, lead) == [buyers[expected]]
    ((records,),) = conn.execute(
        "SELECT jsonb_path_query_array(inputs, '$.facts.candidates[*].usage.record') FROM lead_decisions"
    ).fetchall()
    if expected == "good":
        assert [(r["answered"], r["accepted"]) for r in records] == [(1, 0), (2, 2)]


@pytest.mark.parametrize(
    ("status", "seconds", "expected"),
    [("succeeded", 5, "first"), ("succeeded", 6, "second"), ("in_review", 1, "second"), ("pending", 0, "second")],
)
def test_the_sla_is_measured_from_deliveries_and_one_that_hangs_counts_too(
    conn: Connection[Any], functions: Functions, now: datetime, status: str, seconds: int, expected: str
) -> None:
    offer, source = an_offer_by(conn, "priority_based", sla={"max_delivery_seconds": 5, "lookback_hours": 24})
    buyers = {"first": a_buyer(conn), "second": a_buyer(conn)}
    for buyer in buyers.values():
        an_enrollment(conn, buyer, offer)
    claimed = now - timedelta(hours=1)
    before = a_lead(conn, source, status="delivered", buyer_id=buyers["first"], delivered_at=claimed)
    settled = {} if status == "pending" else {"settled_at": claimed + timedelta(seconds=seconds)}
    a_delivery(conn, before, buyers["first"], status=status, created_at=claimed, **settled)
    lead = a_valid_lead(conn, source)
    route(functions, lead, at=now)
    assert buyers_of(conn, lead) == [buyers[expected]]


def test_exclusive_zip_sells_to_the_owner_and_to_nobody_else(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    offer, source = an_offer_by(conn, "exclusive_zip", unrouted={"action": "reject"})
    owner, other = a_buyer(conn), a_buyer(conn)
    for buyer in (owner, other):
        an_enrollment(conn, buyer, offer)
        an_enrollment(conn, buyer, an_offer(conn))
    conn.execute(
        "INSERT INTO offer_exclusivities (offer_id, scope_type, scope_value, buyer_id)"
        " VALUES (%s, 'postal_code', '80014', %s)",
        (offer, owner),
    )
    owned, free = a_valid_lead(conn, source), a_valid_lead(conn, source, postal_code="80015")
    assert route(functions, owned, free, at=now) == ["routed", "unrouted"]
    assert buyers_of(conn, owned, free) == [owner, None]
    assert conn.execute("SELECT rejection_reason FROM leads WHERE id = %s", (free,)).fetchone() == (
        "no_exclusive_buyer",
    )
