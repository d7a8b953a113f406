"""What is asked of the payment provider: refunds, and top-ups from the cards that buyers have left."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from psycopg import Connection
from psycopg.types.json import Jsonb

from leadgen.buyers import store as buyers_store
from leadgen.payments.service import refunds as payments_refunds
from leadgen.payments.service import top_ups
from leadgen.platform import clock, settings
from tests.support.factories import a_buyer
from tests.support.money.after_sale import OPERATOR, assert_books_agree, money_of, pay_by_card, postings
from tests.support.money.sold_leads import a_taken_lead, prepay
from tests.support.servers.payment_provider import Provider, hand_over
from tests.support.stages.functions import Functions
from tests.support.stages.messages import body, sqs_event
from tests.support.stages.posts import a_token, refusal

RULE = {"auto_top_up": {"below": "50.00", "amount": "100.00"}}


@pytest.fixture
def client(functions: Functions, provider: Provider) -> TestClient:
    return functions.client("pay")


@pytest.fixture
def buyer(conn: Connection[Any], client: TestClient) -> int:
    return a_buyer(conn)


def paid_by_card(conn: Connection[Any], provider: Provider, buyer: int, now: datetime) -> int:
    """A payment of 45.00 into the wallet that the provider knows too; its id."""
    intent = provider.fake.account._intent(4500, "usd", None, {})
    provider.fake.account._succeed(intent)
    provider.sent_events()
    return pay_by_card(conn, buyer, "45.00", now, intent["id"]).payment_id


def ask_back(conn: Connection[Any], functions: Functions, payment: int, now: datetime, amount: str = "20.00") -> int:
    """Have money of a payment paid back, and whoever waits for it woken; the refund's id."""
    with functions.module("collect").bus.transaction() as transaction:
        refund = payments_refunds.request(
            transaction.conn, payment, Decimal(amount), reason="asked", actor=OPERATOR, now=now
        )
        transaction.announce(refund.events)
    return refund.refund_id


def leave_card(functions: Functions, client: TestClient, provider: Provider, buyer: int, card: str = "good") -> None:
    """A buyer leaves a card on the provider's page."""
    answer = functions.client("api").post(f"/api/buyers/{buyer}/payment-method", headers=a_token())
    assert answer.status_code == 201, answer.text
    provider.press(answer.json()["url"], card)
    events, later = provider.sent_events(), len(provider.of("payment_method"))
    for event in events:  # the provider tells whole seconds: no two cards are left in one
        event["created"] += later
    assert set(hand_over(client, events)) == {200}


def top_up_when_due(conn: Connection[Any], functions: Functions, buyer: int) -> None:
    """What billing does at the end of its transaction, and whoever waits for it."""
    with functions.module("collect").bus.transaction() as transaction:
        buyers_store.lock(transaction.conn, [buyer])
        transaction.announce(top_ups.due(transaction.conn, [buyer], clock.now()))
    functions.drain()


