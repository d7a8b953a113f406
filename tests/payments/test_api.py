"""The API of money: exact amounts, keys, and who may do and see what."""

from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection

from leadgen.access import adapters as tokens
from leadgen.platform import clock
from tests.conftest import SECRET_KEY
from tests.support.factories import a_buyer, a_source, an_enrollment, an_offer
from tests.support.money.after_sale import assert_books_agree, invoice_of, money_of, set_policy
from tests.support.money.sold_leads import a_billed_lead, a_taken_lead, an_invoice, everything
from tests.support.stages.functions import Functions
from tests.support.stages.messages import sent
from tests.support.stages.reviews import a_token, audits


class Desk:
    """The API as somebody with a token uses it."""

    def __init__(self, functions: Functions, token: str) -> None:
        self.client = functions.client("api")
        self.headers = {"Authorization": f"Bearer {token}", "User-Agent": "desk/1"}

    def post(self, path: str, body: Any = None, *, key: str | None = None) -> tuple[int, Any]:
        headers = self.headers | ({} if key is None else {"Idempotency-Key": key})
        if isinstance(body, str):
            headers["Content-Type"] = "application/json"
            answer = self.client.post(path, content=body, headers=headers)
        else:
            answer = self.client.post(path, json=body, headers=headers)
        shown = answer.json()
        return answer.status_code, shown.get("error", shown)

    def get(self, path: str) -> tuple[int, Any]:
        answer = self.client.get(path, headers=self.headers)
        shown = answer.json()
        return answer.status_code, shown.get("error", shown)


@pytest.fixture
def offer(conn: Connection[Any]) -> int:
    offer = an_offer(conn, invoice_threshold="100000.00")
    set_policy(conn, offer, auto_approve=["duplicate"])
    return offer


@pytest.fixture
def buyer(conn: Connection[Any], offer: int) -> int:
    buyer = a_buyer(conn)
    an_enrollment(conn, buyer, offer)
    return buyer


@pytest.fixture
def desk(functions: Functions, conn: Connection[Any]) -> Desk:
    return Desk(functions, a_token())


def of_buyer(functions: Functions, buyer: int) -> Desk:
    token = tokens.issue(
        SECRET_KEY, subject="jane", role="buyer", now=clock.now(), lifetime=timedelta(hours=1), buyer_id=buyer
    )
    return Desk(functions, token)


def test_a_payment_is_recorded_once_for_its_key_and_audited(
    conn: Connection[Any], desk: Desk, offer: int, buyer: int
) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, clock.now())
    path = f"/api/invoices/{invoice}/payments"
    body = {"amount": "50.00", "method": "check", "reference": "1077", "received_at": "2026-06-17"}
    status, first = desk.post(path, body, key="k-1")
    assert (status, first["to_invoice"], first["to_wallet"], first["invoice_status"], first["repeated"]) == (
        201, 45.00, 5.00, "paid", False,
    )  # fmt: skip
    status, again = desk.post(path, body, key="k-1")
    assert (status, again["payment_id"], again["repeated"]) == (200, first["payment_id"], True)
    status, refused = desk.post(path, body | {"amount": 51}, key="k-1")
    assert (status, refused["code"]) == (409, "payment_differs")
    ((action, resource, resource_id, _, after, agent),) = audits(conn)
    assert (action, resource, resource_id, agent) == ("payment.record", "payment", first["payment_id"], "desk/1")
    assert (after["amount"], after["by"]) == ("50.00", "op")
    assert ("payment.received", None) in sent(conn, "notify")
    assert_books_agree(conn)


@pytest.mark.parametrize(
    "amount",
    ["0", "0.0", "-1", "45.005", '"45.005"', "NaN", '"NaN"', "Infinity", "1e999", "1e99999999999999999999", '"1e3"',
     "true", "null", '""', "[]", "10000000000.00", '"-45"'],
)  # fmt: skip
def test_an_amount_that_is_none_is_refused_and_moves_nothing(
    conn: Connection[Any], desk: Desk, offer: int, buyer: int, amount: str
) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, clock.now())
    status, paid = desk.post("/api/buyers/1/top-ups", '{"method": "check", "amount": 100}', key="k-0")
    assert status == 201
    before = everything(conn)
    for path, rest in (
        (f"/api/invoices/{invoice}/payments", '"method": "check"'),
        (f"/api/buyers/{buyer}/top-ups", '"method": "check"'),
        (f"/api/payments/{paid['payment_id']}/refunds", '"reason": "asked for"'),
    ):
        status, refused = desk.post(path, f'{{"amount": {amount}, {rest}}}', key="k-1")
        assert (status, refused["code"], refused["details"]["field"]) == (400, "invalid_amount", "amount")
    assert everything(conn) == before


