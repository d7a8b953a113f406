"""Refunds: out of the wallet, the way the money came; and what is refused."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen.kernel.errors import Refusal
from leadgen.payments.service import refunds
from leadgen.payments.service.refunds import Refunding
from tests.support.factories import a_buyer, an_offer
from tests.support.money.after_sale import (
    OPERATOR,
    assert_books_agree,
    charge_back,
    credit,
    invoice_of,
    money_of,
    pay,
    pay_by_card,
    postings,
)
from tests.support.money.sold_leads import a_taken_lead, an_invoice, everything


@pytest.fixture
def offer(conn: Connection[Any]) -> int:
    return an_offer(conn, invoice_threshold="100000.00")


@pytest.fixture
def buyer(conn: Connection[Any]) -> int:
    return a_buyer(conn)


def refund(conn: Connection[Any], payment_id: int, amount: str, now: datetime, **values: Any) -> Refunding:
    with conn.transaction():
        return refunds.request(conn, payment_id, Decimal(amount), reason="asked for", actor=OPERATOR, now=now, **values)


def succeed(conn: Connection[Any], refund_id: int, now: datetime) -> Refunding:
    with conn.transaction():
        return refunds.succeed(conn, refund_id, provider_id="re_1", now=now)


def fail(conn: Connection[Any], refund_id: int, now: datetime) -> Refunding:
    with conn.transaction():
        return refunds.fail(conn, refund_id, error="expired_card", now=now)


def test_what_a_person_pays_back_is_paid_at_once(conn: Connection[Any], buyer: int, now: datetime) -> None:
    payment = pay(conn, buyer, "100.00", now)
    done = refund(conn, payment.payment_id, "40.00", now, reference="transfer 77")
    assert (done.status, done.events, money_of(conn, buyer)) == ("succeeded", (), ("0.00", "60.00"))
    assert postings(conn, "refund_paid") == [("refunds_due", "cash", "40.00")]
    assert conn.execute("SELECT action, resource_type, resource_id FROM audit_logs").fetchall() == [
        ("refund.request", "refund", done.refund_id)
    ]
    assert_books_agree(conn)


def test_edge_30_a_refund_of_the_providers_is_pending_until_it_says_so(
    conn: Connection[Any], buyer: int, now: datetime
) -> None:
    payment = pay_by_card(conn, buyer, "100.00", now, "pi_1")
    pending = refund(conn, payment.payment_id, "40.00", now)
    (event,) = pending.events
    assert (pending.status, event.topic, event.ids) == ("pending", "refund.requested", {"refund_id": pending.refund_id})
    assert money_of(conn, buyer) == ("0.00", "60.00")
    assert_books_agree(conn)
    assert not succeed(conn, pending.refund_id, now).is_repeated
    assert succeed(conn, pending.refund_id, now).is_repeated
    assert postings(conn, "refund_paid") == [("refunds_due", "cash", "40.00")]
    assert_books_agree(conn)


def test_edge_30_a_refund_that_fails_at_the_provider_is_in_the_wallet_again(
    conn: Connection[Any], buyer: int, now: datetime
) -> None:
    payment = pay_by_card(conn, buyer, "100.00", now, "pi_1")
    pending = refund(conn, payment.payment_id, "100.00", now)
    assert not fail(conn, pending.refund_id, now).is_repeated
    assert fail(conn, pending.refund_id, now).is_repeated
    assert succeed(conn, pending.refund_id, now).status == "failed"
    assert money_of(conn, buyer) == ("0.00", "100.00")
    assert refund(conn, payment.payment_id, "100.00", now).status == "pending"
    assert_books_agree(conn)


def test_edge_30_a_refund_that_comes_back_after_it_was_paid_is_in_the_wallet_again(
    conn: Connection[Any], buyer: int, now: datetime
) -> None:
    payment = pay_by_card(conn, buyer, "100.00", now, "pi_1")
    pending = refund(conn, payment.payment_id, "100.00", now)
    succeed(conn, pending.refund_id, now)
    assert fail(conn, pending.refund_id, now).status == "failed"
    assert postings(conn, "refund_failed") == [("cash", "wallet", "100.00")]
    assert money_of(conn, buyer) == ("0.00", "100.00")
    assert_books_agree(conn)


def test_edge_30_what_an_invoice_was_paid_is_refunded_by_crediting_it_first(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, leads = an_invoice(conn, offer, buyer, now, "60.00", "40.00")
    payment = pay(conn, buyer, "100.00", now, invoice=invoice)
    before = everything(conn)
    with pytest.raises(Refusal) as refused:
        refund(conn, payment.payment_id, "60.00", now)
    assert (refused.value.code, refused.value.details["most"]) == ("refund_exceeds_wallet", "0.00")
    assert everything(conn) == before
    credit(conn, invoice, leads[:1], now)
    refund(conn, payment.payment_id, "60.00", now)
    assert (invoice_of(conn, invoice), money_of(conn, buyer)) == (("paid", "0.00"), ("0.00", "0.00"))
    assert_books_agree(conn)


def test_edge_30_no_more_is_refunded_than_was_paid_or_than_the_wallet_has_free(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    payment = pay(conn, buyer, "100.00", now)
    other = pay(conn, buyer, "50.00", now)
    refund(conn, payment.payment_id, "30.00", now)
    a_taken_lead(conn, offer, buyer, now, "45.00")  # claimed: the wallet has 75.00 free
    before = everything(conn)
    for payment_id, amount, code, most in (
        (payment.payment_id, "70.01", "refund_exceeds_payment", "70.00"),
        (other.payment_id, "50.01", "refund_exceeds_payment", "50.00"),
    ):
        with pytest.raises(Refusal) as refused:
            refund(conn, payment_id, amount, now)
        assert (refused.value.status, refused.value.code, refused.value.details["most"]) == (409, code, most)
    refund(conn, payment.payment_id, "70.00", now)
    with pytest.raises(Refusal) as refused:
        refund(conn, other.payment_id, "5.01", now)
    assert (refused.value.code, refused.value.details["most"]) == ("refund_exceeds_wallet", "5.00")
    assert len(everything(conn)) == len(before) + 5
    assert_books_agree(conn)


@pytest.mark.parametrize("amount", ["0", "-5", "1.001", "1e999", "NaN"])
def test_an_amount_that_is_none_is_not_refunded(conn: Connection[Any], buyer: int, now: datetime, amount: str) -> None:
    payment = pay(conn, buyer, "100.00", now)
    before = everything(conn)
    with pytest.raises(Refusal) as refused:
        refund(conn, payment.payment_id, amount, now)
    assert (refused.value.status, refused.value.code) == (400, "invalid_amount")
    assert everything(conn) == before


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_what_was_not_received_is_not_refunded(conn: Connection[Any], buyer: int, now: datetime, status: str) -> None:
    pay(conn, buyer, "100.00", now)
    row = conn.execute(
        "INSERT INTO payments (buyer_id, method, status, amount, currency, actor, error)"
        " VALUES (%s, 'stripe', %s, 100, 'USD', 'x', %s) RETURNING id",
        (buyer, status, None if status == "pending" else "declined"),
    ).fetchone()
    assert row is not None
    with pytest.raises(Refusal) as refused:
        refund(conn, row[0], "1.00", now)
    assert refused.value.code == "payment_not_succeeded"
    with pytest.raises(Refusal) as refused:
        refund(conn, 4711, "1.00", now)
    assert refused.value.status == 404


def test_a_key_names_one_refund(conn: Connection[Any], buyer: int, now: datetime) -> None:
    payment = pay(conn, buyer, "100.00", now)
    first = refund(conn, payment.payment_id, "40.00", now, idempotency_key="k")
    again = refund(conn, payment.payment_id, "40.00", now, idempotency_key="k")
    assert (again.refund_id, again.is_repeated) == (first.refund_id, True)
    with pytest.raises(Refusal) as refused:
        refund(conn, payment.payment_id, "41.00", now, idempotency_key="k")
    assert refused.value.code == "refund_differs"
    assert money_of(conn, buyer) == ("0.00", "60.00")


def test_ten_at_once_refund_no_more_than_there_is(
    conn: Connection[Any], database_url: str, buyer: int, now: datetime
) -> None:
    payment = pay(conn, buyer, "100.00", now)
    barrier = threading.Barrier(10)

    def work(_: int) -> str:
        with psycopg.connect(database_url, autocommit=True) as mine:
            barrier.wait()
            try:
                return refund(mine, payment.payment_id, "30.00", now).status
            except Refusal as refusal:
                return refusal.code

    with ThreadPoolExecutor(10) as pool:
        told = sorted(pool.map(work, range(10)))
    assert told == ["refund_exceeds_payment"] * 7 + ["succeeded"] * 3
    assert money_of(conn, buyer) == ("0.00", "10.00")
    assert_books_agree(conn)


def test_what_the_bank_took_back_is_not_refunded_too(conn: Connection[Any], buyer: int, now: datetime) -> None:
    payment = pay_by_card(conn, buyer, "100.00", now, "pi_1")
    pay(conn, buyer, "100.00", now)
    charge_back(conn, "pi_1", "80.00", now)
    with pytest.raises(Refusal) as refused:
        refund(conn, payment.payment_id, "20.01", now)
    assert refused.value.details == {"most": "20.00"}


def test_a_debt_is_paid_by_a_refund_that_came_back(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    first = pay_by_card(conn, buyer, "100.00", now, "pi_1")
    pay_by_card(conn, buyer, "50.00", now, "pi_2")
    pending = refund(conn, first.payment_id, "100.00", now)
    an_invoice(conn, offer, buyer, now, "50.00")  # spends the rest
    charge_back(conn, "pi_2", "50.00", now)
    assert money_of(conn, buyer) == ("50.00", "0.00")
    fail(conn, pending.refund_id, now)
    assert money_of(conn, buyer) == ("0.00", "50.00")
    assert postings(conn, "debt_settled") == [("wallet", "receivable", "50.00")]
    assert_books_agree(conn)
