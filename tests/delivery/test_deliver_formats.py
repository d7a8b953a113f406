"""Delivery in a buyer's own format: what goes out is what was mapped, signed as it is, at every attempt the same."""

import hashlib
import hmac
from typing import Any

import pytest
from psycopg import Connection
from psycopg.types.json import Json

from tests.support.servers.buyer_endpoint import BuyerEndpoint
from tests.support.stages.deliveries import SECRET, a_routed_lead, deliver, make_due, state
from tests.support.stages.functions import Functions

FIELDS = {"last": {"from": "last_name", "default": "-"}, "first": "first_name", "cost": "price"}
FORMATS: list[tuple[dict[str, Any], str, bytes]] = [
    ({"type": "json", "fields": FIELDS}, "application/json", b'{"last":"Sentinel","first":"Zo\xc3\xab","cost":45.00}'),
    (
        {"type": "form", "fields": FIELDS},
        "application/x-www-form-urlencoded",
        b"last=Sentinel&first=Zo%C3%AB&cost=45.00",
    ),
    (
        {"type": "xml", "fields": FIELDS},
        "application/xml",
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b"<lead><last>Sentinel</last><first>Zo\xc3\xab</first><cost>45.00</cost></lead>\n",
    ),
    (
        {"type": "adf", "vendor": "Us"},
        "application/x-adf+xml",
        b'<name part="first" type="individual">Zo\xc3\xab</name>',
    ),
]


@pytest.mark.parametrize(("written", "content_type", "body"), FORMATS, ids=[str(f["type"]) for f, _, _ in FORMATS])
def test_a_buyer_gets_its_own_format_signed_and_the_same_again(
    conn: Connection[Any],
    functions: Functions,
    buyer_endpoint: BuyerEndpoint,
    written: dict[str, Any],
    content_type: str,
    body: bytes,
) -> None:
    buyer_endpoint.statuses = [500, 200]
    lead = a_routed_lead(
        conn,
        webhook_url=buyer_endpoint.url("/hook"),
        webhook_secret=SECRET,
        enrollment={"delivery": Json({"format": written})},
    )
    assert deliver(functions, lead) == ["retry"]
    make_due(conn)
    assert deliver(functions, lead) == ["delivered"]
    first, second = buyer_endpoint.received
    assert first.body == second.body
    assert body in first.body if written["type"] == "adf" else body == first.body
    for request in (first, second):
        assert request.headers["Content-Type"] == content_type
        signature = hmac.new(SECRET.encode(), request.body, hashlib.sha256).hexdigest()
        assert request.headers["X-Webhook-Signature"] == signature


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"<r><ok>1</ok><id>L-7</id></r>", ("succeeded", None)),
        (b"<r><ok>0</ok><why>duplicate</why></r>", ("released", None)),
        (b"<r><ok>maybe", ("pending", None)),
    ],
)
def test_a_buyers_answer_is_read_as_its_mapping_says(
    conn: Connection[Any],
    functions: Functions,
    buyer_endpoint: BuyerEndpoint,
    answer: bytes,
    expected: tuple[str, str | None],
) -> None:
    buyer_endpoint.answer = answer
    mapping = {
        "type": "xml",
        "accepted_when": [{"path": "r.ok", "equals": 1}],
        "rejected_when": [{"path": "r.ok", "equals": 0}],
        "reference": "r.id",
        "reason": "r.why",
    }
    lead = a_routed_lead(
        conn, webhook_url=buyer_endpoint.url("/hook"), enrollment={"delivery": Json({"answer": mapping})}
    )
    deliver(functions, lead)
    status, _, _, reason, _ = state(conn, lead)
    assert (status, reason) == expected
