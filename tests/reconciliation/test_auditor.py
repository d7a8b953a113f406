"""The auditor: nothing is amiss where only the code has been, and whatever is planted is found by name."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.invoicing.service import decisions
from leadgen.reconciliation import service as reconciliation_service
from tests.support.factories import a_buyer, a_source, an_offer, insert
from tests.support.money import publishers
from tests.support.money.sold_leads import a_billed_lead, a_taken_lead, an_invoice, everything, prepay
from tests.support.stages.functions import Functions
from tests.support.stages.messages import waiting

DAY = timedelta(days=1)


def broken(conn: Connection[Any], now: datetime) -> set[str]:
    return {one.name for one in reconciliation_service.audit(conn, now=now) if one.broken}


@pytest.fixture
def books(conn: Connection[Any], now: datetime) -> dict[str, int]:
    """A little of everything: a lead of each state, an invoice with tax, a paid one, a draft, a publisher's earning."""
    publisher = insert(conn, "publishers", name="Roof Media", email="media@example.com")
    offer, other = an_offer(conn), an_offer(conn)
    source = a_source(conn, offer, publisher_id=publisher, earning={"type": "share", "value": 40})
    buyer = a_buyer(conn, billing={"tax": {"name": "VAT", "rate": 19}})
    prepaid = a_buyer(conn)
    careful = a_buyer(conn, billing={"approval": True})
    prepay(conn, prepaid, "100.00", now)
    invoice, (lead, _) = an_invoice(conn, offer, buyer, now - DAY, "45.00", "20.10", source_id=source)
    paid, _ = an_invoice(conn, offer, prepaid, now - DAY, "60.00")
    draft, _ = an_invoice(conn, offer, careful, now - DAY, "30.00")
    billed = a_billed_lead(conn, other, buyer, now, "12.00")
    pending = a_taken_lead(conn, other, buyer, now, "13.00")
    return {
        "offer": offer, "buyer": buyer, "prepaid": prepaid, "invoice": invoice, "paid": paid, "draft": draft,
        "lead": lead, "billed": billed, "pending": pending, "publisher": publisher,
    }  # fmt: skip


@contextmanager
def unguarded(conn: Connection[Any]) -> Iterator[None]:
    """As somebody with a superuser's rights and bad luck: no trigger and no foreign key."""
    conn.execute("SET session_replication_role = replica")
    yield
    conn.execute("RESET session_replication_role")


def test_nothing_is_amiss_where_only_the_code_has_been(
    conn: Connection[Any], books: dict[str, int], now: datetime
) -> None:
    assert conn.execute("SELECT status::text, count(*) FROM invoices GROUP BY 1 ORDER BY 1").fetchall() == [
        ("draft", 1), ("paid", 1), ("sent", 1),
    ]  # fmt: skip
    before = everything(conn)
    audited = reconciliation_service.audit(conn, now=now)
    assert [one for one in audited if one.broken] == []
    assert len({one.name for one in audited}) == len(audited) >= 30
    assert all(one.rule.endswith(".") for one in audited)
    assert everything(conn) == before


