"""What-if over a record that the real stages wrote."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from leadgen.operations.simulate import Report, Scope, simulate
from tests.factories import a_buyer, a_market, a_source, an_enrolment, an_offer
from tests.functions.routed import a_valid_lead, route
from tests.functions_under_test import Functions

STRATEGIES: dict[str, dict[str, Any]] = {
    "priority": {"strategy": "priority_based", "unrouted": {"retry_minutes": 5, "give_up_hours": 2}},
    "turns": {"strategy": "round_robin", "acceptance_hours": {"wed": [["00:00", "20:00"]]}},
    "weighted": {"strategy": "weighted", "weights": {"1": 3, "2": 2}},
    "capacity": {"strategy": "capacity_based", "period": "hour"},
    "performance": {
        "strategy": "performance_based",
        "sla": {"max_delivery_seconds": 60, "percent": 80},
        "unrouted": {"action": "reject"},
    },
    "exclusive": {"strategy": "exclusive_zip", "exclusivity": {"fallback": "fallback_allowed"}},
    "dear": {
        "strategy": "round_robin",
        "exclusivity": {"fallback": "fallback_allowed"},
        "pricing": {
            "exclusivity_premium": {"type": "percent", "value": "12.5"},
            "time_of_day_premiums": [
                {"type": "flat", "value": "3.10", "days": ["wed"], "start": "06:30", "end": "07:15"}
            ],
        },
    },
}


def told_to_nobody(done: int, total: int) -> None:
    """Progress that nobody watches."""


def simulated(conn: Connection[Any], now: datetime, policy: Path | None = None, **scope: Any) -> Report:
    since = scope.pop("since", now - timedelta(days=30))
    until = scope.pop("until", now + timedelta(days=30))
    return simulate(conn, Scope(since, until, **scope), policy, {}, told_to_nobody)


def sold(report: Report) -> dict[str, tuple[int, Decimal, int, Decimal]]:
    """By buyer: leads and money on record, leads and money under the draft."""
    return {
        report.buyers[buyer_id]: (c.recorded.leads, c.recorded.money, c.simulated.leads, c.simulated.money)
        for (buyer_id, _), c in report.outcome.buyers.items()
    }


class Town:
    """A market with an offer for each strategy, and buyers enrolled in all of them within tight limits."""

    def __init__(self, conn: Connection[Any]) -> None:
        market = a_market(conn)
        self.offers = {name: an_offer(conn, config=config, market_id=market, name=name)
                       for name, config in STRATEGIES.items()}  # fmt: skip
        self.sources = [a_source(conn, offer) for offer in self.offers.values()]
        self.buyers = [
            a_buyer(conn, credit_limit="2000.00"),
            a_buyer(conn, credit_limit="900.00"),
            a_buyer(conn),
            a_buyer(conn, credit_limit="450.00"),
        ]
        limits: list[dict[str, Any]] = [
            {"routing_priority": 3, "capacity_per_hour": 3, "price_per_lead": "51.25"},
            {"routing_priority": 2, "capacity_per_day": 9, "budget_per_hour": "99.00"},
            {"routing_priority": 1, "budget_per_week": "700.00", "capacity_per_hour": 2},
            {"routing_priority": 9, "min_balance_required": "100.00", "filter": {"field": "city", "present": True}},
        ]
        for offer in self.offers.values():
            for buyer, own in zip(self.buyers, limits, strict=True):
                an_enrolment(conn, buyer, offer, area=("market", "*"), **own)
            conn.execute(
                "INSERT INTO offer_exclusivities (offer_id, buyer_id, scope_type, scope_value)"
                " VALUES (%s, %s, 'postal_code', '80015')",
                (offer, self.buyers[1]),
            )
        conn.execute("INSERT INTO wallets (buyer_id, balance) VALUES (%s, 500)", (self.buyers[3],))


def a_busy_day(conn: Connection[Any], functions: Functions, town: Town, now: datetime, seed: random.Random) -> None:
    """Leads of all offers come in batches; the unsold are tried again; buyers answer, are billed, pay and change."""
    at = now
    for _ in range(24):
        at += timedelta(minutes=seed.randint(1, 25))
        new = [
            a_valid_lead(
                conn,
                seed.choice(town.sources),
                created_at=at - timedelta(seconds=seed.randint(1, 90)),
                postal_code=seed.choice(["80014", "80015"]),
                city=seed.choice([None, "Aurora"]),
            )
            for _ in range(seed.randint(3, 10))
        ]
        waiting = conn.execute("SELECT id FROM leads WHERE status = 'validated' AND route_again_at <= %s", (at,))
        route(functions, *sorted({*new, *(row[0] for row in waiting)}), at=at)
        _the_world_goes_on(conn, at, seed)


def _the_world_goes_on(conn: Connection[Any], at: datetime, seed: random.Random) -> None:
    taken = at + timedelta(seconds=seed.choice([5, 100]))
    conn.execute(
        "UPDATE deliveries SET status = 'taken', settled_at = %s, next_attempt_at = NULL"
        " WHERE status = 'pending' AND lead_id %% 10 < 7",
        (taken,),
    )
    conn.execute(
        "UPDATE leads SET status = 'accepted', accepted_at = %s WHERE status = 'delivered' AND id %% 3 = 0", (at,)
    )
    conn.execute(
        "WITH billed AS (UPDATE leads SET billing_status = 'billed', price = delivered_price, billed_at = %s"
        "                 WHERE billing_status = 'pending' AND delivered_price IS NOT NULL AND id %% 2 = 0"
        "                RETURNING buyer_id, price),"
        "     owed AS (SELECT buyer_id, sum(price) AS amount FROM billed GROUP BY buyer_id)"
        " UPDATE buyers b SET balance = balance + amount, pending_amount = pending_amount - amount"
        "   FROM owed WHERE b.id = owed.buyer_id",
        (at,),
    )
    if seed.random() < 0.2:
        conn.execute("UPDATE buyers SET balance = balance / 2 WHERE balance > 0")
    if seed.random() < 0.2:
        conn.execute("UPDATE buyer_offers SET capacity_per_hour = capacity_per_hour + 1 WHERE id % 2 = 0")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_policies_of_the_time_reproduce_the_record_exactly(
    conn: Connection[Any], functions: Functions, now: datetime, seed: int
) -> None:
    town = Town(conn)
    a_busy_day(conn, functions, town, now, random.Random(seed))
    report = simulated(conn, now)
    assert report.outcome.changes == ()
    assert (report.outcome.repriced, report.unreadable) == (0, 0)
    assert all(compared.recorded == compared.simulated for compared in report.outcome.buyers.values())
    assert all(recorded == draft for recorded, draft in report.outcome.unsold.values())
    # What was compared is not nothing.
    truth = conn.execute(
        "SELECT buyer_id, count(*), sum(delivered_price) FROM leads WHERE buyer_id IS NOT NULL GROUP BY 1"
    )
    assert {row[0]: tuple(row[1:]) for row in truth} == {
        buyer_id: (c.recorded.leads, c.recorded.money) for (buyer_id, _), c in report.outcome.buyers.items()
    }
    ((retried, sold_late),) = conn.execute(
        "SELECT count(*) FILTER (WHERE route_attempts > 1), count(*) FILTER (WHERE route_attempts > 1 AND buyer_id > 0)"
        " FROM leads"
    ).fetchall()
    assert len(report.outcome.buyers) == 4
    assert retried > sold_late > 0
    assert len(report.outcome.unsold) >= 1
