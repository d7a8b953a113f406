"""Payments: what they pay, what is refused, and what is taken back."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen.kernel.errors import Refusal
from leadgen.kernel.money import NOTHING
from leadgen.payments.service import receipts
from leadgen.receivables.service import write_offs
from tests.support.factories import a_buyer, an_offer
from tests.support.money import after_sale
from tests.support.money.after_sale import (
    OPERATOR,
    assert_books_agree,
    charge_back,
    credit,
    invoice_of,
    money_of,
    pay,
    pay_by_card,
)
from tests.support.money.sold_leads import an_invoice, everything, prepay


@pytest.fixture
def offer(conn: Connection[Any]) -> int:
    return an_offer(conn, invoice_threshold="100000.00")


@pytest.fixture
def buyer(conn: Connection[Any]) -> int:
    return a_buyer(conn)


def undo(conn: Connection[Any], payment_id: int, now: datetime) -> receipts.Receipt:
    with conn.transaction():
        return receipts.undo(conn, payment_id, reason="a typing error", actor=OPERATOR, now=now)


def test_edge_31_an_underpayment_leaves_the_rest_due_and_the_rest_pays_it(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, (lead,) = an_invoice(conn, offer, buyer, now, "100.00")
    first = pay(conn, buyer, "30.00", now, invoice=invoice)
    assert (first.to_invoice, first.to_wallet, first.invoice_status) == (Decimal(30), NOTHING, "sent")
    assert invoice_of(conn, invoice) == ("sent", "70.00")
    last = pay(conn, buyer, "70.00", now, invoice=invoice)
    assert (last.invoice_status, money_of(conn, buyer)) == ("paid", ("0.00", "0.00"))
    row = conn.execute("SELECT billing_status::text FROM leads WHERE id = %s", (lead,)).fetchone()
    assert row == ("paid",)
    row = conn.execute("SELECT payment_method::text, paid_at FROM invoices").fetchone()
    assert row == ("bank_transfer", now)
    (event,) = last.events
    assert event.message() | {"occurred_at": 0} == {
        "event": "payment.received", "lead_id": None, "occurred_at": 0, "trace_id": None,
        "payment_id": last.payment_id, "buyer_id": buyer, "invoice_id": invoice,
    }  # fmt: skip
    assert_books_agree(conn)


def test_edge_31_an_overpayment_goes_to_the_wallet(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, now, "100.00")
    receipt = pay(conn, buyer, "150.01", now, invoice=invoice)
    assert (receipt.to_invoice, receipt.to_debt, receipt.to_wallet) == (Decimal(100), NOTHING, Decimal("50.01"))
    assert money_of(conn, buyer) == ("0.00", "50.01")
    assert after_sale.postings(conn, "payment") == [("cash", "receivable", "100.00"), ("cash", "wallet", "50.01")]
    assert_books_agree(conn)


def test_edge_31_a_draft_or_cancelled_or_paid_or_foreign_invoice_is_not_paid_by_a_person(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    approving = a_buyer(conn, billing={"approval": True})
    draft, _ = an_invoice(conn, offer, approving, now)
    cancelled, leads = an_invoice(conn, offer, buyer, now)
    credit(conn, cancelled, leads, now)
    paid, _ = an_invoice(conn, an_offer(conn, invoice_threshold="100000.00"), buyer, now)
    pay(conn, buyer, "45.00", now, invoice=paid)
    before = everything(conn)
    for whose, invoice, status, code in (
        (approving, draft, 409, "invoice_not_payable"),
        (buyer, cancelled, 409, "invoice_not_payable"),
        (buyer, paid, 409, "invoice_not_payable"),
        (a_buyer(conn), paid, 404, "not_found"),
        (buyer, 4711, 404, "not_found"),
        (4711, None, 404, "not_found"),
    ):
        with pytest.raises(Refusal) as refused:
            pay(conn, whose, "45.00", now, invoice=invoice)
        assert (refused.value.status, refused.value.code) == (status, code)
    assert [row for row in everything(conn) if row[0] not in ("buyer", "wallet")] == [
        row for row in before if row[0] not in ("buyer", "wallet")
    ]


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "45.005", "1e999", "NaN", "Infinity", "10000000000.00"])
def test_an_amount_that_is_none_moves_nothing(
    conn: Connection[Any], offer: int, buyer: int, now: datetime, amount: str
) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, now)
    before = everything(conn)
    with pytest.raises(Refusal) as refused:
        pay(conn, buyer, amount, now, invoice=invoice)
    assert (refused.value.status, refused.value.code) == (400, "invalid_amount")
    assert everything(conn) == before


def test_edge_26_yen_have_no_decimals(conn: Connection[Any], now: datetime) -> None:
    buyer = a_buyer(conn, currency="JPY")
    with pytest.raises(Refusal, match="at most 0 decimals in JPY"):
        pay(conn, buyer, "100.50", now, currency="JPY")
    assert pay(conn, buyer, "100", now, currency="JPY").to_wallet == 100


def test_edge_27_a_payment_in_another_currency_is_refused(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, now)
    before = everything(conn)
    for anyway in (False, True):
        with pytest.raises(Refusal) as refused:
            pay(conn, buyer, "45.00", now, invoice=invoice, currency="EUR", anyway=anyway)
        assert refused.value.code == "wrong_currency"
    assert everything(conn) == before


def test_edge_26_a_payment_in_a_currency_that_cannot_be_kept_is_refused(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, now)
    before = everything(conn)
    with pytest.raises(Refusal, match="KWD has more than two decimals") as refused:
        pay(conn, buyer, "45.000", now, invoice=invoice, currency="KWD")
    assert (refused.value.status, refused.value.code) == (400, "invalid_amount")
    assert everything(conn) == before


def test_edge_31_paid_twice_by_two_payments_of_the_provider_the_second_is_prepaid(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, now, "100.00")
    pay_by_card(conn, buyer, "100.00", now, "pi_1", invoice=invoice)
    second = pay_by_card(conn, buyer, "100.00", now, "pi_2", invoice=invoice)
    assert (second.to_invoice, second.to_wallet, second.is_repeated) == (NOTHING, Decimal(100), False)
    assert money_of(conn, buyer) == ("0.00", "100.00")
    assert_books_agree(conn)


def test_edge_32_the_same_payment_of_the_provider_again_moves_nothing_and_another_amount_is_refused(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, now, "100.00")
    first = pay_by_card(conn, buyer, "100.00", now, "pi_1", invoice=invoice)
    before = everything(conn)
    again = pay_by_card(conn, buyer, "100.00", now, "pi_1", invoice=invoice)
    assert (again.is_repeated, again.payment_id, again.events) == (True, first.payment_id, ())
    with pytest.raises(Refusal) as refused:
        pay_by_card(conn, buyer, "99.00", now, "pi_1", invoice=invoice)
    assert (refused.value.status, refused.value.code) == (409, "payment_differs")
    assert everything(conn) == before


@pytest.mark.parametrize("invoice_of_whom", ["draft", "cancelled", "foreign", "unknown"])
def test_edge_32_what_the_provider_has_is_prepaid_where_no_invoice_can_take_it(
    conn: Connection[Any], offer: int, buyer: int, now: datetime, invoice_of_whom: str
) -> None:
    if invoice_of_whom == "draft":
        conn.execute("UPDATE buyers SET billing = '{\"approval\": true}'")
    invoice, leads = an_invoice(conn, offer, buyer if invoice_of_whom != "foreign" else a_buyer(conn), now)
    if invoice_of_whom == "cancelled":
        credit(conn, invoice, leads, now)
    if invoice_of_whom == "unknown":
        invoice = 4711
    receipt = pay_by_card(conn, buyer, "45.00", now, "pi_1", invoice=invoice)
    assert (receipt.to_invoice, receipt.to_wallet) == (NOTHING, Decimal(45))
    assert money_of(conn, buyer)[1] == "45.00"
    assert_books_agree(conn)


def test_a_pending_payment_comes_true_once(conn: Connection[Any], offer: int, buyer: int, now: datetime) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, now, "100.00")
    row = conn.execute(
        "INSERT INTO payments (buyer_id, invoice_id, method, status, amount, currency, actor)"
        " VALUES (%s, %s, 'stripe', 'pending', 100, 'USD', 'provider:stripe') RETURNING id",
        (buyer, invoice),
    ).fetchone()
    assert row is not None
    for is_repeated in (False, True):
        receipt = pay(
            conn, buyer, "100.00", now, invoice=invoice, anyway=True, method="stripe", provider_id="pi_1",
            payment_id=row[0],
        )  # fmt: skip
        assert (receipt.payment_id, receipt.is_repeated) == (row[0], is_repeated)
    assert (invoice_of(conn, invoice), money_of(conn, buyer)) == (("paid", "0.00"), ("0.00", "0.00"))
    with pytest.raises(Refusal, match="on record with"):
        pay(conn, buyer, "100.00", now, anyway=True, method="stripe", provider_id="pi_2", payment_id=row[0])
    assert_books_agree(conn)


def test_twelve_at_once_with_one_key_pay_once(
    conn: Connection[Any], database_url: str, offer: int, buyer: int, now: datetime
) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, now, "100.00")
    barrier = threading.Barrier(12)

    def work(_: int) -> bool:
        with psycopg.connect(database_url, autocommit=True) as mine:
            barrier.wait()
            return pay(mine, buyer, "60.00", now, invoice=invoice, idempotency_key="the-key").is_repeated

    with ThreadPoolExecutor(12) as pool:
        assert Counter(pool.map(work, range(12))) == {True: 11, False: 1}
    assert (invoice_of(conn, invoice), len(after_sale.postings(conn, "payment"))) == (("sent", "40.00"), 1)
    assert_books_agree(conn)


def test_a_key_names_one_payment(conn: Connection[Any], offer: int, buyer: int, now: datetime) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, now, "100.00")
    pay(conn, buyer, "60.00", now, invoice=invoice, idempotency_key="the-key")
    before = everything(conn)
    other = a_buyer(conn)
    for values in (
        {"buyer": buyer, "amount": "60.01", "invoice": invoice},
        {"buyer": buyer, "amount": "60.00", "invoice": None},
        {"buyer": other, "amount": "60.00", "invoice": None},
    ):
        with pytest.raises(Refusal) as refused:
            pay(conn, now=now, idempotency_key="the-key", **values)  # type: ignore[arg-type]  # each of its own type
        assert refused.value.code == "payment_differs"
    theirs = {("buyer", str(other)), ("wallet", str(other))}
    assert [row for row in everything(conn) if row[:2] not in theirs] == before


def test_a_payment_entered_by_mistake_is_undone_once(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, (lead,) = an_invoice(conn, offer, buyer, now, "100.00")
    receipt = pay(conn, buyer, "130.00", now, invoice=invoice)
    undone = undo(conn, receipt.payment_id, now)
    assert (undone.invoice_status, undone.is_repeated) == ("sent", False)
    assert (invoice_of(conn, invoice), money_of(conn, buyer)) == (("sent", "100.00"), ("100.00", "0.00"))
    assert conn.execute("SELECT billing_status::text FROM leads WHERE id = %s", (lead,)).fetchone() == ("billed",)
    assert undo(conn, receipt.payment_id, now).is_repeated
    assert after_sale.postings(conn, "payment_undone") == [
        ("receivable", "cash", "100.00"), ("wallet", "cash", "30.00"),
    ]  # fmt: skip
    assert_books_agree(conn)


def test_a_payment_whose_prepaid_part_is_spent_is_not_undone(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    receipt = pay(conn, buyer, "30.00", now)
    an_invoice(conn, offer, buyer, now, "10.00")
    before = everything(conn)
    with pytest.raises(Refusal, match=r"30\.00 USD of payment \d+ was prepaid, of which the wallet still has 20\.00"):
        undo(conn, receipt.payment_id, now)
    assert everything(conn) == before


def test_what_is_the_providers_or_refunded_or_pays_a_cancelled_invoice_is_not_undone(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    by_card = pay_by_card(conn, buyer, "30.00", now, "pi_1")
    conn.execute("UPDATE wallets SET balance = balance WHERE buyer_id = %s", (buyer,))
    invoice, leads = an_invoice(conn, offer, buyer, now, "100.00")
    paid = pay(conn, buyer, "70.00", now, invoice=invoice)
    credit(conn, invoice, leads, now)
    before = everything(conn)
    for payment_id in (by_card.payment_id, paid.payment_id):
        with pytest.raises(Refusal) as refused:
            undo(conn, payment_id, now)
        assert refused.value.code == "payment_not_undoable"
    with pytest.raises(Refusal) as refused:
        undo(conn, 4711, now)
    assert refused.value.status == 404
    assert everything(conn) == before


def test_a_payment_that_paid_a_debt_opens_it_again_when_it_is_undone(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    pay_by_card(conn, buyer, "50.00", now, "pi_1")
    an_invoice(conn, offer, buyer, now, "50.00")  # spends it
    charge_back(conn, "pi_1", "50.00", now)
    assert money_of(conn, buyer) == ("50.00", "0.00")
    receipt = pay(conn, buyer, "80.00", now)
    assert (receipt.to_debt, receipt.to_wallet) == (Decimal(50), Decimal(30))
    undo(conn, receipt.payment_id, now)
    assert money_of(conn, buyer) == ("50.00", "0.00")
    assert conn.execute("SELECT debt::text FROM chargebacks").fetchone() == ("50.00",)
    assert_books_agree(conn)


def test_a_debt_that_is_open_again_is_paid_by_other_prepaid_money(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    pay_by_card(conn, buyer, "50.00", now, "pi_1")
    an_invoice(conn, offer, buyer, now, "50.00")  # spends it
    charge_back(conn, "pi_1", "50.00", now)
    receipt = pay(conn, buyer, "80.00", now)
    pay(conn, buyer, "40.00", now)
    undo(conn, receipt.payment_id, now)
    assert money_of(conn, buyer) == ("10.00", "0.00")
    assert conn.execute("SELECT debt::text FROM chargebacks").fetchone() == ("10.00",)
    assert_books_agree(conn)


def test_a_write_off_cancels_the_invoice_and_may_be_undone_and_done_again(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, now, "100.00")
    pay(conn, buyer, "40.00", now, invoice=invoice)
    for _ in range(2):
        with conn.transaction():
            off = write_offs.write_off(conn, invoice, reason="insolvent", actor=OPERATOR, now=now)
        assert (off.amount, invoice_of(conn, invoice)) == (Decimal(60), ("cancelled", "0.00"))
        assert money_of(conn, buyer) == ("0.00", "0.00")
        with pytest.raises(Refusal, match="written off: undo that first"):
            pay(conn, buyer, "60.00", now, invoice=invoice)
        with conn.transaction():
            write_offs.undo(conn, invoice, reason="it paid", actor=OPERATOR, now=now)
        assert (invoice_of(conn, invoice), money_of(conn, buyer)) == (("sent", "60.00"), ("60.00", "0.00"))
        assert_books_agree(conn)
    assert [row[0] for row in after_sale.postings(conn, "write_off_undone")] == ["receivable"] * 2
    with pytest.raises(Refusal, match="is not written off"), conn.transaction():
        write_offs.undo(conn, invoice, reason="again", actor=OPERATOR, now=now)


def test_what_is_invoiced_after_a_write_off_does_not_stand_in_the_way_of_undoing_it(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, now, "100.00")
    with conn.transaction():
        write_offs.write_off(conn, invoice, reason="insolvent", actor=OPERATOR, now=now)
    an_invoice(conn, offer, buyer, now, "45.00")
    with conn.transaction():
        write_offs.undo(conn, invoice, reason="it paid", actor=OPERATOR, now=now)
    assert money_of(conn, buyer) == ("145.00", "0.00")
    assert_books_agree(conn)


@pytest.mark.parametrize("kind", ["draft", "paid", "disputed"])
def test_what_is_not_owed_or_disputed_is_not_written_off(
    conn: Connection[Any], offer: int, now: datetime, kind: str
) -> None:
    buyer = a_buyer(conn, billing={"approval": kind == "draft"})
    if kind == "paid":
        prepay(conn, buyer, "45.00", now)
    invoice, _ = an_invoice(conn, offer, buyer, now)
    if kind == "disputed":
        pay_by_card(conn, buyer, "45.00", now, "pi_1", invoice=invoice)
        charge_back(conn, "pi_1", "45.00", now)
    before = everything(conn)
    with pytest.raises(Refusal) as refused, conn.transaction():
        write_offs.write_off(conn, invoice, reason="insolvent", actor=OPERATOR, now=now)
    assert refused.value.code == ("invoice_disputed" if kind == "disputed" else "invoice_not_owed")
    assert everything(conn) == before
