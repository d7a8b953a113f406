"""Billing's guarded statement and the gapless numbers."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen.billing.store import charges as billing_charges
from leadgen.billing.store import documents
from leadgen.invoicing.store import drafts
from tests.support.factories import a_buyer, a_delivery, a_lead, a_source, an_offer, insert


@pytest.fixture
def taken(conn: Connection[Any], now: datetime) -> tuple[int, int]:
    """A lead that its buyer has taken and nobody has billed, and the buyer."""
    buyer = a_buyer(conn, pending_amount="45.00")
    lead = a_lead(
        conn, a_source(conn, an_offer(conn)), status="delivered", buyer_id=buyer, delivered_price="45.00",
        price_components={}, delivered_at=now,
    )  # fmt: skip
    a_delivery(conn, lead, buyer, status="succeeded")
    return lead, buyer


def money(conn: Connection[Any], buyer: int) -> tuple[str, str]:
    row = conn.execute("SELECT balance::text, pending_amount::text FROM buyers WHERE id = %s", (buyer,)).fetchone()
    assert row is not None
    return row[0], row[1]


def test_billing_twice_bills_once(conn: Connection[Any], taken: tuple[int, int], now: datetime) -> None:
    lead, buyer = taken
    (charge,) = billing_charges.bill(conn, [lead], [buyer], now=now)
    assert (charge.lead_id, charge.buyer_id, str(charge.price)) == (lead, buyer, "45.00")
    assert billing_charges.bill(conn, [lead], [buyer], now=now) == []
    assert money(conn, buyer) == ("45.00", "0.00")
    row = conn.execute("SELECT billing_status::text, price::text, billed_at FROM leads").fetchone()
    assert row == ("billed", "45.00", now)


def test_the_price_billed_is_the_one_frozen_at_delivery(
    conn: Connection[Any], taken: tuple[int, int], now: datetime
) -> None:
    conn.execute("UPDATE offers SET default_price_per_lead = 99")
    (charge,) = billing_charges.bill(conn, [taken[0]], [taken[1]], now=now)
    assert str(charge.price) == "45.00"


@pytest.mark.parametrize("status", ["pending", "in_review"])
def test_a_lead_no_buyer_has_taken_is_not_billed(conn: Connection[Any], now: datetime, status: str) -> None:
    buyer = a_buyer(conn, pending_amount="45.00")
    lead = a_lead(
        conn, a_source(conn, an_offer(conn)), status="delivered", buyer_id=buyer, delivered_price="45.00",
        price_components={}, delivered_at=now,
    )  # fmt: skip
    a_delivery(conn, lead, buyer, status=status)
    assert billing_charges.buyers_to_bill(conn, [lead]) == []
    assert billing_charges.bill(conn, [lead], [buyer], now=now) == []
    assert money(conn, buyer) == ("0.00", "45.00")


def test_several_leads_of_one_buyer_are_charged_together_and_each_is_told(conn: Connection[Any], now: datetime) -> None:
    buyer, source = a_buyer(conn, pending_amount="65.50"), a_source(conn, an_offer(conn))
    leads = []
    for price in ("45.00", "20.50"):
        lead = a_lead(conn, source, status="delivered", buyer_id=buyer, delivered_price=price, price_components={},
                      delivered_at=now)  # fmt: skip
        a_delivery(conn, lead, buyer, status="succeeded")
        leads.append(lead)
    charges = billing_charges.bill(conn, leads, [buyer], now=now)
    assert [(c.lead_id, str(c.price)) for c in charges] == [(leads[0], "45.00"), (leads[1], "20.50")]
    assert money(conn, buyer) == ("65.50", "0.00")


def test_numbers_of_a_series_have_no_gaps_over_rollbacks(conn: Connection[Any]) -> None:
    assert documents.next_numbers(conn, "INV", 2) == 2
    with conn.transaction(force_rollback=True):
        assert documents.next_numbers(conn, "INV", 3) == 5
    assert documents.next_numbers(conn, "INV", 1) == 3
    assert documents.next_numbers(conn, "CRN", 1) == 1


def test_numbers_taken_at_once_are_all_different_and_without_gaps(database_url: str) -> None:
    barrier = threading.Barrier(6)

    def take(worker: int) -> list[int]:
        taken = []
        with psycopg.connect(database_url, autocommit=True) as conn:
            barrier.wait()
            for attempt in range(5):
                with conn.transaction(force_rollback=(worker + attempt) % 3 == 0):
                    last = documents.next_numbers(conn, "INV", 2)
                if (worker + attempt) % 3 != 0:
                    taken += [last - 1, last]
        return taken

    with ThreadPoolExecutor(6) as pool:
        futures = [pool.submit(take, worker) for worker in range(6)]
        taken = [number for future in futures for number in future.result()]
    assert sorted(taken) == list(range(1, len(taken) + 1))


def test_an_open_account_is_what_is_billed_and_on_no_invoice(conn: Connection[Any], now: datetime) -> None:
    offer = an_offer(conn, invoice_threshold="100.00")
    buyer, source = a_buyer(conn, billing_cycle="monthly"), a_source(conn, offer)
    for price, status, waits in (("45", "billed", True), ("20.5", "billed", True), ("7", "billed", False),
                                 ("3", "pending", False)):  # fmt: skip
        lead = a_lead(conn, source, buyer_id=buyer, price=price, billing_status=status, delivered_at=now)
        if waits:
            conn.execute(
                "INSERT INTO uninvoiced_leads VALUES (%s, %s, %s, %s, %s, %s)", (lead, buyer, offer, now, now, price)
            )
    insert(
        conn, "invoices", buyer_id=buyer, offer_id=offer, period_start=now.replace(day=1), period_end=now,
        due_date=now, currency="USD", timezone="UTC",
    )  # fmt: skip
    assert drafts.waiting_buyers(conn) == [buyer]
    (account,) = drafts.open_accounts(conn, [buyer])
    assert (str(account.uninvoiced), str(account.threshold)) == ("65.50", "100.00")
    assert (account.billing_cycle, account.timezone, account.last_period_end) == ("monthly", "America/Denver", now)
    assert drafts.open_accounts(conn, [buyer + 1]) == []
