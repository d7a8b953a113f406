"""What the payment provider tells: taken from nobody else, acted on once, in whatever order it comes."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from psycopg import Connection

from leadgen.payments.domain import pay_links
from leadgen.payments.service import refunds
from leadgen.platform import clock
from leadgen_local.sinks.stripe_account import Object
from tests.conftest import SECRET_KEY
from tests.support.factories import a_buyer
from tests.support.money.after_sale import OPERATOR, assert_books_agree, invoice_of, money_of, pay, postings
from tests.support.money.sold_leads import an_invoice, everything
from tests.support.servers.payment_provider import Provider, hand_over, signed
from tests.support.stages.functions import Functions
from tests.support.stages.messages import sent
from tests.support.stages.posts import refusal

MINUTE = timedelta(minutes=1)


@pytest.fixture
def client(functions: Functions, provider: Provider) -> TestClient:
    return functions.client("pay")


@pytest.fixture
def buyer(conn: Connection[Any]) -> int:
    return a_buyer(conn)


@pytest.fixture
def invoice(conn: Connection[Any], offer: int, buyer: int, now: datetime) -> int:
    """A sent invoice over 45.00."""
    return an_invoice(conn, offer, buyer, now)[0]


def pay_by_card(client: TestClient, provider: Provider, invoice: int) -> list[Object]:
    """Somebody pays an invoice on the provider's page; what the provider tells of it."""
    answer = client.post(f"/pay/{pay_links.token(SECRET_KEY, invoice)}", follow_redirects=False)
    provider.press(answer.headers["location"])
    return provider.sent_events()


def inbox(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    """Of every event its type, outcome and what it waits for, in the order of their ids."""
    return conn.execute("SELECT type, outcome, waits_for FROM payment_events ORDER BY type, event_id").fetchall()


def sweep(functions: Functions, *, after: timedelta = timedelta(minutes=5)) -> dict[str, int]:
    swept: dict[str, int] = functions.module("sweep").run(clock.now() + after)
    return swept


def a_success(buyer: int | None = None, invoice: int | None = None, **changed: Any) -> Object:
    """An event of a payment that succeeded, as the provider writes it."""
    ours = {"buyer_id": buyer, "invoice_id": invoice}
    intent = {
        "id": "pi_1", "object": "payment_intent", "amount": 4500, "amount_received": 4500, "currency": "usd",
        "customer": None, "status": "succeeded",
        "metadata": {name: str(value) for name, value in ours.items() if value is not None},
    } | changed  # fmt: skip
    return {
        "id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "created": 1781697600,
        "data": {"object": intent},
    }  # fmt: skip


def test_two_events_of_one_payment_are_one_posting(
    conn: Connection[Any], client: TestClient, provider: Provider, invoice: int, buyer: int
) -> None:
    events = pay_by_card(client, provider, invoice)
    assert [event["type"] for event in events] == ["payment_intent.succeeded", "checkout.session.completed"]
    assert hand_over(client, events) == [200, 200]
    assert invoice_of(conn, invoice) == ("paid", "0.00")
    assert postings(conn, "payment") == [("cash", "receivable", "45.00")]
    assert inbox(conn) == [
        ("checkout.session.completed", "payment_repeated", None),
        ("payment_intent.succeeded", "payment_received", None),
    ]
    assert [event for event, *_ in sent(conn, "notify")].count("payment.received") == 1
    assert_books_agree(conn)


def test_what_is_kept_of_an_event_names_nobody(
    conn: Connection[Any], client: TestClient, buyer: int, invoice: int
) -> None:
    event = a_success(buyer, invoice, receipt_email="jane@example.com", description="Jane Doe", shipping={"name": "J"})
    event["data"]["object"]["metadata"]["note"] = "Jane"
    assert hand_over(client, [event]) == [200]
    (facts,) = conn.execute("SELECT facts FROM payment_events").fetchone() or ({},)
    assert facts == {
        "kind": "payment_succeeded", "payment": "pi_1", "amount": 4500, "currency": "USD", "buyer_id": buyer,
        "invoice_id": invoice,
    }  # fmt: skip


def test_edge_32_a_webhook_repeated_twenty_times_at_once_is_one_posting(
    conn: Connection[Any], client: TestClient, provider: Provider, invoice: int
) -> None:
    events = pay_by_card(client, provider, invoice)
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda n: hand_over(client, [events[n % 2]]), range(40)))
    assert statuses == [[200]] * 40
    assert postings(conn, "payment") == [("cash", "receivable", "45.00")]
    assert conn.execute("SELECT count(*), count(processed_at) FROM payment_events").fetchone() == (2, 2)
    assert_books_agree(conn)


