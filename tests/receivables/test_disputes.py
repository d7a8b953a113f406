"""What is said against invoices, and what is credited of them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from leadgen.invoicing.service import decisions
from leadgen.kernel.errors import Refusal
from leadgen.receivables.domain.settlement import DisputeOutcome
from leadgen.receivables.service import credit_notes, disputes, overdue, wallet_draws
from leadgen.receivables.service.disputes import Disputed
from tests.support.factories import a_buyer, an_offer
from tests.support.money.after_sale import (
    BUYER,
    OPERATOR,
    assert_books_agree,
    charge_back,
    credit,
    end_chargeback,
    invoice_of,
    money_of,
    pay,
    pay_by_card,
    postings,
)
from tests.support.money.sold_leads import an_invoice, everything

DAY = timedelta(days=1)


@pytest.fixture
def offer(conn: Connection[Any]) -> int:
    return an_offer(conn, invoice_threshold="100000.00")


@pytest.fixture
def buyer(conn: Connection[Any]) -> int:
    return a_buyer(conn, billing={"tax": {"name": "VAT", "rate": 19}})


def dispute(conn: Connection[Any], invoice: int, now: datetime, *, buyer: int | None = None) -> Disputed:
    with conn.transaction():
        return disputes.open_(conn, invoice, reason="too much", actor=BUYER, buyer_id=buyer, now=now)


def close(
    conn: Connection[Any], dispute_id: int, outcome: DisputeOutcome, now: datetime, *, buyer: int | None = None
) -> Disputed:
    with conn.transaction():
        return disputes.close(
            conn, dispute_id, outcome=outcome, remark="looked at it", actor=OPERATOR, buyer_id=buyer, now=now
        )


def test_edge_34_a_disputed_invoice_is_not_overdue_until_the_dispute_ends(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, (lead,) = an_invoice(conn, offer, buyer, now, "100.00")
    opened = dispute(conn, invoice, now, buyer=buyer)
    assert (opened.invoice_status, opened.dispute.opened_by) == ("disputed", "jane")
    later = now + 30 * DAY
    with conn.transaction():
        overdue.mark_overdue(conn, now=later)
    assert invoice_of(conn, invoice) == ("disputed", "119.00")
    row = conn.execute("SELECT billing_status::text FROM leads WHERE id = %s", (lead,)).fetchone()
    assert row == ("disputed",)
    assert close(conn, opened.dispute.dispute_id, "rejected", later).invoice_status == "overdue"
    row = conn.execute("SELECT dispute_reason, resolved_at, resolution_notes FROM invoices").fetchone()
    assert row == ("too much", later, "rejected: looked at it")
    assert_books_agree(conn)


def test_a_dispute_ends_as_the_invoice_stands_then(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, leads = an_invoice(conn, offer, buyer, now, "60.00", "40.00")
    first = dispute(conn, invoice, now, buyer=buyer).dispute
    assert close(conn, first.dispute_id, "withdrawn", now, buyer=buyer).invoice_status == "sent"
    assert close(conn, first.dispute_id, "withdrawn", now, buyer=buyer).is_repeated
    with pytest.raises(Refusal) as refused:
        close(conn, first.dispute_id, "upheld", now)
    assert refused.value.code == "dispute_closed"
    second = dispute(conn, invoice, now).dispute
    credit(conn, invoice, leads[:1], now, "dispute")
    assert invoice_of(conn, invoice) == ("disputed", "47.60")
    pay(conn, buyer, "47.60", now, invoice=invoice)
    assert invoice_of(conn, invoice) == ("paid", "0.00")
    assert close(conn, second.dispute_id, "upheld", now).invoice_status == "paid"
    assert_books_agree(conn)


def test_a_paid_invoice_may_be_disputed_and_stays_paid(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, now, "100.00")
    pay_by_card(conn, buyer, "119.00", now, "pi_1", invoice=invoice)
    opened = dispute(conn, invoice, now)
    assert opened.invoice_status == "paid"
    # With a chargeback on top, the invoice is disputed until both have ended.
    charge_back(conn, "pi_1", "119.00", now)
    assert close(conn, opened.dispute.dispute_id, "rejected", now).invoice_status == "disputed"
    assert end_chargeback(conn, now, won=False).invoice_status == "sent"
    assert_books_agree(conn)


def test_a_draft_a_cancelled_a_foreign_or_a_disputed_invoice_is_not_disputed(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    approving = a_buyer(conn, billing={"approval": True})
    draft, _ = an_invoice(conn, offer, approving, now)
    cancelled, leads = an_invoice(conn, offer, buyer, now)
    credit(conn, cancelled, leads, now)
    open_, _ = an_invoice(conn, an_offer(conn, invoice_threshold="100000"), buyer, now)
    known = dispute(conn, open_, now).dispute
    before = everything(conn)
    for invoice, who, status, code in (
        (draft, None, 409, "invoice_not_disputable"),
        (cancelled, buyer, 409, "invoice_not_disputable"),
        (open_, approving, 404, "not_found"),
        (open_, buyer, 409, "dispute_open"),
        (4711, buyer, 404, "not_found"),
    ):
        with pytest.raises(Refusal) as refused:
            dispute(conn, invoice, now, buyer=who)
        assert (refused.value.status, refused.value.code) == (status, code)
    for dispute_id in (known.dispute_id, 4711):
        with pytest.raises(Refusal) as refused:
            close(conn, dispute_id, "withdrawn", now, buyer=approving)
        assert refused.value.status == 404
    assert everything(conn) == before


def test_a_cancelled_invoice_of_which_money_is_owed_again_is_disputed_no_more(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, leads = an_invoice(conn, offer, buyer, now, "60.00", "40.00")
    pay_by_card(conn, buyer, "119.00", now, "pi_1", invoice=invoice)
    credit(conn, invoice, leads[:1], now)
    charge_back(conn, "pi_1", "119.00", now)
    end_chargeback(conn, now, won=False)
    dispute(conn, invoice, now)
    with conn.transaction():
        decided = decisions.cancel(conn, invoice, "never asked for", OPERATOR, now=now)
    # What it had of the card for the first lead is in the wallet, and owed again.
    assert (decided.invoice.status, str(decided.invoice.amount_due)) == ("sent", "71.40")
    assert money_of(conn, buyer) == ("71.40", "71.40")
    with conn.transaction():
        wallet_draws.draw(conn, invoice, actor=OPERATOR, now=now)
    assert invoice_of(conn, invoice) == ("paid", "0.00")
    assert_books_agree(conn)


def test_edge_25_an_invoice_credited_in_pieces_is_owed_exactly_nothing(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    # 50 leads of 1.29: each alone would be taxed 0.25, 12.50 together, where the invoice has 12.26.
    invoice, leads = an_invoice(conn, offer, buyer, now, *["1.29"] * 50)
    assert invoice_of(conn, invoice) == ("sent", "76.76")
    for start, end in ((0, 1), (1, 2), (2, 9), (9, 49), (49, 50)):
        credit(conn, invoice, leads[start:end], now)
        assert_books_agree(conn)
    assert invoice_of(conn, invoice) == ("cancelled", "0.00")
    assert money_of(conn, buyer) == ("0.00", "0.00")
    row = conn.execute("SELECT sum(net)::text, sum(tax)::text, max(number) FROM credit_notes").fetchone()
    assert row == ("64.50", "12.26", "CN-000005")


def test_a_credit_of_what_was_paid_in_part_moves_net_and_tax_apart(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, leads = an_invoice(conn, offer, buyer, now, "100.00", "50.00")
    pay(conn, buyer, "70.00", now, invoice=invoice)
    note = credit(conn, invoice, leads[:1], now)
    assert [str(one) for one in (note.net, note.tax, note.total, note.to_due, note.to_wallet)] == [
        "100.00", "19.00", "119.00", "108.50", "10.50",
    ]  # fmt: skip
    assert postings(conn, "credit_note") == [
        ("adjustments", "receivable", "100.00"), ("tax", "receivable", "8.50"), ("tax", "wallet", "10.50"),
    ]  # fmt: skip
    (event,) = note.events
    assert (event.topic, event.ids) == (
        "credit_note.issued",
        {"credit_note_id": note.credit_note_id, "buyer_id": buyer, "invoice_id": invoice},
    )
    assert_books_agree(conn)


def test_what_is_credited_is_on_the_invoice_and_is_credited_once(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, leads = an_invoice(conn, offer, buyer, now, "100.00", "50.00")
    _, strange = an_invoice(conn, offer, a_buyer(conn), now)
    draft, on_draft = an_invoice(conn, offer, a_buyer(conn, billing={"approval": True}), now)
    credit(conn, invoice, leads[:1], now)
    before = everything(conn)
    for number, given, reason, status, code in (
        (invoice, [], "goodwill", 400, "invalid_request"),
        (invoice, leads[1:], "because", 400, "invalid_request"),
        (invoice, strange, "goodwill", 404, "lead_not_on_invoice"),
        (invoice, leads, "goodwill", 409, "already_credited"),
        (draft, on_draft, "goodwill", 409, "invoice_not_creditable"),
        (4711, leads, "goodwill", 404, "not_found"),
    ):
        with pytest.raises(Refusal) as refused:
            credit(conn, number, given, now, reason)
        assert (refused.value.status, refused.value.code) == (status, code)
    assert everything(conn) == before


def test_edge_35_an_issued_invoice_is_cancelled_by_crediting_what_is_left_and_keeps_its_number(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, leads = an_invoice(conn, offer, buyer, now, "60.00", "40.00")
    credit(conn, invoice, leads[:1], now)
    opened = dispute(conn, invoice, now).dispute
    with conn.transaction():
        decided = decisions.cancel(conn, invoice, "never asked for", OPERATOR, now=now)
    assert (decided.invoice.status, decided.invoice.invoice_number) == ("cancelled", "INV-000001")
    assert [event.topic for event in decided.events] == ["credit_note.issued"]
    assert money_of(conn, buyer) == ("0.00", "0.00")
    row = conn.execute("SELECT outcome FROM invoice_disputes WHERE id = %s", (opened.dispute_id,)).fetchone()
    assert row == ("upheld",)
    actions = [row[0] for row in conn.execute("SELECT action FROM audit_logs ORDER BY id")]
    assert actions == ["invoice.dispute", "invoice.cancel"]
    assert_books_agree(conn)
    with pytest.raises(Refusal, match="is cancelled"), conn.transaction():
        credit_notes.cancel(conn, invoice, note="again", actor=OPERATOR, now=now)


def test_edge_35_a_paid_invoice_that_is_cancelled_is_prepaid_money(
    conn: Connection[Any], offer: int, buyer: int, now: datetime
) -> None:
    invoice, _ = an_invoice(conn, offer, buyer, now, "100.00")
    pay(conn, buyer, "119.00", now, invoice=invoice)
    with conn.transaction():
        credit_notes.cancel(conn, invoice, note="never asked for", actor=OPERATOR, now=now)
    assert (invoice_of(conn, invoice), money_of(conn, buyer)) == (("cancelled", "0.00"), ("0.00", "119.00"))
    assert_books_agree(conn)