@pytest.mark.parametrize("amount", ["45.10", '"45.10"', "45.1", "4510e-2"])
def test_an_amount_is_exact_as_a_number_and_as_text(conn: Connection[Any], desk: Desk, buyer: int, amount: str) -> None:
    status, _ = desk.post(f"/api/buyers/{buyer}/top-ups", f'{{"method": "check", "amount": {amount}}}', key="k")
    assert (status, money_of(conn, buyer)[1]) == (201, "45.10")


@pytest.mark.parametrize(
    ("body", "key", "code"),
    [
        ({"amount": "1"}, "k", "invalid_request"),
        ({"amount": "1", "method": "stripe"}, "k", "invalid_request"),
        ({"amount": "1", "method": "check", "color": "red"}, "k", "invalid_request"),
        ({"amount": "1", "method": "check", "currency": "usd"}, "k", "invalid_request"),
        ({"amount": "1", "method": "check", "currency": "EUR"}, "k", "wrong_currency"),
        ({"amount": "1", "method": "check", "received_at": "someday"}, "k", "invalid_request"),
        ({"amount": "1", "method": "check", "received_at": "2999-01-01"}, "k", "invalid_request"),
        ({"amount": "1", "method": "check", "note": "a\u0000b"}, "k", "invalid_request"),
        ({"amount": "1", "method": "check", "reference": "x" * 201}, "k", "invalid_request"),
        ({"amount": "1", "method": "check"}, None, "invalid_idempotency_key_format"),
        ({"amount": "1", "method": "check"}, "x" * 129, "invalid_idempotency_key_format"),
        ("[]", "k", "invalid_request"),
        ("{", "k", "invalid_request"),
    ],
    ids=str,
)  # fmt: skip
def test_a_payment_that_is_written_wrongly_moves_nothing(
    conn: Connection[Any], desk: Desk, buyer: int, body: Any, key: str | None, code: str
) -> None:
    before = everything(conn)
    status, refused = desk.post(f"/api/buyers/{buyer}/top-ups", body, key=key)
    assert (status, refused["code"]) == (409 if code == "wrong_currency" else 400, code)
    assert everything(conn) == before


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "/api/invoices/1/payments", {"amount": "1", "method": "check"}),
        ("post", "/api/buyers/1/top-ups", {"amount": "1", "method": "check"}),
        ("post", "/api/payments/1/refunds", {"amount": "1", "reason": "x"}),
        ("post", "/api/payments/1/undo", {"reason": "x"}),
        ("post", "/api/invoices/1/write-off", {"reason": "x"}),
        ("post", "/api/invoices/1/write-off/undo", {"reason": "x"}),
        ("post", "/api/invoices/1/credits", {"lead_ids": [1], "reason": "goodwill"}),
        ("post", "/api/returns/1/decision", {"verdict": "approve", "remark": "x"}),
        ("post", "/api/disputes/1/close", {"outcome": "upheld", "remark": "x"}),
        ("get", "/api/reports/returns", None),
        ("get", "/api/chargebacks", None),
    ],
)
def test_what_is_a_persons_of_the_operator_is_nobody_elses(
    conn: Connection[Any], functions: Functions, offer: int, buyer: int, method: str, path: str, body: Any
) -> None:
    an_invoice(conn, offer, buyer, clock.now())
    before = everything(conn)
    desks = [of_buyer(functions, buyer)] + ([Desk(functions, a_token("system"))] if method == "post" else [])
    for one in desks:
        answered = one.post(path, body, key="k") if method == "post" else one.get(path)
        assert (answered[0], answered[1]["code"]) == (403, "forbidden")
    nobody = Desk(functions, "x")
    answered = nobody.post(path, body, key="k") if method == "post" else nobody.get(path)
    assert answered[0] == 401
    assert everything(conn) == before


@pytest.mark.parametrize("number", ["0", "-1", "x", "99999999999", "1e3"])
def test_a_number_that_is_no_id_is_refused(desk: Desk, number: str) -> None:
    for path in (f"/api/invoices/{number}/payments", f"/api/leads/{number}/return", f"/api/returns/{number}/decision"):
        status, refused = desk.post(path, {"amount": "1", "method": "check"}, key="k")
        assert (status, refused["code"]) == (400, "invalid_request")


