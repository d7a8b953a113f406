"""``Prefer: wait``: the answer is held until the lead is settled, and never lost on the way."""

import threading
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from leadgen.leads.store import leads
from leadgen_local.postgres.server import Postgres
from tests.support.factories import a_buyer, a_post, a_source, an_enrollment, an_offer
from tests.support.stages.functions import Functions
from tests.support.stages.messages import waiting

LONG = {"Prefer": "wait=10"}


def await_message(conn: Connection[Any], queue: str) -> None:
    """Wait until a queue is told something, for as long as a test may take."""
    conn.execute("LISTEN leadgen_queues")
    while not waiting(conn, queue):
        next(conn.notifies(timeout=20, stop_after=1), None)


def test_the_answer_comes_as_soon_as_the_lead_is_settled(
    conn: Connection[Any], functions: Functions, offer: int
) -> None:
    a_source(conn, offer, source_key="waiting")
    buyer = a_buyer(conn)
    an_enrollment(conn, buyer, offer)
    answers = []
    body = a_post(source_key="waiting")
    with functions.client() as client:
        poster = threading.Thread(target=lambda: answers.append(client.post("/api/leads", json=body, headers=LONG)))
        poster.start()
        await_message(conn, "validate")
        assert answers == []
        functions.drain()
        poster.join()
    assert (answers[0].status_code, answers[0].json()["buyer_id"]) == (202, buyer)


def test_a_lead_that_waits_for_a_person_keeps_no_poster_waiting(conn: Connection[Any], functions: Functions) -> None:
    score = {"parts": [{"name": "any", "points": 1, "when": {"field": "phone", "present": True}}], "review_below": 9}
    a_source(conn, an_offer(conn, rules={"lead_scoring": score}), source_key="waiting")
    with functions.client() as client:
        lead_id = client.post("/api/leads", json=a_post(source_key="waiting")).json()["lead_id"]
    functions.drain()
    found = leads.answer(conn, lead_id)
    assert found is not None
    assert (found.status, found.settled) == ("received", True)


@pytest.mark.usefixtures("own_database_url")
def test_a_database_lost_while_waiting_does_not_hide_that_the_lead_is_stored(
    server: Postgres, database_url: str, conn: Connection[Any], functions: Functions
) -> None:
    a_source(conn, an_offer(conn), source_key="waiting")
    answers = []
    body = a_post(source_key="waiting")
    name = conninfo_to_dict(database_url)["dbname"]
    with functions.client() as client:
        poster = threading.Thread(target=lambda: answers.append(client.post("/api/leads", json=body, headers=LONG)))
        poster.start()
        await_message(conn, "validate")
        with psycopg.connect(make_conninfo(server.url("postgres")), autocommit=True) as admin:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        poster.join()
    assert (answers[0].status_code, answers[0].json()["status"]) == (202, "received")
