"""A notice is one worker's at a time, and nobody's loss: workers that die, come late or come at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection

from leadgen.notifications.store import notices as notifications_notices
from leadgen.platform import clock
from tests.support.factories import a_subscription
from tests.support.servers.buyer_endpoint import BuyerEndpoint
from tests.support.stages.functions import Functions
from tests.support.stages.messages import body
from tests.support.stages.notices import (  # fmt: skip
    attempts,
    ids,
    make_due,
    notices,
    notify,
    open_endpoints,
    some_lead,
    wake,
)


def test_a_worker_that_died_costs_no_attempt_and_the_next_sends_the_same(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    a_subscription(conn, buyer_endpoint.url())
    module = functions.module("notify")
    with pytest.MonkeyPatch.context() as dying:
        dying.setattr(module.claims, "at_once", _die)
        with pytest.raises(SystemExit):
            notify(functions, body("lead.received", some_lead(conn)))
    (notice,) = ids(conn)
    ((until,),) = conn.execute("SELECT claimed_until FROM notices").fetchall()
    assert wake(functions, notice, at=until) == []  # it may still be at it
    buyer_endpoint.statuses = [500]
    over = until + timedelta(microseconds=1)
    assert wake(functions, notice, at=over) == ["notice_retry"]
    ((pause,),) = conn.execute("SELECT next_attempt_at - now() FROM notices").fetchall()
    assert pause < timedelta(seconds=7)  # the first one of the schedule
    make_due(conn)
    assert wake(functions, notice) == ["notice_succeeded"]
    assert {one.headers["webhook-id"] for one in buyer_endpoint.received} == {notice}
    assert attempts(conn) == [
        (1, "unknown", None, "interrupted"), (2, "failed", 500, "status 500"), (3, "succeeded", 200, None),
    ]  # fmt: skip


def test_a_worker_that_always_dies_is_not_tried_for_ever(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    a_subscription(conn, buyer_endpoint.url())
    notify(functions, body("lead.received", some_lead(conn)))
    conn.execute(
        "UPDATE notices SET status = 'pending', settled_at = NULL, next_attempt_at = now(), attempts = 10, "
        "lost_attempts = 10"
    )
    assert wake(functions, ids(conn)[0]) == ["notice_given_up"]


def _die(*_: object) -> object:
    raise SystemExit


def answer_late(conn: Connection[Any], functions: Functions) -> None:
    """Tell of an event; when the answer is there, another worker has taken the notice."""
    module = functions.module("notify")
    send = module.dispatch.send

    def slow(outgoing: Any) -> Any:
        call = send(outgoing)
        conn.execute("UPDATE notices SET attempts = attempts + 1, claimed_until = now() + INTERVAL '1 hour'")
        return call

    with pytest.MonkeyPatch.context() as slowed:
        slowed.setattr(module.dispatch, "send", slow)
        notify(functions, body("lead.received", some_lead(conn)))


def test_a_late_answer_that_it_was_taken_counts_whoever_is_at_it_meanwhile(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    a_subscription(conn, buyer_endpoint.url())
    answer_late(conn, functions)
    assert [row[2] for row in notices(conn)] == ["succeeded"]


def test_a_late_answer_that_it_failed_is_not_said_of_the_attempt_after(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.statuses = [404]
    a_subscription(conn, buyer_endpoint.url())
    answer_late(conn, functions)
    assert conn.execute("SELECT status, claimed_until > now() FROM notices").fetchall() == [("pending", True)]
    assert attempts(conn) == [(1, "failed", 404, "status 404")]


def a_due_again(conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint) -> str:
    """A notice that failed once and is due again; its id."""
    buyer_endpoint.statuses = [500]
    a_subscription(conn, buyer_endpoint.url())
    notify(functions, body("lead.received", some_lead(conn)))
    make_due(conn)
    return ids(conn)[0]


def test_a_notice_that_two_have_read_as_due_is_one_s_to_send(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    notice = a_due_again(conn, functions, buyer_endpoint)
    now = clock.now()
    endpoints = dict(conn.execute("SELECT id::text, endpoint_id FROM notices").fetchall())
    claims = [notifications_notices.claim(conn, endpoints, now=now, until=now + timedelta(seconds=9)) for _ in range(2)]
    assert claims == [{notice: 2}, {}]


def test_workers_that_are_woken_at_once_make_one_call(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    notice = a_due_again(conn, functions, buyer_endpoint)
    open_endpoints(conn)
    at_once = threading.Barrier(8)

    def work() -> list[str]:
        at_once.wait()
        return wake(functions, notice)

    with ThreadPoolExecutor(8) as workers:
        done = [workers.submit(work) for _ in range(8)]
    assert [outcome for one in done for outcome in one.result()].count("notice_succeeded") == 1
    assert len(buyer_endpoint.received) == 2