def test_a_buyer_sees_only_its_own(
    conn: Connection[Any], functions: Functions, desk: Desk, offer: int, buyer: int
) -> None:
    other = a_buyer(conn)
    for whose in (buyer, other):
        invoice, (lead,) = an_invoice(conn, offer, whose, clock.now())
        assert (
            desk.post(f"/api/invoices/{invoice}/payments", {"amount": 90, "method": "check"}, key=f"k{whose}")[0] == 201
        )
        assert desk.post(f"/api/invoices/{invoice}/disputes", {"reason": "too much"})[0] == 201
        status, returned = desk.post(f"/api/leads/{lead}/return", {"reason": "other", "note": "said so"})
        assert (status, returned["status"], returned["credit_note"] is not None) == (201, "approved", True)
        paid = desk.get(f"/api/payments?buyer_id={whose}")[1]["payments"][0]["payment_id"]
        assert desk.post(f"/api/payments/{paid}/refunds", {"amount": 10, "reason": "asked"}, key=f"r{whose}")[0] == 201
    jane = of_buyer(functions, buyer)
    for name, path in (
        ("payments", "/api/payments"), ("refunds", "/api/refunds"), ("returns", "/api/returns"),
        ("disputes", "/api/disputes"), ("credit_notes", "/api/credit-notes"),
    ):  # fmt: skip
        assert len(desk.get(path)[1][name]) == 2
        status, seen = jane.get(path)
        assert (status, [row["buyer_id"] for row in seen[name]]) == (200, [buyer])
        assert jane.get(f"{path}?buyer_id={other}")[0] == 404
    status, wallet = jane.get(f"/api/buyers/{buyer}/wallet")
    assert (status, wallet["wallet"]) == (200, 80.0)
    assert [(move["kind"], move["amount"], move["balance"]) for move in wallet["moves"]] == [
        ("refund_requested", -10.0, 80.0), ("credit_note", 45.0, 90.0), ("payment", 45.0, 45.0),
    ]  # fmt: skip
    assert jane.get(f"/api/buyers/{other}/wallet")[0] == 404
    assert_books_agree(conn)


def test_a_buyer_gives_back_disputes_and_withdraws_its_own(
    conn: Connection[Any], functions: Functions, desk: Desk, offer: int, buyer: int
) -> None:
    now = clock.now()
    jane, joe = of_buyer(functions, buyer), of_buyer(functions, a_buyer(conn))
    lead = a_taken_lead(conn, offer, buyer, now)
    conn.execute("UPDATE deliveries SET settled_at = %s", (now,))
    assert joe.post(f"/api/leads/{lead}/return", {"reason": "other"})[0] == 404
    status, asked = jane.post(f"/api/leads/{lead}/return", {"reason": "other"})
    assert (status, asked["status"], asked["trace"]["checks"][0]["rule"]) == (201, "requested", "sold")
    assert sent(conn, "notify") == [("lead.billed", lead)]
    status, refused = jane.post(f"/api/leads/{lead}/return", {"reason": "other"})
    assert (status, refused["code"]) == (409, "already_returned")
    status, decided = desk.post(
        f"/api/returns/{asked['return_id']}/decision", {"verdict": "approve", "remark": "so it is"}
    )
    assert (status, decided["status"], decided["decided_by"]) == (200, "approved", "op")
    assert ("lead.returned", lead) in sent(conn, "notify")
    assert [row[0] for row in audits(conn)] == ["return.request", "return.decide"]

    invoice, _ = an_invoice(conn, offer, buyer, now)
    assert joe.post(f"/api/invoices/{invoice}/disputes", {"reason": "not mine"})[0] == 404
    status, opened = jane.post(f"/api/invoices/{invoice}/disputes", {"reason": "too much"})
    assert (status, opened["invoice_status"]) == (201, "disputed")
    path = f"/api/disputes/{opened['dispute_id']}/withdraw"
    assert joe.post(path)[0] == 404
    status, withdrawn = jane.post(path)
    assert (status, withdrawn["outcome"], withdrawn["invoice_status"]) == (200, "withdrawn", "sent")
    assert_books_agree(conn)


