"""What no client would send in earnest: it is refused, moves nothing, and is never our fault."""

import json
from typing import Any

import pytest
from psycopg import Connection

from leadgen.platform import clock
from tests.access.test_routes import BODIES, ROUTES, Premises, premises
from tests.payments.test_api import Desk
from tests.support.money.sold_leads import an_invoice, everything
from tests.support.stages.posts import a_token, refusal

__all__ = ["premises"]

IDS = ("0", "-1", "1e3", "x", "%00", "%D9%A1", "2147483648", "9" * 19, "9" * 30, "9" * 5000)
AMOUNTS = (
    "null", "true", "false", "0", "0.0", "-0", "-45", "0.001", "45.001", "1e-999999999", "1e999", "-1e999",
    "1e999999999",
    "NaN", "Infinity", "-Infinity", "9" * 400, "9" * 4000,
    "99999999.999", "10000000000",
    '""', '" "', '" 45.00"',
    '"45.00 "', '"4_5"', '"45,00"', '"1,000.00"', '"+45"', '"0x2d"', '"4e1"',
    '"NaN"', '"1e3"', '"sNaN"', '"٤٥"', '"４５"',
    '"45\\n"', '"45\\u0000"', "[45]", '{"amount": 45}', '"' + "9" * 60 + '"',
)  # fmt: skip
VALUES = (
    "null", "true", "0", "1e999", "NaN", "9" * 400, '""', '" "', '"\\u0000"', '"a\\u0000b"', '"\\ud800"', "[]",
    "[null]", "{}", '{"a": {}}', "[" * 500 + "]" * 500, json.dumps("x" * 20_000), '"\\u202e=cmd"',
    '"0001-01-01T00:00:00+14:00"',
    '"9999-12-31T23:59:59-14:00"', "[1e2]", f"[{'9' * 30}]", "[-1]", "[true]",
)  # fmt: skip
POSTS = [path for method, path in ROUTES if method == "POST" and path.rpartition("/")[2] in (*BODIES, "credits")]


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if "_id}" in route[1]], ids=str)
def test_an_id_that_is_none_is_refused(premises: Premises, method: str, path: str) -> None:
    (name,) = (part[1:-1] for part in path.split("/") if part.endswith("_id}"))
    for written in IDS:
        premises.ids[name] = written
        assert premises.call(method, path, a_token()).status_code in (400, 404), written


@pytest.mark.parametrize("path", POSTS)
def test_a_field_that_holds_what_it_cannot_is_refused(conn: Connection[Any], premises: Premises, path: str) -> None:
    fields = premises.bodies[path.rpartition("/")[2]]
    desk = Desk.__new__(Desk)
    desk.client, desk.headers = premises.client, a_token()
    for name in (*fields, "strange"):
        rest = {key: value for key, value in fields.items() if key != name}
        for number, value in enumerate(AMOUNTS if name == "amount" else VALUES):
            before = everything(conn)
            # Not a value of Python's: some of these only JSON can say.
            body = json.dumps({name: "HERE", **rest}).replace('"HERE"', value, 1)
            status, _ = desk.post(path.format(**premises.ids), body, key=f"hostile-{name}-{number:04}")
            assert status < 500, (name, value[:80])
            if name in ("amount", "strange"):
                assert status == 400, (name, value[:80])
                assert everything(conn) == before


@pytest.mark.parametrize(
    "query",
    [
        "invoices?before=٣", f"invoices?before={'9' * 5000}", f"invoices?buyer_id={'9' * 400}", "invoices?status=%00",
        "invoices?buyer_id=1%00", "payments?buyer_id=0", f"payments?invoice_id={'9' * 30}", "returns?status=%00",
        "buyers/{buyer_id}/statement?to=9999-12-31", "buyers/{buyer_id}/statement?from=0001-01-01",
        "buyers/{buyer_id}/statement?to=0001-01-01", "buyers/{buyer_id}/statement?from=0001-01-01&to=9999-12-31",
        "buyers/{buyer_id}/statement?from=0&to=1", "buyers/{buyer_id}/statement?format=%00",
        "reports/journal.csv?from=0001-01-01&to=9999-12-31", "reports/journal.csv?from=9999-12-31&to=9999-12-31",
        "reports/journal.csv?from=2026-07-02&to=2026-07-01",
        "reports/returns?until=0001-01-01T00:00:00%2B00:00", "reports/returns?since=0001-01-01T00:00:00%2B14:00",
        "reports/returns?until=9999-12-31T23:59:59-14:00",
        "reports/returns?since=2026-06-17T00:00:00%2B00:00:00.000001",
    ],
)  # fmt: skip
def test_a_question_that_has_no_answer_is_refused_or_answered(premises: Premises, query: str) -> None:
    answer = premises.client.get(f"/api/{query.format(**premises.ids)}", headers=a_token())
    assert answer.status_code in (200, 400, 404)
    assert premises.client.get("/api/payments", headers=a_token()).status_code == 200


@pytest.mark.parametrize("reason", ["a\u0000b", "\ud800", " ", "", 7, ["x"]], ids=ascii)
def test_an_invoice_is_not_cancelled_for_what_is_no_reason(
    conn: Connection[Any], premises: Premises, reason: object
) -> None:
    before = everything(conn)
    premises.bodies = premises.bodies | {"cancel": {"reason": reason}}
    answer = premises.call("POST", "/api/invoices/{invoice_id}/cancel", a_token())
    assert answer.status_code == 400
    assert everything(conn) == before


@pytest.mark.parametrize("received_at", ["0001-01-01T00:00:00+14:00", "0001-01-01", "1999-12-31T23:59:59Z"])
def test_money_of_another_age_is_refused_and_lists_can_still_be_read(
    conn: Connection[Any], premises: Premises, received_at: str
) -> None:
    before = everything(conn)
    premises.bodies = premises.bodies | {"top-ups": BODIES["top-ups"] | {"received_at": received_at}}
    answer = premises.call("POST", "/api/buyers/{buyer_id}/top-ups", a_token())
    assert premises.client.get("/api/payments", headers=a_token()).status_code == 200
    assert answer.status_code == 400
    assert everything(conn) == before


def test_a_buyer_does_not_learn_of_a_draft_by_disputing_it(conn: Connection[Any], premises: Premises) -> None:
    conn.execute("UPDATE buyers SET billing = '{\"approval\": true}'")
    row = conn.execute("SELECT offer_id FROM invoices").fetchone()
    assert row is not None
    draft, _ = an_invoice(conn, row[0], premises.own, clock.now())
    jane = a_token("buyer", buyer_id=premises.own)
    answer = premises.client.post(f"/api/invoices/{draft}/disputes", json={"reason": "x"}, headers=jane)
    assert refusal(answer) == (404, "not_found")
    answer = premises.client.post(f"/api/invoices/{draft}/disputes", json={"reason": "x"}, headers=a_token())
    assert refusal(answer) == (409, "invoice_not_disputable")
