"""``make bench-route``: what a batch costs to route where many buyers are enrolled and few serve the place.

Two offers, each with 20 buyers who serve the leads' postal code: in one nobody else is enrolled, in the other 9,980
more who serve other places. Their batches of ten take turns, so that both see the same machine; quote the ratio.
"""

import os
import statistics
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import Connection

from bench import database
from leadgen.platform import clock
from leadgen.platform.messaging import batch

SERVING, ENROLLED = 20, 10_000
ROUNDS, WARM_UP, BATCH = 100, 10, 10
LIMIT = 1.5
PLACE = "80014"
BEGINNING = datetime(2026, 6, 17, 12, 0, tzinfo=UTC)


def main() -> int:
    """Measure; 1 when the limit is broken."""
    with database.fresh() as url:
        os.environ.update(
            DATABASE_URL=url, SECRET_KEY="a-secret-key-for-benches-of-sufficient-length", LOG_LEVEL="WARNING"
        )
        with psycopg.connect(url, autocommit=True) as conn:
            offers = [_fill(conn, enrolled) for enrolled in (SERVING, ENROLLED)]
            conn.execute("ANALYZE")
            print(f"{BATCH} leads at once, median of {ROUNDS} batches each")
            few, many = _measure(conn, offers)
    ratio = many / few
    for enrolled, milliseconds in ((SERVING, few), (ENROLLED, many)):
        print(f"{enrolled:8,} enrolled, {SERVING} serve the place {milliseconds:9.2f} ms")
    print(f"\nThe ratio is {ratio:.2f}; at most {LIMIT}: {'kept' if ratio <= LIMIT else 'BROKEN'}")
    return 0 if ratio <= LIMIT else 1


def _measure(conn: Connection[Any], offers: list[int]) -> tuple[float, float]:
    taken: dict[int, list[float]] = {offer: [] for offer in offers}
    for number in range(WARM_UP + ROUNDS):
        for offer in offers if number % 2 else reversed(offers):
            seconds = _route(_leads(conn, offer), BEGINNING + timedelta(minutes=number))
            if number >= WARM_UP:
                taken[offer].append(seconds * 1000)
    few, many = (statistics.median(taken[offer]) for offer in offers)
    return few, many


def _route(lead_ids: list[int], now: datetime) -> float:
    from functions.route import handler  # reads the settings that main has made

    messages = [
        batch.Message(str(lead_id), "lead.validated", lead_id, now, None, {"lead_id": lead_id}) for lead_id in lead_ids
    ]
    began = clock.seconds()
    outcomes = handler.process(messages, now)
    seconds = clock.seconds() - began
    assert all(outcome.outcome == "routed" for outcome in outcomes)
    return seconds


def _leads(conn: Connection[Any], offer: int) -> list[int]:
    rows = conn.execute(
        """
        INSERT INTO leads (source_id, offer_id, market_id, vertical_id, idempotency_key, name, email, phone,
                           postal_code, status)
        SELECT s.id, o.id, o.market_id, o.vertical_id, gen_random_uuid()::text, 'Person', 'person@example.com',
               '+13035550101', %s, 'validated'
          FROM generate_series(1, %s), offers o JOIN sources s ON s.offer_id = o.id WHERE o.id = %s
        RETURNING id
        """,
        (PLACE, BATCH, offer),
    )
    return [row[0] for row in rows]


def _fill(conn: Connection[Any], enrolled: int) -> int:
    """An offer in a market of its own with so many buyers, twenty of whom serve the place; its id."""
    row = conn.execute(
        """
        WITH m AS (INSERT INTO markets (name, timezone) VALUES (%(name)s, 'America/Denver') RETURNING id),
             v AS (INSERT INTO verticals (slug, name) VALUES (%(name)s, %(name)s) RETURNING id),
             p AS (INSERT INTO validation_policies (name, rules) VALUES (%(name)s, '{}') RETURNING id),
             r AS (INSERT INTO routing_policies (name, config) VALUES (%(name)s, '{"strategy": "round_robin"}')
                   RETURNING id)
        INSERT INTO offers (market_id, vertical_id, name, default_price_per_lead, validation_policy_id,
                            routing_policy_id)
        SELECT m.id, v.id, %(name)s, 45.00, p.id, r.id FROM m, v, p, r
        RETURNING id
        """,
        {"name": f"bench-{enrolled}"},
    ).fetchone()
    assert row is not None
    offer = int(row[0])
    conn.execute(
        "INSERT INTO sources (offer_id, source_key, kind, name) VALUES (%s, %s, 'landing_page', 'Bench')",
        (offer, f"bench-{enrolled}"),
    )
    conn.execute(
        """
        WITH b AS (
          INSERT INTO buyers (name, email, phone)
          SELECT 'Buyer ' || n, 'buyer' || n || '.' || %(enrolled)s || '@bench.example', '+13035550100'
            FROM generate_series(1, %(enrolled)s) n
          RETURNING id, split_part(substr(email, 6), '.', 1)::int AS number
        ), areas AS (
          INSERT INTO buyer_service_areas (buyer_id, market_id, scope_type, scope_value)
          SELECT b.id, o.market_id, 'postal_code',
                 CASE WHEN b.number <= %(serving)s THEN %(place)s ELSE lpad((b.number %% 1000)::text, 5, '0') END
            FROM b, offers o WHERE o.id = %(offer)s
        )
        INSERT INTO buyer_offers (buyer_id, offer_id, capacity_per_day, budget_per_month)
        SELECT b.id, %(offer)s, 10000, 900000 FROM b
        """,
        {"enrolled": enrolled, "serving": SERVING, "place": PLACE, "offer": offer},
    )
    return offer