@pytest.mark.parametrize(
    "body",
    [{}, {"reason": "because"}, {"reason": "other", "note": ""}, {"reason": "other", "note": "x" * 1001},
     {"reason": "other", "color": "red"}, {"reason": "other", "note": "a\u0000"}, {"reason": 3}],
    ids=str,
)  # fmt: skip
def test_a_return_that_is_written_wrongly_is_refused(
    conn: Connection[Any], desk: Desk, offer: int, buyer: int, body: Any
) -> None:
    lead = a_billed_lead(conn, offer, buyer, clock.now())
    before = everything(conn)
    status, refused = desk.post(f"/api/leads/{lead}/return", body)
    assert (status, refused["code"]) == (400, "invalid_request")
    assert everything(conn) == before


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("credits", {"lead_ids": [], "reason": "goodwill"}),
        ("credits", {"lead_ids": "all", "reason": "goodwill"}),
        ("credits", {"lead_ids": ["1"], "reason": "goodwill"}),
        ("credits", {"lead_ids": [1], "reason": "because"}),
        ("credits", {"lead_ids": [1]}),
        ("disputes", {}),
        ("disputes", {"reason": "  "}),
        ("disputes", {"reason": "x", "color": "red"}),
        ("write-off", {"reason": 3}),
        ("write-off/undo", {"reason": "x" * 501}),
    ],
    ids=str,
)
def test_what_is_written_wrongly_about_an_invoice_is_refused(
    conn: Connection[Any], desk: Desk, offer: int, buyer: int, path: str, body: Any
) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, clock.now())
    before = everything(conn)
    status, refused = desk.post(f"/api/invoices/{invoice}/{path}", body)
    assert (status, refused["code"]) == (400, "invalid_request")
    assert everything(conn) == before


def test_an_invoice_is_credited_written_off_and_owed_again(
    conn: Connection[Any], desk: Desk, offer: int, buyer: int
) -> None:
    invoice, leads = an_invoice(conn, offer, buyer, clock.now(), "45.00", "20.00")
    status, note = desk.post(
        f"/api/invoices/{invoice}/credits", {"lead_ids": leads[:1], "reason": "billing_error", "note": "a wrong price"}
    )
    assert (status, note["number"], note["total"], note["invoice_status"]) == (201, "CN-000001", 45.0, "sent")
    status, off = desk.post(f"/api/invoices/{invoice}/write-off", {"reason": "insolvent"})
    assert (status, off["amount"], off["invoice_status"]) == (200, 20.0, "cancelled")
    status, back = desk.post(f"/api/invoices/{invoice}/write-off/undo", {"reason": "it pays"})
    assert (status, invoice_of(conn, invoice)) == (200, ("sent", "20.00"))
    assert back["invoice_status"] == "sent"
    assert_books_agree(conn)


def test_a_refund_and_an_undone_payment_are_answered(conn: Connection[Any], desk: Desk, buyer: int) -> None:
    _, paid = desk.post(f"/api/buyers/{buyer}/top-ups", {"amount": "50", "method": "manual"}, key="k")
    path = f"/api/payments/{paid['payment_id']}"
    body = {"amount": "20.00", "reason": "asked for"}
    status, made = desk.post(f"{path}/refunds", body, key="r")
    assert (status, made["status"], made["amount"]) == (201, "succeeded", 20.0)
    assert desk.post(f"{path}/refunds", body, key="r")[0] == 200
    status, refused = desk.post(f"{path}/refunds", body | {"amount": "30.01"}, key="s")
    assert (status, refused["code"], refused["details"]) == (409, "refund_exceeds_payment", {"most": "30.00"})
    status, refused = desk.post(f"{path}/undo", {"reason": "a typing error"})
    assert (status, refused["code"]) == (409, "payment_not_undoable")
    _, other = desk.post(f"/api/buyers/{buyer}/top-ups", {"amount": "7", "method": "manual"}, key="k2")
    status, undone = desk.post(f"/api/payments/{other['payment_id']}/undo", {"reason": "a typing error"})
    assert (status, undone["status"], money_of(conn, buyer)[1]) == (200, "undone", "30.00")
    assert_books_agree(conn)


def test_how_much_is_given_back_is_told_by_buyer_and_by_source(
    conn: Connection[Any], desk: Desk, offer: int, buyer: int
) -> None:
    now = clock.now()
    source = a_source(conn, offer, source_key="ads")
    other = a_buyer(conn)
    leads = [a_billed_lead(conn, offer, whose, now, source_id=source) for whose in (buyer, buyer, buyer, other)]
    assert desk.post(f"/api/leads/{leads[0]}/return", {"reason": "spam", "note": "it is"})[0] == 201
    status, rates = desk.get("/api/reports/returns")
    shown = [(one["id"], one["sold"], one["returned"], one["percent"], one["amount"]) for one in rates["buyers"]]
    assert (status, shown) == (200, [(buyer, 3, 1, 33.3, 45.0), (other, 1, 0, 0.0, 0)])
    assert [(one["name"], one["sold"], one["percent"]) for one in rates["sources"]] == [("ads", 4, 25.0)]
    assert desk.get("/api/reports/returns?since=2026-06-17")[0] == 400
    assert desk.get("/api/returns?status=lost")[0] == 400
