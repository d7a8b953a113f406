"""Chargebacks: what the bank takes back is owed again, and comes back where the dispute is won."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen.kernel.errors import Refusal
from leadgen.kernel.money import NOTHING
from leadgen.payments.service import refunds
from tests.support.factories import a_buyer, an_offer
from tests.support.money.after_sale import (
    OPERATOR,
    assert_books_agree,
    charge_back,
    credit,
    end_chargeback,
    give_back,
    invoice_of,
    money_of,
    pay,
    pay_by_card,
    postings,
)
from tests.support.money.sold_leads import an_invoice, everything


@pytest.fixture
def offer(conn: Connection[Any]) -> int:
    return an_offer(conn, invoice_threshold="100000.00")


@pytest.fixture
def buyer(conn: Connection[Any]) -> int:
    return a_buyer(conn)


def lead_status(conn: Connection[Any], lead: int) -> str:
    row = conn.execute("SELECT billing_status::text FROM leads WHERE id = %s", (lead,)).fetchone()
    assert row is not None
    return str(row[0])


def test_edge_33_a_chargeback_after_an_invoice_is_paid_has_it_owed_again_and_won_pays_it(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, (lead,) = an_invoice(conn, offer, buyer, now, "100.00")
    pay_by_card(conn, buyer, "100.00", now, "pi_1", invoice=invoice)
    opened = charge_back(conn, "pi_1", "100.00", now)
    assert (opened.from_invoice, opened.debt, opened.invoice_status) == (Decimal(100), NOTHING, "disputed")
    assert (invoice_of(conn, invoice), money_of(conn, buyer)) == (("disputed", "100.00"), ("100.00", "0.00"))
    assert lead_status(conn, lead) == "disputed"
    assert_books_agree(conn)
    won = end_chargeback(conn, now, won=True)
    assert (won.status, won.invoice_status, money_of(conn, buyer)) == ("won", "paid", ("0.00", "0.00"))
    assert lead_status(conn, lead) == "paid"
    assert_books_agree(conn)


def test_edge_33_lost_the_money_stays_owed(conn: Connection[Any], offer: int, buyer: int, now: datetime) -> None:
    invoice, (lead,) = an_invoice(conn, offer, buyer, now, "100.00")
    pay_by_card(conn, buyer, "100.00", now, "pi_1", invoice=invoice)
    charge_back(conn, "pi_1", "100.00", now)
    assert end_chargeback(conn, now, won=False).invoice_status == "sent"
    assert (invoice_of(conn, invoice), lead_status(conn, lead)) == (("sent", "100.00"), "billed")
    pay(conn, buyer, "100.00", now, invoice=invoice)
    assert invoice_of(conn, invoice) == ("paid", "0.00")
    assert_books_agree(conn)


def test_edge_33_a_chargeback_after_a_partial_credit_reopens_what_was_paid_and_the_wallet_keeps_the_credit(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, leads = an_invoice(conn, offer, buyer, now, "70.00", "30.00")
    pay_by_card(conn, buyer, "100.00", now, "pi_1", invoice=invoice)
    credit(conn, invoice, leads[1:], now)
    charge_back(conn, "pi_1", "100.00", now)
    assert (invoice_of(conn, invoice), money_of(conn, buyer)) == (("disputed", "100.00"), ("100.00", "30.00"))
    assert_books_agree(conn)


def test_edge_33_won_after_the_invoice_was_paid_otherwise_it_is_prepaid(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, now, "100.00")
    pay_by_card(conn, buyer, "100.00", now, "pi_1", invoice=invoice)
    charge_back(conn, "pi_1", "100.00", now)
    pay(conn, buyer, "100.00", now, invoice=invoice)
    assert end_chargeback(conn, now, won=True).invoice_status == "paid"
    assert money_of(conn, buyer) == ("0.00", "100.00")
    assert_books_agree(conn)
    # What is disputed again is what there is: the invoice has kept nothing of that payment.
    again = charge_back(conn, "pi_1", "100.00", now, "dp_2")
    assert (again.from_invoice, again.from_wallet, invoice_of(conn, invoice)) == (
        NOTHING,
        Decimal(100),
        ("paid", "0.00"),
    )
    assert_books_agree(conn)


def test_edge_33_a_second_dispute_takes_no_more_than_is_left(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, now, "100.00")
    pay_by_card(conn, buyer, "130.00", now, "pi_1", invoice=invoice)
    charge_back(conn, "pi_1", "80.00", now)
    before = everything(conn)
    with pytest.raises(Refusal) as refused:
        charge_back(conn, "pi_1", "50.01", now, "dp_2")
    assert (refused.value.code, refused.value.details) == ("chargeback_exceeds_payment", {"most": "50.00"})
    assert everything(conn) == before
    second = charge_back(conn, "pi_1", "50.00", now, "dp_2")
    assert (second.from_invoice, second.from_wallet) == (Decimal(20), Decimal(30))
    assert_books_agree(conn)
    end_chargeback(conn, now, won=True)
    assert invoice_of(conn, invoice) == ("disputed", "20.00")
    end_chargeback(conn, now, won=True, provider_id="dp_2")
    assert (invoice_of(conn, invoice), money_of(conn, buyer)) == (("paid", "0.00"), ("0.00", "30.00"))
    assert_books_agree(conn)


def test_edge_33_what_is_spent_is_a_debt_that_the_next_money_pays(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    pay_by_card(conn, buyer, "100.00", now, "pi_1")
    an_invoice(conn, offer, buyer, now, "80.00")
    opened = charge_back(conn, "pi_1", "100.00", now)
    assert (opened.from_wallet, opened.debt, money_of(conn, buyer)) == (Decimal(20), Decimal(80), ("80.00", "0.00"))
    assert_books_agree(conn)
    receipt = pay(conn, buyer, "50.00", now)
    assert (receipt.to_debt, money_of(conn, buyer)) == (Decimal(50), ("30.00", "0.00"))
    assert_books_agree(conn)
    # Won: what is open of its own debt first, the rest is prepaid.
    end_chargeback(conn, now, won=True)
    assert money_of(conn, buyer) == ("0.00", "70.00")
    assert_books_agree(conn)


def test_edge_33_a_credit_pays_a_debt(conn: Connection[Any], offer: int, buyer: int, now: datetime) -> None:
    pay_by_card(conn, buyer, "100.00", now, "pi_1")
    invoice, leads = an_invoice(conn, offer, buyer, now, "60.00", "40.00")
    charge_back(conn, "pi_1", "100.00", now)
    for lead, left in zip(leads, ("40.00", "0.00"), strict=True):
        credit(conn, invoice, [lead], now)
        assert money_of(conn, buyer) == (left, "0.00")
    assert postings(conn, "debt_settled") == [("wallet", "receivable", "60.00"), ("wallet", "receivable", "40.00")]
    assert invoice_of(conn, invoice) == ("cancelled", "0.00")
    assert_books_agree(conn)


def test_a_chargeback_of_what_paid_a_cancelled_invoice_takes_the_prepaid_money_that_came_of_it(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, leads = an_invoice(conn, offer, buyer, now, "100.00")
    pay_by_card(conn, buyer, "100.00", now, "pi_1", invoice=invoice)
    credit(conn, invoice, leads, now)
    opened = charge_back(conn, "pi_1", "100.00", now)
    assert (opened.from_invoice, opened.from_wallet) == (NOTHING, Decimal(100))
    assert (invoice_of(conn, invoice), money_of(conn, buyer)) == (("cancelled", "0.00"), ("0.00", "0.00"))
    end_chargeback(conn, now, won=True)
    assert money_of(conn, buyer) == ("0.00", "100.00")
    assert_books_agree(conn)


def test_edge_32_a_chargeback_told_again_or_after_its_end_moves_nothing(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, now, "100.00")
    pay_by_card(conn, buyer, "100.00", now, "pi_1", invoice=invoice)
    with pytest.raises(Refusal) as refused:
        end_chargeback(conn, now, won=True)
    assert refused.value.code == "chargeback_unknown"
    charge_back(conn, "pi_1", "100.00", now)
    assert charge_back(conn, "pi_1", "100.00", now).is_repeated
    end_chargeback(conn, now, won=False)
    before = everything(conn)
    again = charge_back(conn, "pi_1", "100.00", now)
    assert (again.status, again.is_repeated) == ("lost", True)
    assert end_chargeback(conn, now, won=False).is_repeated
    refused_ones: list[tuple[Callable[[], object], str]] = [
        (lambda: end_chargeback(conn, now, won=True), "chargeback_closed"),
        (lambda: charge_back(conn, "pi_1", "99.00", now), "chargeback_differs"),
        (lambda: charge_back(conn, "pi_9", "100.00", now), "payment_unknown"),
        (lambda: charge_back(conn, "pi_1", "1.00", now, "dp_3", "EUR"), "wrong_currency"),
    ]
    for repeat, code in refused_ones:
        with pytest.raises(Refusal) as refused:
            repeat()
        assert refused.value.code == code
    assert everything(conn) == before


def test_a_refund_that_is_only_on_its_way_does_not_hold_a_chargeback_back(
    conn: Connection[Any], buyer: int, now: datetime
) -> None:
    payment = pay_by_card(conn, buyer, "100.00", now, "pi_1")
    with conn.transaction():
        pending = refunds.request(conn, payment.payment_id, Decimal(100), reason="asked for", actor=OPERATOR, now=now)
    assert charge_back(conn, "pi_1", "100.00", now).debt == Decimal(100)
    with conn.transaction():
        refunds.fail(conn, pending.refund_id, error="charge_disputed", now=now)
    assert money_of(conn, buyer) == ("0.00", "0.00")
    assert_books_agree(conn)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_chargebacks_refunds_and_returns_at_once_leave_books_that_agree(
    conn: Connection[Any], database_url: str, offer: int, buyer: int, now: datetime, seed: int
) -> None:
    invoice, leads = an_invoice(conn, offer, buyer, now, *["25.00"] * 6)
    payment = pay_by_card(conn, buyer, "180.00", now, "pi_1", invoice=invoice)

    def refund(mine: Connection[Any]) -> None:
        with mine.transaction():
            refunds.request(mine, payment.payment_id, Decimal(20), reason="x", actor=OPERATOR, now=now)

    jobs: list[Callable[[Connection[Any]], object]] = [
        *[refund] * 4,
        *[lambda mine, n=n: charge_back(mine, "pi_1", "60.00", now, f"dp_{n}") for n in range(3)],
        *[lambda mine, n=n: end_chargeback(mine, now, won=bool(n % 2), provider_id=f"dp_{n}") for n in range(3)],
        *[lambda mine, lead=lead: give_back(mine, lead, now) for lead in leads],
        *[lambda mine: pay(mine, buyer, "35.00", now) for _ in range(3)],
        lambda mine: pay(mine, buyer, "35.00", now, invoice=invoice),
    ]  # fmt: skip
    random.Random(seed).shuffle(jobs)
    barrier = threading.Barrier(len(jobs))

    def work(job: Callable[[Connection[Any]], object]) -> None:
        with psycopg.connect(database_url, autocommit=True) as mine:
            barrier.wait()
            with suppress(Refusal):
                job(mine)

    with ThreadPoolExecutor(len(jobs)) as pool:
        list(pool.map(work, jobs))
    assert_books_agree(conn)
