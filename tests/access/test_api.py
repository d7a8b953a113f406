"""What an operator may ask, and that nobody else may."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from leadgen.access import adapters as tokens
from leadgen.platform import clock
from tests.conftest import SECRET_KEY
from tests.support.factories import a_buyer, a_delivery, a_lead, a_source, an_offer
from tests.support.stages.functions import Functions
from tests.support.stages.messages import body, messages, sent, sqs_event

A_DELIVERY = "/api/deliveries/8c1f7a52-0000-4000-8000-000000000000"
PATHS = ["/api/leads/1", "/api/leads/1/decisions", "/api/review", A_DELIVERY, "/api/endpoints", "/api/invoices/1"]


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
    "path", ["/api/leads/1", "/api/leads/1/decisions", "/api/invoices/1", "/api/leads/99999999999", A_DELIVERY]
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


def decide(functions: Functions, lead: int | str, token: str, body: object) -> tuple[int, Any]:
    answer = functions.client("api").post(
        f"/api/leads/{lead}/review", json=body, headers={"Authorization": f"Bearer {token}", "User-Agent": "desk/1"}
    )
    return answer.status_code, answer.json()


def a_held_lead(conn: Connection[Any], **values: Any) -> int:
    held = {"in_review_since": "2026-06-17T11:00:00Z", "review_reason": "fraud_score", "review_detail": "70 (x 70)"}
    return a_lead(conn, a_source(conn, an_offer(conn, name="Roofs")), **held | values)


def test_the_review_queue_shows_leads_with_why_they_wait(
    conn: Connection[Any], functions: Functions, token: str
) -> None:
    late = a_held_lead(conn, fraud_score=70)
    early = a_held_lead(conn, in_review_since="2026-06-17T10:00:00Z", lead_score=-5, status="validated")
    a_lead(conn, a_source(conn, an_offer(conn)))
    _, answer = ask(functions, "/api/review", token)
    assert [lead["lead_id"] for lead in answer["leads"]] == [early, late]
    assert {**answer["leads"][1], "offer_id": None} == {
        "lead_id": late, "status": "received", "offer_id": None, "offer": "Roofs",
        "since": "2026-06-17T11:00:00+00:00", "reason": "fraud_score", "detail": "70 (x 70)", "fraud_score": 70,
        "lead_score": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "verdict", "after", "queue", "event"),
    [
        ("received", "release", "received", "validate", "lead.received"),
        ("validated", "release", "validated", "route", "lead.validated"),
        ("received", "reject", "rejected", "notify", "lead.rejected"),
        ("validated", "reject", "rejected", "notify", "lead.rejected"),
    ],
)
def test_an_operator_s_verdict_moves_a_lead_on_from_where_it_was_held(
    conn: Connection[Any], functions: Functions, token: str, status: str, verdict: str, after: str, queue: str,
    event: str,
) -> None:  # fmt: skip
    lead = a_held_lead(conn, status=status)
    assert decide(functions, lead, token, {"verdict": verdict, "reason": "called"}) == (
        200, {"lead_id": lead, "status": after, "verdict": verdict},
    )  # fmt: skip
    row = conn.execute(
        "SELECT status::text, in_review_since, review_reason, review_detail, released_at IS NOT NULL,"
        " coalesce(validation_reason, rejection_reason) FROM leads"
    ).fetchone()
    assert row == (after, None, None, None, verdict == "release", "review_rejected" if after == "rejected" else None)
    assert sent(conn, queue) == [(event, lead)]
    audited = conn.execute(
        "SELECT action, resource_type, resource_id, before_state, after_state, user_agent FROM audit_logs"
    ).fetchall()
    assert audited == [
        (
            "lead.review", "lead", lead, {"status": status, "reason": "fraud_score", "detail": "70 (x 70)"},
            {"status": after, "verdict": verdict, "reason": "called", "by": "op"}, "desk/1",
        )
    ]  # fmt: skip


def test_a_verdict_is_given_once(conn: Connection[Any], functions: Functions, token: str) -> None:
    lead = a_held_lead(conn)
    assert [decide(functions, lead, token, {"verdict": "release"})[0] for _ in range(2)] == [200, 409]
    status, answer = decide(functions, lead, token, {"verdict": "reject"})
    assert (status, answer["error"]["code"]) == (409, "not_in_review")
    assert sent(conn, "validate") == [("lead.received", lead)]
    assert conn.execute("SELECT count(*) FROM audit_logs").fetchone() == (1,)


@pytest.mark.parametrize(
    ("lead", "body", "status", "code"),
    [
        ("1", {"verdict": "release"}, 404, "not_found"),
        ("99999999999", {"verdict": "release"}, 404, "not_found"),
        ("abc", {"verdict": "release"}, 400, "invalid_request"),
        ("1", {"verdict": "sell"}, 400, "invalid_request"),
        ("1", {}, 400, "invalid_request"),
        ("1", {"verdict": "reject", "reasons": "x"}, 400, "invalid_request"),
        ("1", {"verdict": "reject", "reason": "x" * 501}, 400, "invalid_request"),
        ("1", ["release"], 400, "invalid_request"),
    ],
)
def test_a_verdict_that_cannot_be_taken_changes_nothing(
    conn: Connection[Any], functions: Functions, token: str, lead: str, body: object, status: int, code: str
) -> None:
    found, answer = decide(functions, lead, token, body)
    assert (found, answer["error"]["code"]) == (status, code)
    assert conn.execute("SELECT count(*) FROM audit_logs").fetchone() == (0,)


def test_a_system_gives_no_verdict(conn: Connection[Any], functions: Functions) -> None:
    system = tokens.issue(SECRET_KEY, subject="crm", role="system", now=clock.now(), lifetime=timedelta(hours=1))
    lead = a_held_lead(conn)
    assert decide(functions, lead, system, {"verdict": "release"})[0] == 403
    assert decide(functions, lead, "nonsense", {"verdict": "release"})[0] == 401
    assert conn.execute("SELECT in_review_since IS NULL FROM leads").fetchone() == (False,)


def test_a_released_lead_is_sold_like_any_other(conn: Connection[Any], functions: Functions, token: str) -> None:
    rules = {"fraud_detection": {"ip_country_mismatch": {"points": 50}, "review_at": 50}}
    lead = a_lead(conn, a_source(conn, an_offer(conn, rules=rules)), ip_country="NG")
    functions.module("validate").process(messages("lead.received", [lead]), clock.now())
    assert [held["lead_id"] for held in ask(functions, "/api/review", token)[1]["leads"]] == [lead]
    decide(functions, lead, token, {"verdict": "release"})
    functions.drain()
    assert conn.execute("SELECT status::text, flags FROM leads").fetchone() == ("validated", ["fraud_detection"])
    assert ask(functions, "/api/review", token)[1]["leads"] == []