CORRUPTIONS = [
    ("every_transaction_moves_something", "DELETE FROM ledger_entries WHERE kind = 'tax_charged'"),
    ("accounts_may_face_each_other", "UPDATE ledger_entries SET credit = 'cash' WHERE kind = 'lead_billed'"),
    ("accounts_may_face_each_other", "UPDATE ledger_transactions SET kind = 'payment' WHERE kind = 'tax_charged'"),
    ("owed_is_the_receivable", "UPDATE buyers SET balance = balance + 0.01 WHERE id = %(buyer)s"),
    ("owed_is_the_receivable", "UPDATE ledger_entries SET amount = amount + 1 WHERE kind = 'tax_charged'"),
    ("prepaid_is_the_wallet", "UPDATE wallets SET balance = balance - 0.01 WHERE buyer_id = %(prepaid)s"),
    ("prepaid_is_the_wallet", "DELETE FROM wallets WHERE buyer_id = %(buyer)s"),
    ("claimed_is_reserved", "UPDATE buyers SET pending_amount = 0 WHERE id = %(buyer)s"),
    ("a_lead_is_billed_once_at_its_price", "UPDATE leads SET billing_status = 'pending' WHERE id = %(billed)s"),
    ("a_lead_is_billed_once_at_its_price", "UPDATE leads SET billing_status = 'billed' WHERE id = %(pending)s"),
    ("a_lead_is_billed_once_at_its_price", "UPDATE leads SET price = price + 1 WHERE id = %(billed)s"),
    ("a_lead_is_billed_once_at_its_price", "UPDATE leads SET delivered_price = 1 WHERE id = %(billed)s"),
    ("a_lead_is_billed_once_at_its_price",
     """WITH again AS (INSERT INTO ledger_transactions (occurred_at, kind, idempotency_key, currency, buyer_id, lead_id,
                                                         actor)
          VALUES (now(), 'lead_billed', 'again', 'USD', %(buyer)s, %(billed)s, 'test') RETURNING id)
        INSERT INTO ledger_entries (transaction_id, kind, debit, credit, amount)
        SELECT id, 'lead_billed', 'receivable', 'revenue', 12 FROM again"""),
    ("price_components_add_up",
     """UPDATE leads SET price_components = '[{"component": "offer_default", "amount": "11.99"}]'
         WHERE id = %(billed)s"""),
    ("money_is_in_its_owners_currency", "UPDATE ledger_transactions SET currency = 'EUR' WHERE kind = 'tax_charged'"),
    ("the_wallet_pays_no_more_than_a_lead_costs",
     "UPDATE ledger_entries SET amount = 61 WHERE kind = 'wallet_drawn'"),
    ("an_earning_is_reversed_with_its_lead", "UPDATE leads SET billing_status = 'refunded' WHERE id = %(lead)s"),
    ("a_line_is_a_billed_lead_of_the_account", "UPDATE invoice_lines SET amount = 44 WHERE lead_id = %(lead)s"),
    ("a_line_is_a_billed_lead_of_the_account", "UPDATE invoices SET offer_id = offer_id + 1 WHERE id = %(invoice)s"),
    ("a_line_is_a_billed_lead_of_the_account",
     "UPDATE invoices SET status = 'cancelled', cancelled_at = now() WHERE id = %(draft)s"),
    ("a_lead_is_on_one_invoice", "UPDATE uninvoiced_leads SET price = price + 1 WHERE lead_id = %(billed)s"),
    ("a_lead_is_on_one_invoice", "DELETE FROM uninvoiced_leads WHERE lead_id = %(billed)s"),
    ("a_lead_is_on_one_invoice",
     """DROP INDEX invoice_lines_lead_once;
        INSERT INTO invoice_lines (invoice_id, lead_id, delivered_at, amount)
        SELECT invoice_id, lead_id, delivered_at, amount FROM invoice_lines LIMIT 1"""),
    ("an_invoice_is_the_sum_of_its_lines", "DELETE FROM invoice_lines WHERE lead_id = %(lead)s"),
    ("an_invoice_is_the_sum_of_its_lines", "UPDATE invoices SET total_leads = 3 WHERE id = %(invoice)s"),
    ("tax_is_the_rate_rounded_once",
     """UPDATE invoices SET tax_amount = tax_amount + 0.01, total_amount = total_amount + 0.01
         WHERE id = %(invoice)s"""),
    ("tax_is_on_the_ledger", "UPDATE ledger_entries SET amount = 1 WHERE kind = 'tax_charged'"),
    ("the_state_says_what_is_due",
     """ALTER TABLE invoices DROP CONSTRAINT invoices_paid_is_nothing_due;
        UPDATE invoices SET status = 'paid' WHERE status = 'sent'"""),
    ("numbers_have_no_gaps", "UPDATE number_series SET last = last + 1"),
    ("numbers_have_no_gaps", "UPDATE invoices SET sequence = 7 WHERE id = %(invoice)s"),
    ("what_is_owed_is_invoices_leads_and_debts",
     "UPDATE invoices SET subtotal = 1, total_amount = 1 + tax_amount WHERE id = %(invoice)s"),
    ("what_is_owed_is_invoices_leads_and_debts", "UPDATE buyers SET balance = balance - 1 WHERE id = %(buyer)s"),
    ("an_invoice_is_settled_by_its_settlements", "UPDATE invoices SET amount_paid = 1 WHERE id = %(invoice)s"),
    ("an_invoice_is_settled_by_its_settlements", "DELETE FROM invoice_settlements"),
    ("a_lead_says_what_its_invoice_says", "UPDATE leads SET billing_status = 'paid' WHERE id = %(lead)s"),
    ("periods_of_an_account_are_apart",
     """ALTER TABLE invoices DROP CONSTRAINT invoices_periods_apart;
        UPDATE invoices SET buyer_id = %(buyer)s, period_start = '2026-01-01', period_end = '2026-12-01'"""),
    ("what_crosses_a_threshold_is_invoiced",
     """UPDATE offers SET invoice_threshold = 1, created_at = '2026-01-01';
        UPDATE uninvoiced_leads SET since = '2026-02-01' WHERE lead_id = %(billed)s"""),
    ("a_payment_is_posted_once",
     """INSERT INTO payments (buyer_id, method, status, amount, currency, received_at, to_wallet, actor)
        VALUES (%(buyer)s, 'check', 'succeeded', 5, 'USD', now(), 5, 'test')"""),
    ("a_payment_settles_what_it_says",
     """INSERT INTO payments (buyer_id, invoice_id, method, status, amount, currency, received_at, to_invoice, actor)
        VALUES (%(buyer)s, %(invoice)s, 'check', 'succeeded', 5, 'USD', now(), 5, 'test')"""),
    ("no_more_goes_back_than_came",
     """WITH paid AS (INSERT INTO payments (buyer_id, method, status, amount, currency, received_at, to_wallet, actor)
          VALUES (%(buyer)s, 'check', 'succeeded', 5, 'USD', now(), 5, 'test') RETURNING id)
        INSERT INTO refunds (buyer_id, payment_id, amount, currency, status, reason, actor)
        SELECT %(buyer)s, id, 6, 'USD', 'pending', 'test', 'test' FROM paid"""),
    ("a_refund_is_posted_as_far_as_it_got",
     """INSERT INTO refunds (buyer_id, payment_id, amount, currency, status, reason, actor)
        VALUES (%(buyer)s, 1, 6, 'USD', 'pending', 'test', 'test')"""),
    ("a_chargeback_is_posted_as_far_as_it_got",
     """INSERT INTO chargebacks (opened_at, buyer_id, payment_id, provider_id, amount, currency, from_invoice,
                                 from_wallet, from_nothing, debt)
        VALUES (now(), %(buyer)s, 1, 'dp_1', 6, 'USD', 0, 6, 0, 0)"""),
    ("a_credit_note_is_the_sum_of_its_lines",
     """INSERT INTO credit_notes (issued_at, buyer_id, invoice_id, currency, series, sequence, number, reason, net, tax,
                                  total, to_due, to_wallet, seller, buyer, actor)
        VALUES (now(), %(buyer)s, %(invoice)s, 'USD', 'CN', 1, 'CN-1', 'other', 5, 0, 5, 0, 5, '{}', '{}', 'test')"""),
    ("no_more_is_credited_than_was_invoiced",
     """INSERT INTO credit_notes (issued_at, buyer_id, invoice_id, currency, series, sequence, number, reason, net, tax,
                                  total, to_due, to_wallet, seller, buyer, actor)
        VALUES (now(), %(buyer)s, %(invoice)s, 'USD', 'CN', 1, 'CN-1', 'other', 500, 0, 500, 0, 500, '{}', '{}',
                'test')"""),
    ("what_is_refunded_was_given_back_once", "UPDATE leads SET billing_status = 'refunded' WHERE id = %(billed)s"),
    ("an_approved_return_gave_its_lead_back",
     """INSERT INTO lead_returns (requested_at, lead_id, buyer_id, offer_id, reason, requested_by, status, trace,
                                  decided_at, decided_by, transaction_id)
        VALUES (now(), %(billed)s, %(buyer)s, %(offer)s, 'other', 'test', 'approved', '{}', now(), 'test', 1)"""),
    ("a_payout_is_the_sum_of_its_lines",
     """INSERT INTO payouts (issued_at, publisher_id, currency, timezone, series, sequence, number, period_start,
                             period_end, earned, reversed, total, actor)
        VALUES (now(), %(publisher)s, 'USD', 'UTC', 'PO', 1, 'PO-1', '2026-01-01', '2026-02-01', 9, 0, 9, 'test')"""),
    ("a_payout_is_posted_when_it_is_paid",
     """INSERT INTO payouts (issued_at, publisher_id, currency, timezone, series, sequence, number, period_start,
                             period_end, earned, reversed, total, actor, status, paid_at, paid_by, reference)
        VALUES (now(), %(publisher)s, 'USD', 'UTC', 'PO', 1, 'PO-1', '2026-01-01', '2026-02-01', 9, 0, 9, 'test',
                'paid', now(), 'test', 'wire')"""),
]  # fmt: skip


