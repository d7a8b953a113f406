"""What an operator may ask, and that nobody else may."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from leadgen.adapters import clock, tokens
from tests.conftest import SECRET_KEY
from tests.factories import a_buyer, a_delivery, a_lead, a_source, an_offer
from tests.functions_under_test import Functions
from tests.messages import body, messages, sqs_event

PATHS = ["/api/leads/1", "/api/leads/1/decisions", "/api/review", "/api/invoices/1"]


@pytest.fixture
def token() -> str:
    return tokens.issue(SECRET_KEY, subject="op", role="operator", now=clock.now(), lifetime=timedelta(hours=1))


def ask(functions: Functions, path: str, token: str) -> tuple[int, Any]:
    answer = functions.client("api").get(path, headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.json()


@pytest.mark.parametrize("path", PATHS)
def test_without_a_token_nothing_is_answered(functions: Functions, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        answer = functions.client("api").get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] in ("missing_token", "invalid_token")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path", ["/api/leads/1", "/api/leads/1/decisions", "/api/invoices/1", "/api/leads/99999999999"]
)
def test_what_is_not_there_is_not_found(functions: Functions, token: str, path: str) -> None:
    status, answer = ask(functions, path, token)
    assert (status, answer["error"]["code"]) == (404, "not_found")
    assert answer["error"] == answer["detail"]


def test_a_number_that_is_none_is_a_bad_request(functions: Functions, token: str) -> None:
    status, answer = ask(functions, "/api/leads/abc", token)
    assert (status, answer["error"]["code"]) == (400, "invalid_request")


def test_a_lead_is_shown_with_its_timeline_and_decisions(
    conn: Connection[Any], functions: Functions, token: str, now: datetime
) -> None:
    lead = a_lead(conn, a_source(conn, an_offer(conn)), name="Zoë Sentinel")
    functions.module("validate").process(messages("lead.received", [lead]), now)
    functions.module("notify").handler(sqs_event(body("lead.received", lead)), None)
    status, answer = ask(functions, f"/api/leads/{lead}", token)
    assert (status, answer["lead_id"], answer["status"]) == (200, lead, "validated")
    assert [entry["event"] for entry in answer["timeline"]] == ["lead.received"]
    status, answer = ask(functions, f"/api/leads/{lead}/decisions", token)
    assert [decision["stage"] for decision in answer["decisions"]] == ["duplicates", "validation"]
    assert "Sentinel" not in str(answer)


def test_the_review_queue_shows_the_longest_waiting_first(
    conn: Connection[Any], functions: Functions, token: str, now: datetime
) -> None:
    source, buyer = a_source(conn, an_offer(conn)), a_buyer(conn, name="Rocky")
    leads = [a_lead(conn, source, status="delivered", buyer_id=buyer) for _ in range(3)]
    a_delivery(conn, leads[0], buyer, status="in_review", settled_at=now)
    a_delivery(conn, leads[1], buyer, status="in_review", settled_at=now - timedelta(hours=1))
    a_delivery(conn, leads[2], buyer)
    _, answer = ask(functions, "/api/review", token)
    assert [(d["lead_id"], d["buyer"], d["reason"]) for d in answer["deliveries"]] == [
        (leads[1], "Rocky", "webhook_failed"), (leads[0], "Rocky", "webhook_failed"),
    ]  # fmt: skip
