"""Who may call which route: every route of the API is in the table, and each is tried by everybody."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

import httpx2
import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from psycopg import Connection

from leadgen.platform import clock
from tests.support.factories import a_buyer, an_enrollment, an_offer
from tests.support.money.after_sale import credit, set_policy
from tests.support.money.sold_leads import a_billed_lead, an_invoice, everything
from tests.support.servers.payment_provider import Provider
from tests.support.stages.functions import Functions
from tests.support.stages.posts import a_token
from tests.support.stages.reviews import audits

# seen: by the operator's side; operated: changed by it; decided: by a person; owned: a buyer's own, which the
# operator's side sees too; listed: the same, many; acted: a buyer does it with its own, or an operator for it.
Access = Literal["seen", "operated", "decided", "owned", "listed", "acted"]
ROUTES: dict[tuple[str, str], Access] = {
    ("GET", "/api/leads/{lead_id}"): "seen",
    ("GET", "/api/leads/{lead_id}/decisions"): "seen",
    ("GET", "/api/review"): "seen",
    ("POST", "/api/leads/{lead_id}/review"): "decided",
    ("GET", "/api/deliveries/{delivery_id}"): "seen",
    ("POST", "/api/deliveries/{delivery_id}/review"): "decided",
    ("GET", "/api/endpoints"): "seen",
    ("POST", "/api/endpoints/{endpoint_id}/reset"): "decided",
    ("POST", "/api/endpoints/{endpoint_id}/open"): "decided",
    ("GET", "/api/subscriptions"): "seen",
    ("POST", "/api/subscriptions"): "operated",
    ("DELETE", "/api/subscriptions/{subscription_id}"): "operated",
    ("GET", "/api/invoices"): "listed",
    ("GET", "/api/invoices/{invoice_id}"): "owned",
    ("POST", "/api/invoices/{invoice_id}/approve"): "decided",
    ("POST", "/api/invoices/{invoice_id}/promise"): "decided",
    ("POST", "/api/invoices/{invoice_id}/cancel"): "decided",
    ("GET", "/api/payouts"): "seen",
    ("GET", "/api/payouts/{payout_id}"): "seen",
    ("GET", "/api/payouts/{payout_id}/statement.csv"): "seen",
    ("GET", "/api/payouts/{payout_id}/statement.pdf"): "seen",
    ("POST", "/api/payouts/{payout_id}/paid"): "decided",
    ("POST", "/api/invoices/{invoice_id}/payments"): "decided",
    ("POST", "/api/buyers/{buyer_id}/top-ups"): "decided",
    ("POST", "/api/payments/{payment_id}/undo"): "decided",
    ("POST", "/api/payments/{payment_id}/refunds"): "decided",
    ("POST", "/api/invoices/{invoice_id}/write-off"): "decided",
    ("POST", "/api/invoices/{invoice_id}/write-off/undo"): "decided",
    ("GET", "/api/payments"): "listed",
    ("GET", "/api/refunds"): "listed",
    ("GET", "/api/chargebacks"): "seen",
    ("GET", "/api/buyers/{buyer_id}/wallet"): "owned",
    ("POST", "/api/leads/{lead_id}/return"): "acted",
    ("POST", "/api/returns/{return_id}/decision"): "decided",
    ("GET", "/api/returns"): "listed",
    ("GET", "/api/reports/returns"): "seen",
    ("POST", "/api/invoices/{invoice_id}/disputes"): "acted",
    ("POST", "/api/disputes/{dispute_id}/close"): "decided",
    ("POST", "/api/disputes/{dispute_id}/withdraw"): "acted",
    ("GET", "/api/disputes"): "listed",
    ("POST", "/api/invoices/{invoice_id}/credits"): "decided",
    ("GET", "/api/credit-notes"): "listed",
    ("POST", "/api/buyers/{buyer_id}/payment-method"): "acted",
    ("POST", "/api/buyers/{buyer_id}/checkout"): "acted",
    ("POST", "/api/buyers/{buyer_id}/top-up"): "acted",
    ("GET", "/api/invoices/{invoice_id}/pdf"): "owned",
    ("GET", "/api/invoices/{invoice_id}/ubl"): "owned",
    ("GET", "/api/invoices/{invoice_id}/factur-x"): "owned",
    ("GET", "/api/invoices/{invoice_id}/lines.csv"): "owned",
    ("GET", "/api/credit-notes/{credit_note_id}"): "owned",
    ("GET", "/api/credit-notes/{credit_note_id}/{form}"): "owned",
    ("GET", "/api/buyers/{buyer_id}/statement"): "owned",
    ("GET", "/api/reports/aging"): "seen",
    ("GET", "/api/reports/journal.csv"): "seen",
}
BODIES: dict[str, dict[str, Any]] = {
    "promise": {"until": None},
    "cancel": {"reason": "x"},
    "paid": {"reference": "x"},
    "payments": {"amount": "1.00", "method": "check"},
    "top-ups": {"amount": "1.00", "method": "check"},
    "undo": {"reason": "x"},
    "refunds": {"amount": "0.01", "reason": "x"},
    "write-off": {"reason": "x"},
    "return": {"reason": "other", "note": "x"},
    "decision": {"verdict": "reject", "remark": "x"},
    "disputes": {"reason": "x"},
    "close": {"outcome": "rejected", "remark": "x"},
    "checkout": {"amount": "10.00"},
    "top-up": {"amount": "10.00"},
}


@dataclass
class Premises:
    """A buyer with something of every kind, and another who has nothing to do with it."""

    client: TestClient
    own: int
    foreign: int
    ids: dict[str, object] = field(default_factory=dict)
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)

    def call(self, method: str, path: str, headers: dict[str, str], *, query: str = "") -> httpx2.Response:
        body = json.dumps(self.bodies.get(path.rpartition("/")[2], {})) if method == "POST" else None
        url = path.format(**self.ids) + query
        own = {"Idempotency-Key": uuid4().hex, "User-Agent": "desk/1"}
        if body is not None:
            own["Content-Type"] = "application/json"
        return self.client.request(method, url, content=body, headers=headers | own)


@pytest.fixture
def premises(conn: Connection[Any], functions: Functions, provider: Provider) -> Premises:
    now = clock.now()
    offer = an_offer(conn, invoice_threshold="100000.00")
    set_policy(conn, offer, window_hours=8760, quota={"type": "percent", "value": 100})
    own, foreign = a_buyer(conn), a_buyer(conn)
    for buyer in (own, foreign):
        an_enrollment(conn, buyer, offer)
    invoice, (first, second, third) = an_invoice(conn, offer, own, now, "45.00", "45.00", "45.00")
    disputed, _ = an_invoice(conn, offer, own, now)
    premises = Premises(functions.client("api"), own, foreign)
    jane = a_token("buyer", buyer_id=own)

    def done(path: str, body: dict[str, Any], headers: dict[str, str], **more: str) -> Any:
        answer = premises.client.post(path, json=body, headers=headers | more)
        assert answer.status_code == 201, answer.text
        return answer.json()

    pay = {"amount": "100.00", "method": "check"}
    key = {"Idempotency-Key": "first"}
    premises.ids = {
        "buyer_id": own, "invoice_id": invoice, "lead_id": a_billed_lead(conn, offer, own, now), "form": "pdf",
        "delivery_id": "00000000-0000-4000-8000-000000000000", "endpoint_id": 1, "subscription_id": 1, "payout_id": 1,
        "credit_note_id": credit(conn, invoice, [first], now).credit_note_id,
        "payment_id": done(f"/api/buyers/{own}/top-ups", pay, a_token(), **key)["payment_id"],
        "return_id": done(f"/api/leads/{second}/return", {"reason": "other"}, jane)["return_id"],
        "dispute_id": done(f"/api/invoices/{disputed}/disputes", {"reason": "x"}, jane)["dispute_id"],
    }  # fmt: skip
    premises.bodies = BODIES | {"credits": {"lead_ids": [third], "reason": "goodwill"}}
    return premises


def routes(functions: Functions) -> set[tuple[str, str]]:
    found = iter_route_contexts(functions.module("api").app.routes)
    return {(method, str(route.path)) for route in found for method in route.methods or ()}


def test_every_route_says_in_the_table_whom_it_is_for(functions: Functions) -> None:
    assert routes(functions) == ROUTES.keys()


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=lambda part: str(part))
def test_a_route_is_open_to_whom_it_is_for_and_to_nobody_else(
    conn: Connection[Any], premises: Premises, method: str, path: str
) -> None:
    access = ROUTES[method, path]
    days = "from=2026-06-01&to=2026-06-30" if path.endswith("journal.csv") else ""
    before, trail = everything(conn), audits(conn)

    def status(headers: dict[str, str], query: str = days) -> tuple[int, str | None]:
        answer = premises.call(method, path, headers, query=f"?{query}" if query else "")
        is_json = answer.headers.get("content-type") == "application/json"
        return answer.status_code, answer.json().get("error", {}).get("code") if is_json else None

    own, foreign = a_token("buyer", buyer_id=premises.own), a_token("buyer", buyer_id=premises.foreign)
    strangers = [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic b3A6b3A="},
        a_token(secret="another-secret-key-of-sufficient-length"),
        a_token(hours=-1),
    ]
    for stranger in strangers:
        assert status(stranger)[0] == 401
    of_another = f"buyer_id={premises.own}" if access == "listed" else days
    refused = (404, "not_found") if access in ("owned", "listed", "acted") else (403, "forbidden")
    assert status(foreign, of_another) == refused
    if access in ("seen", "operated", "decided"):
        assert status(own) == (403, "forbidden")
    if access in ("decided", "acted"):
        assert status(a_token("system")) == (403, "forbidden")
    assert (everything(conn), audits(conn)) == (before, trail)

    may = [a_token()]
    if access in ("seen", "operated", "owned", "listed"):
        may.append(a_token("system"))
    if access in ("owned", "listed", "acted"):
        may.append(own)
    for one in may:
        heard = len(audits(conn))
        answer = premises.call(method, path, one, query=f"?{days}" if days else "")
        code = answer.status_code
        if method != "GET" and code in (200, 201) and not answer.json().get("repeated"):
            *_, (_, _, _, _, after, agent) = audits(conn)[heard:]
            assert (after.get("by") or after.get("actor"), agent) == ("someone", "desk/1")
        assert code not in (401, 403)
        assert code < 500
        assert code != 404 or access in ("seen", "operated", "decided")
