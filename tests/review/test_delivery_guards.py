"""A verdict on a delivery is heard once, and not where it may not be: repeated, too late, by nobody, by two at once."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection

from leadgen.delivery.domain.verdicts import NAMES
from leadgen.platform import clock
from tests.support.factories import a_buyer, an_enrollment
from tests.support.servers.buyer_endpoint import BuyerEndpoint
from tests.support.stages.deliveries import deliver
from tests.support.stages.functions import Functions
from tests.support.stages.messages import sent
from tests.support.stages.reviews import NOTHING, Market, a_token, audits, decide, delivery_row, fetch, lead_row, route

NOBODYS = "6f0e6f6e-3c1b-4b8e-9d2a-1f2e3d4c5b6a"

ROUNDS = 50


@pytest.mark.parametrize("verdict", NAMES)
def test_the_same_said_again_does_nothing_more_and_another_verdict_comes_too_late(
    conn: Connection[Any], functions: Functions, market: Market, verdict: str
) -> None:
    lead, delivery = market.in_review(functions)
    more: dict[str, Any] = {"buyer_id": market.buyers[1]} if verdict == "assign" else {}
    first = decide(functions, delivery, verdict, **more)
    before = delivery_row(conn, delivery), lead_row(conn, lead), market.claimed(market.buyers[0]), sent(conn, "notify")
    again = decide(functions, delivery, verdict, **more)
    assert again == (200, first[1] | {"repeated": True})
    status, error = decide(functions, delivery, "return" if verdict != "return" else "reject")
    assert (status, error["code"]) == (409, "not_in_review")
    assert error["details"] == {"status": first[1]["status"], "verdict": verdict}
    assert first[1]["status"] in error["message"]
    assert before == (
        delivery_row(conn, delivery), lead_row(conn, lead), market.claimed(market.buyers[0]), sent(conn, "notify"),
    )  # fmt: skip
    assert len(audits(conn)) == 1


def test_assigning_to_yet_another_buyer_is_not_the_same(
    conn: Connection[Any], functions: Functions, market: Market
) -> None:
    third = a_buyer(conn)
    an_enrollment(conn, third, market.offer)
    _, delivery = market.in_review(functions)
    assert decide(functions, delivery, "assign", buyer_id=market.buyers[1])[0] == 200
    assert decide(functions, delivery, "assign", buyer_id=third)[0] == 409


def test_once_something_has_happened_since_the_same_verdict_is_a_new_one(
    conn: Connection[Any], functions: Functions, market: Market, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.statuses = [500]
    lead, delivery = market.in_review(functions)
    decide(functions, delivery, "redeliver")
    deliver(functions, lead)
    status, error = decide(functions, delivery, "redeliver")
    assert (status, error["code"], error["details"]["status"]) == (409, "not_in_review", "pending")
    conn.execute(
        "UPDATE deliveries SET status = 'in_review', next_attempt_at = NULL, review_reason = 'webhook_failed',"
        " updated_at = now()"
    )
    status, answer = decide(functions, delivery, "redeliver")
    assert (status, answer["repeated"]) == (200, False)


def test_a_buyer_is_not_assigned_what_it_has(conn: Connection[Any], functions: Functions, market: Market) -> None:
    _, delivery = market.in_review(functions)
    status, error = decide(functions, delivery, "assign", buyer_id=market.buyers[0])
    assert (status, error["code"]) == (409, "same_buyer")
    assert "redeliver" in error["message"]


def test_a_lead_is_assigned_to_nobody_who_takes_none_of_its_offer(
    conn: Connection[Any], functions: Functions, market: Market
) -> None:
    stranger, retired = a_buyer(conn, name="Stranger"), a_buyer(conn, name="Retired", is_active=False)
    an_enrollment(conn, retired, market.offer)
    _, delivery = market.in_review(functions)
    refused = {
        buyer: decide(functions, delivery, "assign", buyer_id=buyer) for buyer in (stranger, retired, 2_000_000_000)
    }
    assert [(status, error["code"]) for status, error in refused.values()] == [
        (409, "not_enrolled"), (409, "not_active"), (404, "not_found"),
    ]  # fmt: skip
    assert refused[stranger][1]["message"] == f"Stranger ({stranger}) is not enrolled in Roofs, the lead's offer"
    assert audits(conn) == []


@pytest.mark.parametrize(
    ("verdict", "status"), [("redeliver", 409), ("assign", 409), ("return", 409), ("reject", 200), ("succeeded", 200)]
)
def test_an_erased_lead_is_sent_to_nobody(
    conn: Connection[Any], functions: Functions, market: Market, verdict: str, status: int
) -> None:
    _, delivery = market.in_review(functions)
    conn.execute("UPDATE leads SET erased_at = now()")
    more: dict[str, Any] = {"buyer_id": market.buyers[1]} if verdict == "assign" else {}
    assert fetch(functions, "/api/review")["deliveries"][0]["verdicts"] == ["reject", "succeeded"]
    found, answer = decide(functions, delivery, verdict, **more)
    assert (found, answer.get("code")) == (status, "erased" if status == 409 else None)


@pytest.mark.parametrize("change", ["billing_status = 'billed'", "status = 'accepted'"])
def test_a_lead_that_has_moved_on_is_left_alone(
    conn: Connection[Any], functions: Functions, market: Market, change: str
) -> None:
    _, delivery = market.in_review(functions)
    conn.execute(f"UPDATE leads SET {change}".encode())
    assert {decide(functions, delivery, name)[1]["code"] for name in NAMES if name != "assign"} == {"lead_moved_on"}
    assert fetch(functions, "/api/review")["deliveries"][0]["verdicts"] == []


@pytest.mark.parametrize("status", ["pending", "succeeded"])
def test_only_what_is_in_review_is_decided(
    conn: Connection[Any], functions: Functions, market: Market, status: str
) -> None:
    market.lead(functions)
    if status == "succeeded":
        conn.execute("UPDATE deliveries SET status = 'succeeded', next_attempt_at = NULL")
    ((delivery,),) = conn.execute("SELECT id::text FROM deliveries").fetchall()
    found, error = decide(functions, delivery, "return")
    assert (found, error["code"], error["details"]["status"]) == (409, "not_in_review", status)


@pytest.mark.parametrize(
    ("delivery", "body", "status", "code"),
    [
        (NOBODYS, {"verdict": "return"}, 404, "not_found"),
        ("17", {"verdict": "return"}, 400, "invalid_request"),
        (NOBODYS, {"verdict": "sell"}, 400, "invalid_request"),
        (NOBODYS, {"verdict": "assign"}, 400, "invalid_request"),
        (NOBODYS, {"verdict": "return", "buyer_id": 1}, 400, "invalid_request"),
        (NOBODYS, {"verdict": "assign", "buyer_id": 99999999999}, 400, "invalid_request"),
        (NOBODYS, {"verdict": "reject", "reason": "x" * 501}, 400, "invalid_request"),
        (NOBODYS, {"verdict": "reject", "reason": "a\x00b"}, 400, "invalid_request"),
    ],
)
def test_a_verdict_that_is_none_changes_nothing(
    conn: Connection[Any], functions: Functions, delivery: str, body: dict[str, Any], status: int, code: str
) -> None:
    found, error = decide(functions, delivery, **body)
    assert (found, error["code"]) == (status, code)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"verdict": "assign"}, "the verdict: buyer_id goes with the verdict assign, and with no other"),
        ({"verdict": "sell"}, "verdict: must be 'redeliver', 'assign', 'return', 'reject' or 'succeeded'"),
        ({"verdict": "assign", "buyer_id": "x"}, "buyer_id: must be a whole number"),
        ({"verdict": "return", "because": "x"}, "because: is no field here"),
    ],
)
def test_what_is_wrong_with_a_verdict_is_told_in_plain_words(
    conn: Connection[Any], functions: Functions, body: dict[str, Any], told: str
) -> None:
    assert decide(functions, NOBODYS, **body)[1]["message"] == told


def test_only_a_person_decides(conn: Connection[Any], functions: Functions, market: Market) -> None:
    _, delivery = market.in_review(functions)
    assert decide(functions, delivery, "succeeded", token=a_token("system"))[0] == 403
    assert decide(functions, delivery, "succeeded", token="nonsense")[0] == 401
    assert delivery_row(conn, delivery)[0] == "in_review"


def test_of_operators_that_decide_at_once_one_is_heard(
    conn: Connection[Any], functions: Functions, market: Market
) -> None:
    first, second = market.buyers
    says = [("redeliver", {}), ("assign", {"buyer_id": second}), ("reject", {})]
    heard: Counter[str] = Counter()
    with ThreadPoolExecutor(len(says)) as pool:
        for _ in range(ROUNDS):
            lead, delivery = market.in_review(functions)
            barrier = threading.Barrier(len(says))

            def say(verdict: str, more: dict[str, Any], delivery: str = delivery, at: Any = barrier) -> Any:
                at.wait()
                return decide(functions, delivery, verdict, **more)

            answers = list(pool.map(lambda one: say(*one), says))
            assert sorted(status for status, _ in answers) == [200, 409, 409]
            assert {answer["code"] for status, answer in answers if status == 409} == {"not_in_review"}
            heard.update(answer["verdict"] for status, answer in answers if status == 200)
            route(functions, lead)
            open_to = conn.execute(
                "SELECT buyer_id FROM deliveries WHERE lead_id = %s AND status <> 'released'", (lead,)
            ).fetchall()
            assert len(open_to) <= 1
    assert heard.total() == ROUNDS
    kept, moved = heard["redeliver"], heard["assign"]
    assert conn.execute("SELECT count(*) FROM audit_logs").fetchone() == (ROUNDS,)
    for buyer, leads in ((first, kept), (second, moved)):
        counted = market.claimed(buyer)
        assert counted[0] == f"{45 * leads}.00"
        assert set(counted[1]) <= {leads, None}
        assert conn.execute(
            "SELECT count(*) FROM leads WHERE status = 'delivered' AND buyer_id = %s", (buyer,)
        ).fetchone() == (leads,)


def test_a_verdict_and_retention_at_once_leave_nothing_half_done(
    conn: Connection[Any], functions: Functions, market: Market
) -> None:
    lead, delivery = market.in_review(functions)
    with ThreadPoolExecutor(2) as pool:
        said = pool.submit(decide, functions, delivery, "return")
        erased = pool.submit(functions.module("retain").run, clock.now() + timedelta(days=4 * 365))
        status, _ = said.result()
        assert erased.result()["leads_erased"] + (status == 200) >= 1
    row = lead_row(conn, lead)
    assert row[0] in ("delivered", "validated", "rejected")
    assert (row[1] is None) == (market.claimed(market.buyers[0]) == NOTHING)
