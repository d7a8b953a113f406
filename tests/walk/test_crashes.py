"""``kill -9`` in the middle of 500 leads: nothing is lost, nothing is charged twice."""

import hashlib
import hmac
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from psycopg import Connection

from tests.support.factories import a_buyer, a_post, a_source, an_enrollment, an_offer
from tests.support.processes.running_stack import RunningStack

LEADS = 500
SECRET = "the-buyer-s-secret"
SETTLE_SECONDS = 300.0  # of a busy machine


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[RunningStack]:
    with RunningStack(tmp_path / "state", {"LOG_LEVEL": "WARNING", "WEBHOOK_RETRY_DELAY": "0.1"}) as running:
        yield running


def connect(stack: RunningStack) -> Connection[Any]:
    return psycopg.connect(stack.summary["database_url"], autocommit=True)


def post_all(stack: RunningStack, posts: list[dict[str, Any]], halfway: threading.Event) -> list[int]:
    """Post until every one has been answered 202, as a client that repeats what was not answered; the lead ids."""
    lead_ids = []
    with stack.client() as client:
        for number, post in enumerate(posts):
            lead_ids.append(post_until_taken(client, post))
            if number == len(posts) // 2:
                halfway.set()
    return lead_ids


def post_until_taken(client: httpx2.Client, post: dict[str, Any]) -> int:
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        try:
            answer = client.post("/api/leads", json=post)
        except httpx2.TransportError:
            continue
        if answer.status_code == 202:
            return int(answer.json()["lead_id"])
        assert answer.status_code == 503, answer.text
        time.sleep(0.05)
    raise AssertionError("the post was never taken")


def await_billed(conn: Connection[Any], count: int) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        row = conn.execute("SELECT count(*) FROM leads WHERE billing_status = 'billed'").fetchone()
        if row == (count,):
            return
        time.sleep(0.1)
    states = conn.execute(
        "SELECT l.status, l.billing_status, d.status, d.attempts, count(*) FROM leads l"
        " LEFT JOIN deliveries d ON d.lead_id = l.id GROUP BY 1, 2, 3, 4"
    ).fetchall()
    raise AssertionError(f"not every lead was settled: {states}")


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("victim", ["worker", "postgres"])
def test_every_lead_is_settled_and_billed_once_after_kill_9(stack: RunningStack, victim: str) -> None:
    with connect(stack) as conn:
        offer = an_offer(conn, invoice_threshold="100.00")
        a_source(conn, offer, source_key="crash-source")
        buyer = a_buyer(conn, webhook_url=f"{stack.summary['sink_url']}/crash", webhook_secret=SECRET)
        an_enrollment(conn, buyer, offer)
    posts = [a_post(source_key="crash-source") for _ in range(LEADS)]
    halfway, lead_ids = threading.Event(), []
    poster = threading.Thread(target=lambda: lead_ids.extend(post_all(stack, posts, halfway)))
    poster.start()
    assert halfway.wait(SETTLE_SECONDS)
    stack.kill(victim)
    poster.join(SETTLE_SECONDS)
    assert len(lead_ids) == LEADS

    with connect(stack) as conn:
        await_billed(conn, LEADS)
        stored = [row[0] for row in conn.execute("SELECT id FROM leads ORDER BY id")]
        assert sorted(lead_ids) == stored, "an acknowledged lead is missing, or one is stored twice"
        assert conn.execute("SELECT balance, pending_amount FROM buyers").fetchone() == (LEADS * 45, 0)
        placed = "SELECT lead_id FROM invoice_lines UNION ALL SELECT lead_id FROM uninvoiced_leads ORDER BY lead_id"
        assert [row[0] for row in conn.execute(placed)] == stored, (
            "a lead is on no invoice and waits for none, or twice"
        )
        numbers = [row[0] for row in conn.execute("SELECT invoice_number FROM invoices ORDER BY id")]
        assert numbers == [f"INV-{n:06d}" for n in range(1, len(numbers) + 1)]
    with httpx2.Client(base_url=stack.summary["sink_url"]) as sink:
        received = sink.get("/received").json()
    delivery_ids: dict[str, set[str]] = {}
    for entry in received:
        signature = hmac.new(SECRET.encode(), entry["body"].encode(), hashlib.sha256).hexdigest()
        assert entry["headers"]["x-webhook-signature"] == signature
        delivery_ids.setdefault(entry["headers"]["x-leadgen-delivery-id"], set()).add(entry["body"])
    assert len(delivery_ids) == LEADS, "a lead was sent under two delivery ids, or not at all"
    assert all(len(bodies) == 1 for bodies in delivery_ids.values()), "a repeat differs from the first"