def automatic(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    return conn.execute("SELECT status, amount::text, error FROM payments WHERE is_automatic ORDER BY id").fetchall()


def refunds(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    return conn.execute("SELECT status, provider_id IS NOT NULL, attempts, error FROM refunds ORDER BY id").fetchall()


def test_a_refund_is_made_at_the_provider_and_told_of_twice_moves_once(
    conn: Connection[Any], functions: Functions, client: TestClient, provider: Provider, buyer: int, now: datetime
) -> None:
    payment = paid_by_card(conn, provider, buyer, now)
    refund = ask_back(conn, functions, payment, now)
    functions.drain()
    (made,) = provider.of("refund")
    assert (made["amount"], made["status"]) == (2000, "succeeded")
    assert made["metadata"] == {"refund_id": str(refund), "buyer_id": str(buyer)}
    assert refunds(conn) == [("succeeded", True, 1, None)]
    assert set(hand_over(client, provider.sent_events())) == {200}
    assert postings(conn, "refund_paid") == [("refunds_due", "cash", "20.00")]
    assert money_of(conn, buyer) == ("0.00", "25.00")
    assert_books_agree(conn)


def test_edge_30_a_refund_that_the_provider_refuses_is_in_the_wallet_again(
    conn: Connection[Any], functions: Functions, provider: Provider, buyer: int, now: datetime
) -> None:
    payment = paid_by_card(conn, provider, buyer, now)
    provider.fake.account.refund({"payment_intent": provider.of("payment_intent")[0]["id"], "amount": "4500"})
    ask_back(conn, functions, payment, now)
    functions.drain()
    assert refunds(conn) == [("failed", False, 1, "charge_already_refunded")]
    assert money_of(conn, buyer) == ("0.00", "45.00")
    assert_books_agree(conn)


def test_edge_30_a_refund_under_way_ends_as_the_provider_says_later(
    conn: Connection[Any], functions: Functions, client: TestClient, provider: Provider, buyer: int, now: datetime
) -> None:
    provider.control(refunds="pending")
    payment = paid_by_card(conn, provider, buyer, now)
    ask_back(conn, functions, payment, now)
    functions.drain()
    assert refunds(conn) == [("pending", True, 1, None)]
    provider.control(refund=provider.of("refund")[0]["id"], status="failed")
    hand_over(client, provider.sent_events())
    assert refunds(conn) == [("failed", True, 1, "expired_or_canceled_card")]
    assert money_of(conn, buyer) == ("0.00", "45.00")


def test_a_refund_of_which_nothing_is_heard_is_asked_after_and_not_made_again(
    conn: Connection[Any], functions: Functions, provider: Provider, buyer: int, now: datetime
) -> None:
    provider.control(refunds="pending")
    payment = paid_by_card(conn, provider, buyer, now)
    ask_back(conn, functions, payment, now)
    functions.drain()
    provider.control(refund=provider.of("refund")[0]["id"], status="succeeded")
    provider.fake.account.answers.clear()  # a day later the provider knows the key no more
    conn.execute("UPDATE refunds SET claimed_until = now() - interval '1 second'")
    functions.module("sweep").run(clock.now())
    functions.drain()
    assert refunds(conn) == [("succeeded", True, 2, None)]
    assert len(provider.of("refund")) == 1


def test_a_refund_made_in_the_providers_console_is_asked_after_and_not_made_by_us(
    conn: Connection[Any], functions: Functions, client: TestClient, provider: Provider, buyer: int, now: datetime
) -> None:
    paid_by_card(conn, provider, buyer, now)
    provider.control(refunds="pending")
    intent = provider.of("payment_intent")[0]["id"]
    made = provider.fake.account.refund({"payment_intent": intent, "amount": "2000"})
    hand_over(client, provider.sent_events())
    assert refunds(conn) == [("pending", True, 0, None)]
    provider.control(refund=made["id"], status="succeeded")
    functions.module("sweep").run(clock.now())
    functions.drain()
    assert refunds(conn) == [("pending", True, 0, None)]
    conn.execute("UPDATE refunds SET claimed_until = now() - interval '1 second'")
    functions.module("sweep").run(clock.now())
    functions.drain()
    assert refunds(conn) == [("succeeded", True, 1, None)]
    assert len(provider.of("refund")) == 1
    assert money_of(conn, buyer) == ("0.00", "25.00")


@pytest.mark.parametrize("forgets", [False, True], ids=["same day", "days later"])
def test_a_refund_whose_answer_was_lost_is_made_once(
    conn: Connection[Any], functions: Functions, provider: Provider, buyer: int, now: datetime, forgets: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("leadgen.payments.adapters.provider.CALL_SECONDS", 0.5)
    provider.fails("/v1/refunds", "hang")
    payment = paid_by_card(conn, provider, buyer, now)
    ask_back(conn, functions, payment, now)
    functions.drain()
    assert refunds(conn) == [("pending", False, 1, None)]
    assert len(provider.of("refund")) == 1
    if forgets:
        provider.fake.account.answers.clear()
    provider.fails("/v1/refunds", "ok")
    assert functions.module("sweep").run(clock.now())["unasked"] == 0  # not yet
    assert functions.module("sweep").run(clock.now() + timedelta(minutes=2))["unasked"] == 1
    conn.execute("UPDATE refunds SET claimed_until = now() - interval '1 second'")
    functions.drain()
    assert refunds(conn) == [("succeeded", True, 2, None)]
    assert len(provider.of("refund")) == 1
    assert_books_agree(conn)


def test_a_refund_that_nobody_was_woken_for_is_swept(
    conn: Connection[Any], functions: Functions, provider: Provider, buyer: int, now: datetime
) -> None:
    payment = paid_by_card(conn, provider, buyer, now)
    with conn.transaction():
        payments_refunds.request(conn, payment, Decimal("20.00"), reason="asked", actor=OPERATOR, now=now)
    functions.module("sweep").run(clock.now() + timedelta(minutes=2))
    functions.drain()
    assert refunds(conn) == [("succeeded", True, 1, None)]


def test_a_refund_that_two_are_woken_for_is_made_once(
    conn: Connection[Any], functions: Functions, provider: Provider, buyer: int, now: datetime
) -> None:
    payment = paid_by_card(conn, provider, buyer, now)
    refund = ask_back(conn, functions, payment, now)
    conn.execute("UPDATE refunds SET claimed_until = now() + interval '1 minute' WHERE id = %s", (refund,))
    functions.drain()
    assert refunds(conn) == [("pending", False, 0, None)]
    assert provider.of("refund") == []


def test_prepaid_money_that_falls_below_is_topped_up_once_from_the_card_that_was_left(
    conn: Connection[Any], functions: Functions, client: TestClient, provider: Provider, buyer: int
) -> None:
    leave_card(functions, client, provider, buyer)
    conn.execute("UPDATE buyers SET billing = %s", (Jsonb(RULE),))
    for _ in range(3):
        top_up_when_due(conn, functions, buyer)
    assert automatic(conn) == [("succeeded", "100.00", None)]
    assert money_of(conn, buyer) == ("0.00", "100.00")
    (intent,) = provider.of("payment_intent")
    assert (intent["amount"], intent["status"]) == (10000, "succeeded")
    assert set(hand_over(client, provider.sent_events())) == {200}
    assert money_of(conn, buyer) == ("0.00", "100.00")
    assert_books_agree(conn)


def test_a_lead_that_draws_the_wallet_below_the_limit_has_it_topped_up(
    conn: Connection[Any], functions: Functions, client: TestClient, provider: Provider, offer: int, buyer: int,
    now: datetime,
) -> None:  # fmt: skip
    leave_card(functions, client, provider, buyer)
    conn.execute("UPDATE buyers SET billing = %s", (Jsonb(RULE),))
    prepay(conn, buyer, "90.00", now)
    lead = a_taken_lead(conn, offer, buyer, now)  # of 45.00
    assert functions.module("bill").handler(sqs_event(body("lead.delivered", lead)), None) == {"batchItemFailures": []}
    functions.drain()
    assert automatic(conn) == [("succeeded", "100.00", None)]
    assert money_of(conn, buyer) == ("0.00", "145.00")
    assert_books_agree(conn)


def test_what_is_spoken_for_counts_as_gone(
    conn: Connection[Any], functions: Functions, client: TestClient, provider: Provider, buyer: int
) -> None:
    leave_card(functions, client, provider, buyer)
    conn.execute("UPDATE buyers SET billing = %s", (Jsonb(RULE),))
    top_up_when_due(conn, functions, buyer)
    conn.execute("UPDATE buyers SET pending_amount = 50")
    top_up_when_due(conn, functions, buyer)
    assert len(automatic(conn)) == 1  # 50.00 is not below 50.00
    conn.execute("UPDATE buyers SET pending_amount = 50.01")
    top_up_when_due(conn, functions, buyer)
    assert len(automatic(conn)) == 2


def test_a_card_that_is_left_tops_up_at_once_what_is_due(
    conn: Connection[Any], functions: Functions, client: TestClient, provider: Provider, buyer: int
) -> None:
    conn.execute("UPDATE buyers SET billing = %s", (Jsonb(RULE),))
    leave_card(functions, client, provider, buyer)
    functions.drain()
    assert automatic(conn) == [("succeeded", "100.00", None)]


@pytest.mark.parametrize(
    ("card", "again"), [("insufficient_funds", True), ("expired_card", False), ("authentication_required", False)]
)
def test_a_declined_card_is_told_of_left_alone_for_a_day_and_if_it_will_never_do_until_another_is_left(
    conn: Connection[Any], functions: Functions, client: TestClient, provider: Provider, buyer: int, card: str,
    again: bool,
) -> None:  # fmt: skip
    conn.execute("UPDATE buyers SET billing = %s", (Jsonb(RULE),))
    leave_card(functions, client, provider, buyer, card)
    functions.drain()
    assert automatic(conn) == [("failed", "100.00", card)]
    hand_over(client, provider.sent_events())
    events = conn.execute("SELECT event FROM lifecycle_events WHERE event = 'payment.failed'").fetchall()
    assert len(events) == 1
    for hours, tries in ((23, 1), (25, 2 if again else 1)):
        conn.execute("UPDATE payments SET updated_at = now() - make_interval(hours => %s)", (hours,))
        functions.module("sweep").run(clock.now())
        functions.drain()
        assert len(automatic(conn)) == tries
    leave_card(functions, client, provider, buyer)
    functions.drain()
    assert automatic(conn)[-1][0] == "succeeded"
    assert money_of(conn, buyer) == ("0.00", "100.00")
    assert_books_agree(conn)


@pytest.mark.parametrize("forgets", [False, True], ids=["same day", "days later"])
def test_a_top_up_whose_answer_was_lost_is_taken_once(
    conn: Connection[Any], functions: Functions, client: TestClient, provider: Provider, buyer: int, forgets: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("leadgen.payments.adapters.provider.CALL_SECONDS", 0.5)
    leave_card(functions, client, provider, buyer)
    conn.execute("UPDATE buyers SET billing = %s", (Jsonb(RULE),))
    provider.fails("/v1/payment_intents", "hang")
    top_up_when_due(conn, functions, buyer)
    assert automatic(conn) == [("pending", "100.00", None)]
    if forgets:
        provider.fake.account.answers.clear()
    provider.fails("/v1/payment_intents", "ok")
    conn.execute("UPDATE payments SET claimed_until = now() - interval '1 second'")
    functions.module("sweep").run(clock.now())
    functions.drain()
    assert automatic(conn) == [("succeeded", "100.00", None)]
    assert len(provider.of("payment_intent")) == 1


def test_without_a_provider_nothing_is_topped_up(
    conn: Connection[Any], functions: Functions, client: TestClient, provider: Provider, buyer: int,
    environment: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    leave_card(functions, client, provider, buyer)
    conn.execute("UPDATE buyers SET billing = %s", (Jsonb(RULE),))
    environment.delenv("STRIPE_SECRET_KEY")
    environment.delenv("STRIPE_WEBHOOK_SECRET")
    settings.current.cache_clear()
    top_up_when_due(conn, functions, buyer)
    functions.module("sweep").run(clock.now())
    assert automatic(conn) == []


def test_the_card_left_last_is_the_one_that_is_kept_in_whatever_order_that_is_told(
    conn: Connection[Any], functions: Functions, client: TestClient, provider: Provider, buyer: int
) -> None:
    api = functions.client("api")
    for _ in range(2):
        provider.press(api.post(f"/api/buyers/{buyer}/payment-method", headers=a_token()).json()["url"])
    events = provider.sent_events()
    newest = provider.of("payment_method")[0]["id"]
    for event in events:  # the same second: which is the later is the event's own time
        event["created"] += 10 if event["data"]["object"].get("payment_method") == newest else 0
    hand_over(client, events[::-1])
    assert conn.execute("SELECT payment_method_id, payment_method FROM buyers").fetchone() == (newest, "stripe")
    assert len(provider.of("customer")) == 1


def test_a_buyer_pays_prepaid_money_in_by_card(
    conn: Connection[Any], functions: Functions, client: TestClient, provider: Provider, buyer: int
) -> None:
    api, headers = functions.client("api"), a_token() | {"Idempotency-Key": "a-key-of-16-chars"}
    # By the path of before too.
    paths = ("checkout", "top-up")
    answers = [api.post(f"/api/buyers/{buyer}/{path}", json={"amount": "75.50"}, headers=headers) for path in paths]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    other = api.post(f"/api/buyers/{buyer}/checkout", json={"amount": "75.51"}, headers=headers)
    assert refusal(other) == (409, "payment_differs")
    assert conn.execute("SELECT status, amount FROM payments").fetchall() == [("pending", Decimal("75.50"))]
    provider.press(answers[0].json()["url"], "insufficient_funds")
    hand_over(client, provider.sent_events())
    assert conn.execute("SELECT status FROM payments").fetchall() == [("pending",)]
    provider.press(answers[0].json()["url"])
    hand_over(client, provider.sent_events())
    assert conn.execute("SELECT status, is_automatic, actor FROM payments").fetchall() == [
        ("succeeded", False, "someone")
    ]
    assert money_of(conn, buyer) == ("0.00", "75.50")
    assert conn.execute("SELECT action FROM audit_logs WHERE action = 'payment.requested'").fetchall() == [
        ("payment.requested",)
    ]
    assert_books_agree(conn)


def test_a_top_up_that_nobody_pays_fails_when_its_page_expires_and_still_takes_money_that_comes(
    conn: Connection[Any], functions: Functions, client: TestClient, provider: Provider, buyer: int
) -> None:
    url = functions.client("api").post(
        f"/api/buyers/{buyer}/checkout", json={"amount": "75.50"}, headers=a_token()
    ).json()["url"]  # fmt: skip
    provider.press(url)
    late = provider.sent_events()
    session = provider.of("checkout.session")[0]
    session["status"] = "open"
    provider.control(expire=session["id"])
    hand_over(client, provider.sent_events())
    assert conn.execute("SELECT status, error FROM payments").fetchall() == [("failed", "expired")]
    hand_over(client, late)
    assert conn.execute("SELECT status, error FROM payments").fetchall() == [("succeeded", None)]
    assert money_of(conn, buyer) == ("0.00", "75.50")


@pytest.mark.parametrize("amount", ["0", "-1", "1.005", "x", None, 7.505, "99999999999"])
def test_a_top_up_of_no_amount_is_refused(
    conn: Connection[Any], functions: Functions, provider: Provider, buyer: int, amount: object
) -> None:
    answer = functions.client("api").post(f"/api/buyers/{buyer}/checkout", json={"amount": amount}, headers=a_token())
    assert refusal(answer) == (400, "invalid_amount")
    assert conn.execute("SELECT count(*) FROM payments").fetchone() == (0,)


def test_a_top_up_is_exact_as_a_number_as_a_payment_is(
    conn: Connection[Any], functions: Functions, provider: Provider, buyer: int
) -> None:
    answer = functions.client("api").post(f"/api/buyers/{buyer}/checkout", json={"amount": 75.1}, headers=a_token())
    assert answer.status_code == 201
    assert conn.execute("SELECT amount::text FROM payments").fetchone() == ("75.10",)


@pytest.mark.parametrize("path", ["payment-method", "checkout"])
def test_a_buyer_asks_for_itself_only(
    conn: Connection[Any], functions: Functions, provider: Provider, buyer: int, path: str
) -> None:
    api, other = functions.client("api"), a_buyer(conn)
    assert refusal(api.post(f"/api/buyers/{buyer}/{path}", json={"amount": "5"}))[0] == 401
    headers = a_token("buyer", buyer_id=other)
    assert refusal(api.post(f"/api/buyers/{buyer}/{path}", json={"amount": "5"}, headers=headers)) == (404, "not_found")
    assert api.post(f"/api/buyers/{other}/{path}", json={"amount": "5"}, headers=headers).status_code == 201
    assert refusal(api.post(f"/api/buyers/999/{path}", json={"amount": "5"}, headers=a_token()))[0] == 404


def test_what_wakes_the_collector_holds_ids_only(
    conn: Connection[Any], functions: Functions, client: TestClient, provider: Provider, buyer: int, now: datetime
) -> None:
    payment = paid_by_card(conn, provider, buyer, now)
    refund = ask_back(conn, functions, payment, now)
    queued = conn.execute("SELECT message FROM pgmq.q_collect").fetchall()
    assert [set(message) for (message,) in queued] == [{"event", "lead_id", "occurred_at", "trace_id", "refund_id"}]
    assert queued[0][0]["refund_id"] == refund