def test_every_invariant_has_a_corruption_that_it_finds(conn: Connection[Any], now: datetime) -> None:
    assert {one.name for one in reconciliation_service.audit(conn, now=now)} == {
        name for name, _ in (*CORRUPTIONS, *publishers.CORRUPTIONS)
    }


@pytest.mark.parametrize(
    ("invariant", "corruption"), CORRUPTIONS, ids=[f"{place}-{name}" for place, (name, _) in enumerate(CORRUPTIONS)]
)
def test_what_is_planted_is_found_by_name(
    conn: Connection[Any], books: dict[str, int], now: datetime, invariant: str, corruption: str
) -> None:
    with unguarded(conn):
        for statement in corruption.split(";"):
            conn.execute(statement.encode(), books)
    assert invariant in broken(conn, now)


def test_the_schedule_keeps_what_it_found_and_tells_of_it_without_changing_anything(
    conn: Connection[Any], functions: Functions, books: dict[str, int], now: datetime
) -> None:
    assert functions.module("audit").run(now)["violations"] == 0
    assert waiting(conn, "notify") == []
    conn.execute("UPDATE buyers SET balance = balance + 0.01 WHERE id = %(buyer)s", books)
    assert functions.module("audit").run(now)["violations"] == 2
    told = waiting(conn, "notify")
    assert {(message["event"], message["invariant"], message["ids"]) for message in told} == {
        ("audit.failed", "owed_is_the_receivable", str(books["buyer"])),
        ("audit.failed", "what_is_owed_is_invoices_leads_and_debts", str(books["buyer"])),
    }
    row = conn.execute("SELECT violations, findings FROM audits ORDER BY id DESC LIMIT 1").fetchone()
    assert row is not None
    assert row[0] == 2
    (found,) = row[1]["owed_is_the_receivable"]
    assert (found["subject"], found["id"]) == ("buyers", books["buyer"])
    assert Decimal(found["says"]) - Decimal(found["should"]) == Decimal("0.01")


def test_the_audit_sees_one_state_whatever_goes_on(
    conn: Connection[Any], books: dict[str, int], now: datetime, database_url: str
) -> None:
    with psycopg.connect(database_url) as writer:
        writer.execute("UPDATE buyers SET balance = balance + 1 WHERE id = %(buyer)s", books)
        assert broken(conn, now) == set()


def test_the_leads_of_a_draft_that_was_cancelled_just_now_are_not_amiss(conn: Connection[Any], now: datetime) -> None:
    offer, buyer = an_offer(conn, invoice_threshold="40.00", created_at=now - 2 * DAY), a_buyer(conn)
    conn.execute("UPDATE buyers SET billing = '{\"approval\": true}'")
    draft, _ = an_invoice(conn, offer, buyer, now - DAY)
    with conn.transaction():
        decisions.cancel(conn, draft, "not yet", Actor("op"), now=now)
    assert broken(conn, now) == set()
    assert broken(conn, now + DAY) == {"what_crosses_a_threshold_is_invoiced"}