HOSTILE: dict[str, tuple[dict[str, str], str | None, int]] = {
    # how it is signed, what is changed in the body afterwards, the answer
    "unsigned": ({"signature": "none"}, None, 400),
    "another secret": ({"secret": "whsec_of_somebody_else"}, None, 400),
    "no secret at all": ({"secret": ""}, None, 400),
    "the body changed": ({}, "4501", 400),
    "six minutes old": ({"age": "360"}, None, 400),
    "a signature of another scheme": ({"scheme": "v0"}, None, 400),
    "letters that no signature has": ({"signature": "t=1781697600,v1=é"}, None, 400),
    "no time": ({"signature": "v1=00"}, None, 400),
    "no time that reads": ({"signature": "t=,v1=00"}, None, 400),
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_edge_32_a_forged_webhook_moves_nothing(
    conn: Connection[Any], client: TestClient, buyer: int, invoice: int, hostile: str
) -> None:
    how, changed, status = HOSTILE[hostile]
    body = json.dumps(a_success(buyer, invoice))
    at = int(clock.now().timestamp()) - int(how.get("age", 0))
    header = signed(body, secret=how.get("secret", "whsec_of_the_fake_provider"), at=at)["Stripe-Signature"]
    header = how.get("signature", header).replace("v1=", f"{how.get('scheme', 'v1')}=")
    before = everything(conn)
    answer = client.post(
        "/webhooks/stripe",
        content=body.replace("4500", changed) if changed else body,
        headers={} if header == "none" else [(b"stripe-signature", header.encode())],
    )
    assert refusal(answer) == (status, "invalid_signature")
    assert everything(conn) == before
    assert inbox(conn) == []


def test_a_webhook_that_is_five_minutes_old_is_too_old_and_a_younger_one_is_not(
    conn: Connection[Any], client: TestClient, buyer: int, invoice: int
) -> None:
    body = json.dumps(a_success(buyer, invoice))
    at = int(clock.now().timestamp())
    answers = [client.post("/webhooks/stripe", content=body, headers=signed(body, at=at - age)) for age in (310, 280)]
    assert [answer.status_code for answer in answers] == [400, 200]


def test_a_huge_webhook_is_not_read(conn: Connection[Any], client: TestClient, buyer: int) -> None:
    body = json.dumps(a_success(buyer) | {"more": "x" * 1_000_000})
    assert refusal(client.post("/webhooks/stripe", content=body, headers=signed(body))) == (413, "body_too_large")
    assert inbox(conn) == []


@pytest.mark.parametrize(
    "body",
    [
        "", "[]", "null", "{", "[" * 20_000, '{"type": "payment_intent.succeeded"}',
        '{"id": "evt_1", "type": "payment_intent.succeeded", "created": 1e400, "data": {"object": {}}}',
        '{"id": 7, "type": "payment_intent.succeeded", "created": 1, "data": {"object": {"id": "pi_1"}}}',
        '{"id": "evt_1", "type": "refund.updated", "created": "now", "data": {"object": []}}',
        '{"id": "evt_1", "type": "charge.dispute.closed", "created": 1, "data": null}',
    ],
    ids=range(10),
)  # fmt: skip
def test_a_signed_webhook_that_does_not_read_is_refused(conn: Connection[Any], client: TestClient, body: str) -> None:
    answer = client.post("/webhooks/stripe", content=body, headers=signed(body))
    assert answer.status_code == 400
    assert inbox(conn) == []


@pytest.mark.parametrize("change", [{"amount_received": -1}, {"amount_received": "45"}, {"currency": "dollars"}])
def test_a_signed_payment_of_no_amount_that_there_is_is_refused(
    conn: Connection[Any], client: TestClient, buyer: int, invoice: int, change: dict[str, Any]
) -> None:
    assert hand_over(client, [a_success(buyer, invoice, **change)]) == [400]
    assert inbox(conn) == []


def test_an_event_of_another_type_is_taken_and_forgotten(conn: Connection[Any], client: TestClient) -> None:
    event = {"id": "evt_1", "type": "customer.created", "created": 1, "data": {"object": {"id": "cus_1"}}}
    assert hand_over(client, [event]) == [200]
    assert inbox(conn) == []


def test_edge_32_money_for_an_invoice_that_there_is_none_of_goes_to_the_buyer(
    conn: Connection[Any], client: TestClient, buyer: int
) -> None:
    assert hand_over(client, [a_success(buyer, 999)]) == [200]
    assert inbox(conn) == [("payment_intent.succeeded", "payment_received_into_wallet", None)]
    assert money_of(conn, buyer) == ("0.00", "45.00")
    assert_books_agree(conn)


def test_edge_32_money_for_anothers_invoice_goes_to_the_buyer_who_paid(
    conn: Connection[Any], client: TestClient, invoice: int
) -> None:
    other = a_buyer(conn)
    assert hand_over(client, [a_success(other, invoice)]) == [200]
    assert money_of(conn, other) == ("0.00", "45.00")
    assert invoice_of(conn, invoice) == ("sent", "45.00")


def test_the_buyer_is_known_by_the_invoice_or_by_who_it_is_at_the_provider(
    conn: Connection[Any], client: TestClient, buyer: int, invoice: int
) -> None:
    assert hand_over(client, [a_success(None, invoice)]) == [200]
    assert invoice_of(conn, invoice) == ("paid", "0.00")
    conn.execute("UPDATE buyers SET provider_customer_id = 'cus_1' WHERE id = %s", (buyer,))
    later = a_success(id="pi_2", customer="cus_1") | {"id": "evt_2"}
    assert hand_over(client, [later]) == [200]
    assert money_of(conn, buyer) == ("0.00", "45.00")


def test_edge_32_money_of_nobody_known_waits_with_an_alarm_and_is_never_lost(
    conn: Connection[Any], client: TestClient, functions: Functions, output: Any
) -> None:
    assert hand_over(client, [a_success()]) == [200]
    assert inbox(conn) == [("payment_intent.succeeded", None, "buyer_unknown")]
    assert '"event_waits":[1.0]' in output().replace(" ", "")
    buyer = a_buyer(conn)
    sweep(functions)
    assert inbox(conn) == [("payment_intent.succeeded", None, "buyer_unknown")]
    conn.execute("UPDATE payment_events SET facts = facts || %s", (json.dumps({"buyer_id": buyer}),))
    sweep(functions, after=timedelta(minutes=10))
    assert money_of(conn, buyer) == ("0.00", "45.00")
    assert inbox(conn) == [("payment_intent.succeeded", "payment_received", None)]


def test_edge_27_money_in_another_currency_waits_for_a_person(
    conn: Connection[Any], client: TestClient, buyer: int, invoice: int
) -> None:
    before = everything(conn)
    assert hand_over(client, [a_success(buyer, invoice, currency="eur")]) == [200]
    assert inbox(conn) == [("payment_intent.succeeded", None, "wrong_currency")]
    assert everything(conn) == before


@pytest.mark.parametrize(
    ("paid", "due", "wallet"), [(4500, "0.00", "0.00"), (4000, "5.00", "0.00"), (5000, "0.00", "5.00")]
)
def test_edge_32_an_amount_that_is_not_what_is_due_is_booked_as_it_came(
    conn: Connection[Any], client: TestClient, buyer: int, invoice: int, paid: int, due: str, wallet: str
) -> None:
    assert hand_over(client, [a_success(buyer, invoice, amount_received=paid)]) == [200]
    assert invoice_of(conn, invoice)[1] == due
    assert money_of(conn, buyer)[1] == wallet
    assert_books_agree(conn)


def test_edge_31_an_invoice_paid_twice_by_card_leaves_the_second_payment_in_the_wallet(
    conn: Connection[Any], client: TestClient, buyer: int, invoice: int
) -> None:
    assert hand_over(client, [a_success(buyer, invoice), a_success(buyer, invoice, id="pi_2") | {"id": "evt_2"}]) == [
        200,
        200,
    ]
    assert invoice_of(conn, invoice) == ("paid", "0.00")
    assert money_of(conn, buyer) == ("0.00", "45.00")


def test_an_event_that_failed_is_undone_whole_and_tried_again_more_and_more_rarely(
    conn: Connection[Any], client: TestClient, functions: Functions, buyer: int, invoice: int
) -> None:
    conn.execute("ALTER TABLE ledger_entries ADD CONSTRAINT none_for_now CHECK (kind <> 'payment') NOT VALID")
    before = everything(conn)
    assert hand_over(client, [a_success(buyer, invoice)]) == [200]
    assert everything(conn) == before
    assert inbox(conn) == [("payment_intent.succeeded", None, "CheckViolation")]
    tried = [sweep(functions, after=n * MINUTE)["provider_events"] for n in (1, 3, 3, 5, 5, 9)]
    assert tried == [0, 1, 0, 1, 0, 1]
    conn.execute("ALTER TABLE ledger_entries DROP CONSTRAINT none_for_now")
    assert sweep(functions, after=17 * MINUTE)["provider_events"] == 1
    assert invoice_of(conn, invoice) == ("paid", "0.00")
    assert sweep(functions, after=999 * MINUTE)["provider_events"] == 0


def test_an_event_that_waits_is_tried_when_the_provider_sends_it_again(
    conn: Connection[Any], client: TestClient, buyer: int
) -> None:
    event = a_success(customer="cus_1")
    hand_over(client, [event])
    assert inbox(conn) == [("payment_intent.succeeded", None, "buyer_unknown")]
    conn.execute("UPDATE buyers SET provider_customer_id = 'cus_1' WHERE id = %s", (buyer,))
    hand_over(client, [event])
    assert inbox(conn) == [("payment_intent.succeeded", "payment_received", None)]


def test_what_can_never_be_booked_is_given_up_after_weeks_and_said_so(
    conn: Connection[Any], client: TestClient, functions: Functions
) -> None:
    hand_over(client, [a_success()])
    conn.execute("UPDATE payment_events SET attempts = 15")
    sweep(functions, after=timedelta(days=30))
    assert inbox(conn) == [("payment_intent.succeeded", "given_up: buyer_unknown", None)]


# Every order in which the events of one payment may come ends in the same state.

ORDERS = ("paid", "refunded", "refund failed", "refund failed after it was paid", "won", "lost", "inquiry")


def story(name: str, conn: Connection[Any], client: TestClient, provider: Provider, invoice: int) -> list[Object]:
    """All that the provider tells of a payment and of what followed."""
    events = pay_by_card(client, provider, invoice)
    intent = provider.of("payment_intent")[0]["id"]
    match name:
        case "refunded" | "refund failed" | "refund failed after it was paid":
            # Made in the provider's own console, so that nothing of ours knows it before.
            pending = name == "refund failed"
            provider.control(refunds="pending" if pending else "succeeded")
            refund = provider.fake.account.refund({"payment_intent": intent, "amount": "2000"})
            if name != "refunded":
                provider.control(refund=refund["id"], status="failed")
        case "won" | "lost":
            dispute = provider.control(dispute=intent)
            provider.control(close=dispute["id"], won=name == "won")
        case "inquiry":
            dispute = provider.control(dispute=intent, inquiry=True)
            provider.control(close=dispute["id"], won=False)
    return events + provider.sent_events()


AFTER: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    # the invoice's state and due; owed and prepaid. There are 100.00 in the wallet beforehand.
    "paid": (("paid", "0.00"), ("0.00", "100.00")),
    "refunded": (("paid", "0.00"), ("0.00", "80.00")),
    "refund failed": (("paid", "0.00"), ("0.00", "100.00")),
    "refund failed after it was paid": (("paid", "0.00"), ("0.00", "100.00")),
    "won": (("paid", "0.00"), ("0.00", "100.00")),
    "lost": (("overdue", "45.00"), ("45.00", "100.00")),
    "inquiry": (("paid", "0.00"), ("0.00", "100.00")),
}


