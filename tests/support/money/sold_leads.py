"""Sold, billed and invoiced leads for tests about money, made by the code that makes them; and all the money there is,
to compare.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection

from leadgen.billing.service import charges
from leadgen.buyers import store as buyers_store
from leadgen.invoicing.service import issue
from leadgen.invoicing.service.issue import DueAccount
from leadgen.invoicing.store import drafts
from leadgen.ledger import domain as ledger_domain
from leadgen.ledger import store as ledger_store
from leadgen.ledger.domain import Transaction
from tests.support.factories import a_delivery, a_lead, a_source


def a_taken_lead(
    conn: Connection[Any], offer: int, buyer: int, delivered_at: datetime, price: str = "45.00", **values: Any
) -> int:
    """A lead that was claimed for its buyer, who has taken it; nobody has billed it yet."""
    source = values.pop("source_id", None) or a_source(conn, offer)
    lead = a_lead(
        conn, source, status="delivered", buyer_id=buyer, delivered_price=price,
        price_components={"component": "offer_default", "amount": price}, delivered_at=delivered_at, **values,
    )  # fmt: skip
    conn.execute("UPDATE buyers SET pending_amount = pending_amount + %s WHERE id = %s", (price, buyer))
    a_delivery(conn, lead, buyer, status="succeeded")
    return lead


def charge(conn: Connection[Any], leads: Sequence[int], now: datetime) -> None:
    """Bill leads as the stage does."""
    with conn.transaction():
        charges.charge(conn, leads, now=now)


def a_billed_lead(
    conn: Connection[Any], offer: int, buyer: int, delivered_at: datetime, price: str = "45.00", **values: Any
) -> int:
    """A lead that is billed as it was delivered."""
    lead = a_taken_lead(conn, offer, buyer, delivered_at, price, **values)
    charge(conn, [lead], delivered_at)
    return lead


def invoice(conn: Connection[Any], buyer: int, now: datetime) -> list[int]:
    """Issue what a buyer has open, or draft it where its terms want an approval; the invoices' ids."""
    with conn.transaction():
        buyers_store.lock(conn, [buyer])
        due = [DueAccount(account, now, closes=False) for account in drafts.open_accounts(conn, [buyer])]
        before = conn.execute("SELECT coalesce(max(id), 0) FROM invoices").fetchone()
        assert before is not None
        issue.issue(conn, due, actor="stage:test", now=now)
        rows = conn.execute("SELECT id FROM invoices WHERE id > %s ORDER BY id", before)
        return [row[0] for row in rows]


def an_invoice(
    conn: Connection[Any], offer: int, buyer: int, now: datetime, *prices: str, **values: Any
) -> tuple[int, list[int]]:
    """An invoice, issued ``now``, of leads at these prices (one of 45.00 unless some are given); and the leads."""
    leads = [a_billed_lead(conn, offer, buyer, now, price, **values) for price in prices or ("45.00",)]
    (invoice_id,) = invoice(conn, buyer, now)
    return invoice_id, leads


def prepay(conn: Connection[Any], buyer: int, amount: str, now: datetime) -> None:
    """Put prepaid money into a buyer's wallet."""
    row = conn.execute(
        "SELECT currency, (SELECT count(*) FROM ledger_transactions) FROM buyers WHERE id = %s", (buyer,)
    )
    found = row.fetchone()
    assert found is not None
    with conn.transaction():
        buyers_store.lock(conn, [buyer])
        ledger_store.post(
            conn,
            [
                Transaction(
                    key=f"opening_wallet:{buyer}:{found[1]}",
                    kind="opening",
                    currency=found[0],
                    occurred_at=now,
                    actor="test",
                    entries=ledger_domain.entries(("opening", "wallet", Decimal(amount))),
                    buyer_id=buyer,
                )
            ],
        )


def everything(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    """All the money there is and every record of it: what was refused leaves it as it was."""
    return conn.execute(
        """
        SELECT 'buyer', id::text, row(balance, pending_amount)::text FROM buyers
        UNION ALL SELECT 'wallet', buyer_id::text, balance::text FROM wallets
        UNION ALL SELECT 'transaction', id::text, row(kind, idempotency_key)::text FROM ledger_transactions
        UNION ALL SELECT 'entry', id::text, row(debit, credit, amount)::text FROM ledger_entries
        UNION ALL SELECT 'lead', id::text, row(billing_status, price)::text FROM leads
        UNION ALL SELECT 'waiting', lead_id::text, row(buyer_id, offer_id, price)::text FROM uninvoiced_leads
        UNION ALL SELECT 'invoice', id::text, row(invoice_number, status, amount_due, amount_paid)::text FROM invoices
        UNION ALL SELECT 'line', id::text, row(lead_id, amount, released_at)::text FROM invoice_lines
        UNION ALL SELECT 'settlement', id::text, row(invoice_id, kind, amount)::text FROM invoice_settlements
        UNION ALL SELECT 'payment', id::text, row(status, amount, to_invoice, to_wallet)::text FROM payments
        UNION ALL SELECT 'refund', id::text, row(status, amount)::text FROM refunds
        UNION ALL SELECT 'chargeback', id::text, row(status, amount, debt)::text FROM chargebacks
        UNION ALL SELECT 'credit note', id::text, row(number, total, to_due)::text FROM credit_notes
        UNION ALL SELECT 'return', id::text, row(lead_id, status)::text FROM lead_returns
        UNION ALL SELECT 'dispute', id::text, row(invoice_id, outcome)::text FROM invoice_disputes
        UNION ALL SELECT 'payout', id::text, row(number, status, total, reference)::text FROM payouts
        UNION ALL SELECT 'series', series, last::text FROM number_series
        ORDER BY 1, 2
        """
    ).fetchall()
