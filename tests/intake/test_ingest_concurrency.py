"""Posts at once, posts that wait for the outcome, health, and what the log may say."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from psycopg import Connection

from tests.conftest import ROOT
from tests.support.factories import a_buyer, a_post, a_source, an_enrollment, an_offer
from tests.support.stages.functions import Functions
from tests.support.stages.messages import sent
from tests.support.stages.posts import through_lambda

DETECTION = {"duplicate_detection": {"enabled": True, "keys": ["phone"], "window_hours": 24}}


@pytest.fixture
def source(conn: Connection[Any]) -> int:
    return a_source(conn, an_offer(conn, rules=DETECTION), source_key="page")


def at_once(work: Callable[[int], Any], workers: int) -> list[Any]:
    """Run ``work`` in as many threads, all starting together."""
    barrier = threading.Barrier(workers)

    def started(worker: int) -> Any:
        barrier.wait()
        return work(worker)

    with ThreadPoolExecutor(workers) as pool:
        return [future.result() for future in [pool.submit(started, worker) for worker in range(workers)]]


@pytest.mark.parametrize("key", [{}, {"idempotency_key": "a-key-of-16-chars"}], ids=["derived", "given"])
def test_twenty_identical_posts_at_once_are_one_lead(
    conn: Connection[Any], functions: Functions, source: int, key: dict[str, str]
) -> None:
    body = a_post(source_key="page", **key)
    answers = at_once(lambda _: functions.client().post("/api/leads", json=body), 20)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["lead_id"] for answer in answers}) == 1
    assert sorted("Idempotency-Replayed" in answer.headers for answer in answers) == [False] + [True] * 19
    assert conn.execute("SELECT count(*) FROM leads").fetchone() == (1,)
    assert len(sent(conn, "validate")) == 1


def test_a_persons_posts_at_once_are_ordered_and_all_but_the_first_are_duplicates(
    conn: Connection[Any], functions: Functions, source: int
) -> None:
    def post(number: int) -> int:
        body = a_post(source_key="page", phone="+13035550100", email=f"person{number}@example.com")
        return int(functions.client().post("/api/leads", json=body).json()["lead_id"])

    leads = at_once(post, 12)
    in_time = [row[0] for row in conn.execute("SELECT id FROM leads ORDER BY created_at, id")]
    assert in_time == sorted(leads)
    functions.drain()
    rows = conn.execute("SELECT status::text, duplicate_of_lead_id FROM leads ORDER BY id").fetchall()
    assert rows == [("validated", None)] + [("rejected", in_time[0])] * 11


def test_a_post_that_waits_is_answered_when_the_lead_is_settled(
    conn: Connection[Any], functions: Functions, source: int
) -> None:
    buyer = a_buyer(conn)
    an_enrollment(conn, buyer, conn.execute("SELECT id FROM offers").fetchall()[0][0])
    functions.drain()  # loads every handler before the clock runs
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(
            functions.client().post, "/api/leads", json=a_post(source_key="page"), headers={"Prefer": "wait=10"}
        )
        while not waiting.done():
            functions.drain()
    answer = waiting.result()
    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json()["buyer_id"], answer.json()["price"]) == ("delivered", buyer, 45.0)


def test_a_post_that_waits_in_vain_is_answered_all_the_same(functions: Functions, source: int) -> None:
    for prefer in ("wait=1", "respond-async", "wait=x", "wait=0"):
        answer = functions.client().post("/api/leads", json=a_post(source_key="page"), headers={"Prefer": prefer})
        assert (answer.status_code, answer.json()["status"]) == (202, "received")


def test_health_has_the_specified_body(functions: Functions) -> None:
    answer = functions.client().get("/health")
    body = answer.json()
    assert answer.status_code == 200
    assert datetime.fromisoformat(body.pop("timestamp")).tzinfo is not None
    assert body == {
        "status": "healthy", "service": "leadgen_api", "environment": "test", "version": "1.0.0",
        "database": "connected",
    }  # fmt: skip


def test_health_of_the_database_says_how_fast_it_answers(functions: Functions) -> None:
    body = functions.client().get("/health/db").json()
    assert (body["status"], body["database"]) == ("healthy", "connected")
    assert body["milliseconds"] >= 0


def test_health_of_the_queues_tells_depth_and_age_and_minds_dead_letters(
    conn: Connection[Any], functions: Functions, source: int
) -> None:
    functions.client().post("/api/leads", json=a_post(source_key="page"))
    body = functions.client().get("/health/queues").json()
    queues = {queue.pop("queue"): queue for queue in body["queues"]}
    assert body["status"] == "healthy"
    assert queues["validate"] == {"messages": 1, "visible": 1, "oldest_seconds": queues["validate"]["oldest_seconds"]}
    assert queues["route"] == {"messages": 0, "visible": 0, "oldest_seconds": None}
    conn.execute("SELECT pgmq.send('bill_dlq', '{}')")
    assert functions.client().get("/health/queues").json()["status"] == "degraded"


SENTINEL = {
    "name": "Zoë Sentinel", "email": "sentinel@person.example", "phone": "+13035559876", "message": "Sentinel leaks",
    "attributes": {"note": "Sentinel note"},
}  # fmt: skip


@pytest.mark.usefixtures("own_database_url")
def test_the_log_names_nobody_whatever_becomes_of_a_post(
    conn: Connection[Any], functions: Functions, source: int, output: Callable[[], str]
) -> None:
    client = functions.client()
    good = SENTINEL | {"postal_code": "80014", "source_key": "page"}
    posts = [
        good, good, good | {"name": "Other Sentinel", "idempotency_key": "a-key-of-16-chars"},
        good | {"source_key": "no"}, good | {"name": 5}, good | {"email": None}, good | {"phone": "+13035559876" * 3},
        good | {"postal_code": "ß" * 9}, good | {"message": "Sentinel\x00"}, good | {"idempotency_key": "short"},
    ]  # fmt: skip
    statuses = [client.post("/api/leads", json=body).status_code for body in posts]
    assert statuses == [202, 202, 202, 400, 400, 400, 400, 400, 400, 400]
    conn.execute("ALTER TABLE leads ADD CONSTRAINT no_poison CHECK (city <> 'Poison')")
    refused = client.post("/api/leads", json=good | {"city": "Poison"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (500, "internal_error")
    event = json.loads((ROOT / "events" / "post_lead.json").read_text())
    event["body"] = json.dumps(good | {"city": "Poison"})
    assert through_lambda(functions, event)["statusCode"] == 500
    said = output()
    assert '"received"' in said
    assert '"request.failed"' in said
    for personal in ("Sentinel", "sentinel@", "3035559876", "Zo\\u00eb"):
        assert personal not in said, personal
        assert personal not in refused.text


@pytest.mark.usefixtures("own_database_url")
def test_the_log_names_nobody_when_a_stage_fails(
    conn: Connection[Any], functions: Functions, source: int, output: Callable[[], str]
) -> None:
    functions.client().post("/api/leads", json=SENTINEL | {"postal_code": "80014", "source_key": "page"})
    conn.execute("ALTER TABLE leads ADD CONSTRAINT poison CHECK (status = 'received')")
    functions.drain()
    said = output()
    assert '"batch.failed"' in said
    for personal in ("Sentinel", "sentinel@", "3035559876"):
        assert personal not in said, personal


def test_messages_hold_no_personal_data(conn: Connection[Any], functions: Functions, source: int) -> None:
    functions.client().post("/api/leads", json=SENTINEL | {"postal_code": "80014", "source_key": "page"})
    functions.drain()
    kept = str(conn.execute("SELECT message::text FROM lifecycle_events").fetchall())
    kept += str(conn.execute("SELECT message::text FROM pgmq.a_validate").fetchall())
    assert "lead.received" in kept
    for personal in ("Sentinel", "sentinel@", "3035559876"):
        assert personal not in kept