@pytest.mark.parametrize("name", ORDERS)
def test_edge_32_and_33_the_events_of_one_payment_end_alike_in_every_order(
    conn: Connection[Any],
    client: TestClient,
    provider: Provider,
    functions: Functions,
    offer: int,
    now: datetime,
    name: str,
) -> None:
    buyer = a_buyer(conn)
    invoice = an_invoice(conn, offer, buyer, now)[0]
    events = story(name, conn, client, provider, invoice)
    kinds = len(events)
    orders = list(itertools.permutations(range(kinds)))
    step = max(1, len(orders) // 24)
    for order in orders[::step]:
        buyer = a_buyer(conn)
        invoice = an_invoice(conn, offer, buyer, now)[0]
        pay(conn, buyer, "100.00", now)
        assert set(hand_over(client, [renamed(events[n], buyer, invoice) for n in order])) == {200}, order
        sweep(functions)
        assert (invoice_of(conn, invoice), money_of(conn, buyer)) == AFTER[name], order
        assert_books_agree(conn)
    assert conn.execute("SELECT count(*) FROM payment_events WHERE processed_at IS NULL").fetchone() == (0,)


def renamed(event: Object, buyer: int, invoice: int) -> Object:
    """The same event of another buyer's payment: every id of the provider's is another."""

    def rename(value: Any) -> Any:
        match value:
            case dict():
                return {key: rename(inner) for key, inner in value.items()}
            case str() if value.startswith(("evt_", "pi_", "re_", "du_", "cs_test_", "ch_")):
                return f"{value}_{buyer}"
            case _:
                return value

    renamed: Object = rename(event)
    ours = renamed["data"]["object"].get("metadata")
    if ours:
        ours |= {"buyer_id": str(buyer), "invoice_id": str(invoice)}
    return renamed


def test_edge_30_a_refund_of_ours_that_fails_at_the_provider_is_in_the_wallet_again_in_every_order(
    conn: Connection[Any], client: TestClient, provider: Provider, functions: Functions, buyer: int, now: datetime
) -> None:
    hand_over(client, [a_success(buyer)])
    (payment,) = conn.execute("SELECT id FROM payments").fetchone() or (0,)
    for number, order in enumerate(itertools.permutations(("pending", "succeeded", "failed"))):
        with conn.transaction():
            refund = refunds.request(conn, payment, Decimal("20.00"), reason="asked", actor=OPERATOR, now=now)
        events = [a_refund(f"re_{number}", refund.refund_id, buyer, status) for status in order]
        assert set(hand_over(client, events)) == {200}
        assert money_of(conn, buyer) == ("0.00", "45.00"), order
        assert_books_agree(conn)


def a_refund(refund: str, refund_id: int, buyer: int, status: str) -> Object:
    about = {
        "id": refund, "object": "refund", "amount": 2000, "currency": "usd", "payment_intent": "pi_1",
        "status": status, "failure_reason": "lost_or_stolen_card" if status == "failed" else None,
        "metadata": {"refund_id": str(refund_id), "buyer_id": str(buyer)},
    }  # fmt: skip
    return {
        "id": f"evt_{refund}_{status}", "object": "event", "type": "refund.updated", "created": 1781697600,
        "data": {"object": about},
    }  # fmt: skip


def test_edge_33_a_second_chargeback_of_another_payment_is_its_own(
    conn: Connection[Any], client: TestClient, provider: Provider, offer: int, buyer: int, now: datetime
) -> None:
    for _ in range(2):
        invoice = an_invoice(conn, offer, buyer, now)[0]
        hand_over(client, pay_by_card(client, provider, invoice))
        provider.control(dispute=provider.of("payment_intent")[0]["id"])
        hand_over(client, provider.sent_events())
        assert invoice_of(conn, invoice) == ("disputed", "45.00")
    assert money_of(conn, buyer) == ("90.00", "0.00")
    assert_books_agree(conn)


def test_a_refund_made_in_the_providers_console_waits_where_the_wallet_cannot_give_it(
    conn: Connection[Any], client: TestClient, functions: Functions, buyer: int, invoice: int, now: datetime
) -> None:
    hand_over(client, [a_success(buyer, invoice)])
    event = a_refund("re_1", 0, buyer, "succeeded")
    event["data"]["object"]["metadata"] = {}
    hand_over(client, [event])
    assert inbox(conn)[-1] == ("refund.updated", None, "refund_exceeds_wallet")
    pay(conn, buyer, "30.00", now)
    sweep(functions)
    assert inbox(conn)[-1] == ("refund.updated", "refund_paid", None)
    assert money_of(conn, buyer) == ("0.00", "10.00")
    assert sent(conn, "collect") == []
    assert_books_agree(conn)
