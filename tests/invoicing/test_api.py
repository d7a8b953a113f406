"""Invoices over HTTP: what a buyer sees of its own, and what an operator decides."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from psycopg import Connection

from leadgen.access import adapters as tokens
from leadgen.access.adapters import Role
from leadgen.platform import clock
from tests.conftest import SECRET_KEY
from tests.support.factories import a_buyer, an_offer
from tests.support.money.invoice_invariants import faults
from tests.support.money.sold_leads import a_billed_lead, an_invoice, everything, invoice
from tests.support.stages.functions import Functions
from tests.support.stages.messages import sent


@pytest.fixture
def now() -> datetime:
    return clock.now()


@pytest.fixture
def client(functions: Functions) -> TestClient:
    return functions.client("api")


def bearer(role: Role = "operator", buyer_id: int | None = None) -> dict[str, str]:
    token = tokens.issue(
        SECRET_KEY, subject="ann", role=role, now=clock.now(), lifetime=timedelta(minutes=1), buyer_id=buyer_id
    )
    return {"Authorization": f"Bearer {token}"}


def a_draft(conn: Connection[Any], offer: int, now: datetime, **values: Any) -> int:
    buyer = a_buyer(conn, billing={"approval": True} | values)
    a_billed_lead(conn, offer, buyer, now)
    (draft,) = invoice(conn, buyer, now)
    return draft


def test_the_operators_list_has_everything_newest_first_and_filters(
    conn: Connection[Any], client: TestClient, offer: int, now: datetime
) -> None:
    one, _ = an_invoice(conn, offer, a_buyer(conn), now)
    buyer = a_buyer(conn)
    two, _ = an_invoice(conn, offer, buyer, now)
    three = a_draft(conn, offer, now)

    def ids(query: str = "") -> list[int]:
        answer = client.get(f"/api/invoices{query}", headers=bearer())
        assert answer.status_code == 200
        return [row["invoice_id"] for row in answer.json()["invoices"]]

    assert ids() == [three, two, one]
    assert ids("?status=draft") == [three]
    assert ids(f"?buyer_id={buyer}") == [two]
    assert ids(f"?before={two}") == [one]


@pytest.mark.parametrize("query", ["?status=open", "?buyer_id=x", "?before=-1", "?before=99999999999", "?page=2"])
def test_a_filter_that_is_none_is_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/invoices{query}", headers=bearer())
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert query[1:].partition("=")[0] in answer.json()["error"]["message"]


def test_a_buyer_sees_its_own_issued_invoices_and_nobody_elses(
    conn: Connection[Any], client: TestClient, offer: int, now: datetime
) -> None:
    buyer = a_buyer(conn)
    own, leads = an_invoice(conn, offer, buyer, now)
    other, _ = an_invoice(conn, offer, a_buyer(conn), now)
    conn.execute("""UPDATE buyers SET billing = '{"approval": true}'""")
    a_billed_lead(conn, an_offer(conn), buyer, now)
    (draft,) = invoice(conn, buyer, now)
    mine = bearer("buyer", buyer)
    listed = client.get("/api/invoices", headers=mine).json()
    assert [row["invoice_id"] for row in listed["invoices"]] == [own]
    assert "failures" not in listed
    shown = client.get(f"/api/invoices/{own}", headers=mine).json()
    assert [line["lead_id"] for line in shown["lines"]] == leads
    assert (shown["amount_due"], shown["settlements"], shown["reminders"]) == (45.00, [], [])
    for hidden in (other, draft):
        assert client.get(f"/api/invoices/{hidden}", headers=mine).status_code == 404
    assert client.get(f"/api/invoices?buyer_id={buyer + 1}", headers=mine).status_code == 404


def test_a_draft_is_approved_once(conn: Connection[Any], client: TestClient, offer: int, now: datetime) -> None:
    draft = a_draft(conn, offer, now)
    first = client.post(f"/api/invoices/{draft}/approve", headers=bearer())
    assert (first.status_code, first.json()["status"], first.json()["repeated"]) == (200, "sent", False)
    assert first.json()["invoice_number"] == "INV-000001"
    again = client.post(f"/api/invoices/{draft}/approve", headers=bearer())
    assert (again.status_code, again.json()["repeated"]) == (200, True)
    assert sent(conn, "notify") == [("invoice.generated", None)]
    assert conn.execute("SELECT action, resource_id, after_state->>'by' FROM audit_logs").fetchall() == [
        ("invoice.approve", draft, "ann")
    ]
    assert faults(conn) == {}


def test_a_cancelled_draft_frees_its_leads_and_cannot_be_approved(
    conn: Connection[Any], client: TestClient, offer: int, now: datetime
) -> None:
    draft = a_draft(conn, offer, now)
    answer = client.post(f"/api/invoices/{draft}/cancel", headers=bearer(), json={"reason": "wrong tax"})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert client.post(f"/api/invoices/{draft}/cancel", headers=bearer(), json={}).json()["repeated"]
    refused = client.post(f"/api/invoices/{draft}/approve", headers=bearer())
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "invoice_cancelled")
    assert conn.execute("SELECT count(*) FROM uninvoiced_leads").fetchone() == (1,)
    assert faults(conn) == {}


def test_edge_35_an_issued_invoice_is_cancelled_by_a_credit_note_and_keeps_its_number(
    conn: Connection[Any], client: TestClient, offer: int, now: datetime
) -> None:
    issued, _ = an_invoice(conn, offer, a_buyer(conn), now)
    refused = client.post(f"/api/invoices/{issued}/cancel", headers=bearer(), json={})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_request")
    answer = client.post(f"/api/invoices/{issued}/cancel", headers=bearer(), json={"reason": "never sold"})
    assert (answer.status_code, answer.json()["status"], answer.json()["amount_due"]) == (200, "cancelled", 0)
    assert answer.json()["invoice_number"] == "INV-000001"
    assert [row["kind"] for row in client.get(f"/api/invoices/{issued}", headers=bearer()).json()["settlements"]] == [
        "credit_note"
    ]
    assert sent(conn, "notify") == [("credit_note.issued", None)]


def test_a_promise_is_kept_until_its_day_is_over_in_the_market(
    conn: Connection[Any], client: TestClient, offer: int, now: datetime
) -> None:
    issued, _ = an_invoice(conn, offer, a_buyer(conn), now)
    day = (now + timedelta(days=20)).date()
    path = f"/api/invoices/{issued}/promise"
    assert client.post(path, headers=bearer(), json={"until": day.isoformat()}).status_code == 200
    assert conn.execute("SELECT promised_until AT TIME ZONE 'America/Denver' FROM invoices").fetchone() == (
        datetime(day.year, day.month, day.day) + timedelta(days=1),  # noqa: DTZ001 - as Denver's clocks say
    )
    assert client.post(path, headers=bearer(), json={"until": day.isoformat()}).json()["repeated"]
    assert client.post(path, headers=bearer(), json={"until": None}).json()["promised_until"] is None


@pytest.mark.parametrize(
    "body", [{}, {"until": "soon"}, {"until": 20260701}, {"until": "2020-01-01"}, {"until": "2999-01-01"}]
)
def test_a_promise_of_no_day_is_refused(
    conn: Connection[Any], client: TestClient, offer: int, now: datetime, body: dict[str, object]
) -> None:
    issued, _ = an_invoice(conn, offer, a_buyer(conn), now)
    answer = client.post(f"/api/invoices/{issued}/promise", headers=bearer(), json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


def test_what_is_no_operators_or_cannot_be_leaves_all_as_it_is(
    conn: Connection[Any], client: TestClient, offer: int, now: datetime
) -> None:
    buyer = a_buyer(conn)
    issued, _ = an_invoice(conn, offer, buyer, now)
    draft = a_draft(conn, offer, now)
    before = everything(conn)
    for path, body in (("approve", None), ("cancel", {}), ("promise", {"until": None})):
        for invoice_id in (issued, draft):
            for headers, status in ((bearer("buyer", buyer), 403), (bearer("system"), 403), ({}, 401)):
                answer = client.post(f"/api/invoices/{invoice_id}/{path}", headers=headers, json=body)
                assert answer.status_code == status
        assert client.post(f"/api/invoices/4711/{path}", headers=bearer(), json=body).status_code == 404
    refused = client.post(f"/api/invoices/{draft}/promise", headers=bearer(), json={"until": None})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "invoice_not_open")
    assert everything(conn) == before
