"""Deliveries under concurrency: one call for each lead, exact caps when leads come back, no rotation that is missed."""

import os
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from psycopg import Connection
from standardwebhooks import Webhook, WebhookVerificationError

from leadgen.configuration.store import buyers
from leadgen.platform import clock, db
from tests.support.factories import a_buyer, a_delivery, a_lead, a_source, an_enrollment, an_offer
from tests.support.servers.buyer_endpoint import BuyerEndpoint
from tests.support.stages.deliveries import LONG_AGO
from tests.support.stages.functions import Functions
from tests.support.stages.messages import messages

WORKERS = 8
ROUNDS = int(os.environ.get("RACES", "1"))
SAYS_NO = {"answer": {"type": "json", "rejected_when": [{"path": "result", "equals": "no"}]}}


def at_once(jobs: Sequence[Callable[[], Any]]) -> None:
    """Run the jobs on so many workers; the first fault of one is raised."""
    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result()


def run(functions: Functions, stage: str, event: str, leads: Sequence[int]) -> Callable[[], Any]:
    module = functions.module(stage)
    return lambda: module.process(messages(event, leads), clock.now())


@pytest.mark.parametrize("_", range(ROUNDS))
def test_workers_with_the_same_messages_call_once_for_each_lead(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, _: int
) -> None:
    offer = an_offer(conn)
    source, leads = a_source(conn, offer), []
    for number in range(5):
        buyer = a_buyer(conn, webhook_url=buyer_endpoint.url(f"/{number}"), pending_amount="360.00")
        an_enrollment(conn, buyer, offer)
        for _lead in range(8):
            lead = a_lead(conn, source, status="delivered", buyer_id=buyer, delivered_price="45.00",
                          price_components={}, delivered_at=LONG_AGO)  # fmt: skip
            a_delivery(conn, lead, buyer)
            leads.append(lead)
    chance = random.Random(4)
    at_once([run(functions, "deliver", "lead.routed", chance.sample(leads, 10)) for _job in range(60)])
    conn.execute("UPDATE deliveries SET next_attempt_at = '-infinity' WHERE status = 'pending'")
    for start in range(0, len(leads), 10):
        run(functions, "deliver", "lead.routed", leads[start : start + 10])()
    ids = [request.headers["X-LeadGen-Delivery-Id"] for request in buyer_endpoint.received]
    assert len(ids) == len(set(ids)) == len(leads)
    functions.drain()
    assert conn.execute("SELECT sum(balance), sum(pending_amount) FROM buyers").fetchone() == (40 * 45, 0)


@pytest.mark.parametrize("_", range(ROUNDS))
def test_leads_that_come_back_while_others_are_sold_leave_caps_and_credit_exact(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, _: int
) -> None:
    buyer_endpoint.bodies = {"/choosy": b'{"result": "no"}', "/willing": b"{}"}
    offer = an_offer(conn)
    source = a_source(conn, offer)
    choosy, willing = (a_buyer(conn, webhook_url=buyer_endpoint.url(path)) for path in ("/choosy", "/willing"))
    an_enrollment(conn, choosy, offer, routing_priority=9, capacity_per_day=5, delivery=SAYS_NO)
    an_enrollment(conn, willing, offer, capacity_per_day=20, delivery=SAYS_NO)
    leads = [a_lead(conn, source, status="validated") for _lead in range(60)]
    chance = random.Random(5)
    for _turn in range(12):
        jobs = []
        for _job in range(WORKERS):
            some = chance.sample(leads, 10)
            jobs.append(run(functions, *chance.choice([("route", "lead.validated"), ("deliver", "lead.routed")]), some))
        at_once(jobs)
        conn.execute("UPDATE deliveries SET next_attempt_at = '-infinity' WHERE status = 'pending'")
        conn.execute("UPDATE leads SET route_again_at = '-infinity' WHERE status = 'validated'")
    for stage, event in (("route", "lead.validated"), ("deliver", "lead.routed")) * 3:
        for start in range(0, len(leads), 10):
            run(functions, stage, event, leads[start : start + 10])()
    functions.drain()
    sold = conn.execute("SELECT buyer_id, count(*) FROM leads WHERE buyer_id IS NOT NULL GROUP BY 1").fetchall()
    assert dict(sold)[willing] == 20
    counters = conn.execute(
        """
        SELECT bo.buyer_id, c.claimed, c.amount
          FROM capacity_counters c JOIN buyer_offers bo ON bo.id = c.buyer_offer_id
         WHERE c.period = 'day'
        """
    ).fetchall()
    held = dict(sold).get(choosy, 0)  # those that are on their way to it
    assert {(buyer, claimed, int(amount)) for buyer, claimed, amount in counters} == {
        (choosy, held, 45 * held), (willing, 20, 900),
    }  # fmt: skip
    assert conn.execute("SELECT id, balance + pending_amount FROM buyers ORDER BY id").fetchall() == [
        (choosy, 45 * held), (willing, 900),
    ]  # fmt: skip
    taken = [r.headers["X-LeadGen-Delivery-Id"] for r in buyer_endpoint.received if r.path == "/willing"]
    assert len(taken) == len(set(taken)) == 20


def test_a_hundred_rotations_under_load_lose_nothing(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    offer = an_offer(conn)
    source = a_source(conn, offer)
    buyer = a_buyer(conn, webhook_url=buyer_endpoint.url(), email="rotating@example.com", webhook_secret="secret 000")
    an_enrollment(conn, buyer, offer)
    refused = []
    for turn in range(1, 101):
        lead = a_lead(conn, source, status="delivered", buyer_id=buyer, delivered_price="45.00", price_components={},
                      delivered_at=LONG_AGO)  # fmt: skip
        a_delivery(conn, lead, buyer)
        rotated = threading.Thread(target=_rotate, args=(f"secret {turn:03d}", buyer_endpoint.url()))
        rotated.start()
        run(functions, "deliver", "lead.routed", [lead])()
        rotated.join()
        request = buyer_endpoint.received[-1]
        # The buyer changes over whenever it likes: it may know the former secret alone, or the new one.
        refused += [secret for secret in (f"secret {turn - 1:03d}",) if not _verifies(secret, request)]
    assert refused == []
    assert len(buyer_endpoint.received) == 100


def _rotate(secret: str, url: str) -> None:
    with db.current().transaction() as conn:
        buyers.upsert_buyer(
            conn, email="rotating@example.com", name="Rotating", phone="+13035550100", company=None, webhook_url=url,
            webhook_secret=secret, email_notifications=True, sms_notifications=False, is_active=True,
            credit_limit=None, billing_cycle="weekly", currency="USD", billing="{}",
        )  # fmt: skip


def _verifies(secret: str, request: Any) -> bool:
    try:
        Webhook(secret.encode()).verify(request.body, request.headers, json_parse=False)
    except WebhookVerificationError:
        return False
    return True
