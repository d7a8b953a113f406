"""What follows a sale in tests: payments as people enter them, leads given back, and books that must agree."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from leadgen.domain.returns import Verdict, Wish
from leadgen.operations import charging_back, crediting, paying, returning
from leadgen.operations.acting import Actor
from leadgen.operations.charging_back import ChargedBack
from leadgen.operations.crediting import CreditNote
from leadgen.operations.paying import Receipt, Received
from leadgen.operations.returning import Returned

OPERATOR = Actor("op", "192.0.2.7", "desk/1")
BUYER = Actor("jane")


def pay(
    conn: Connection[Any], buyer: int, amount: str, now: datetime, *, invoice: int | None = None, anyway: bool = False,
    **values: Any,
) -> Receipt:  # fmt: skip
    """Enter a payment, by bank transfer unless it says otherwise."""
    given = {"method": "bank_transfer", "currency": "USD", "received_at": now, "actor": "op"} | values
    received = Received(buyer_id=buyer, invoice_id=invoice, amount=Decimal(amount), **given)
    with conn.transaction():
        return paying.receive(conn, received, now=now, anyway=anyway)


def pay_by_card(
    conn: Connection[Any], buyer: int, amount: str, now: datetime, provider_id: str, *, invoice: int | None = None
) -> Receipt:
    """What the provider says it has received."""
    return pay(
        conn, buyer, amount, now, invoice=invoice, anyway=True, method="stripe", provider_id=provider_id,
        actor="provider:stripe",
    )  # fmt: skip


def credit(
    conn: Connection[Any], invoice: int, leads: list[int], now: datetime, reason: str = "goodwill"
) -> CreditNote:
    with conn.transaction():
        return crediting.credit(conn, invoice, leads, reason=reason, note=None, actor="op", now=now)


def charge_back(
    conn: Connection[Any], payment: str, amount: str, now: datetime, provider_id: str = "dp_1", currency: str = "USD"
) -> ChargedBack:
    with conn.transaction():
        return charging_back.open_(
            conn, provider_payment_id=payment, provider_id=provider_id, amount=Decimal(amount), currency=currency,
            reason="fraudulent", evidence_due_by=None, opened_at=now, now=now,
        )  # fmt: skip


def end_chargeback(conn: Connection[Any], now: datetime, *, won: bool, provider_id: str = "dp_1") -> ChargedBack:
    with conn.transaction():
        return charging_back.close(conn, provider_id=provider_id, won=won, now=now)


def give_back(
    conn: Connection[Any], lead: int, now: datetime, reason: Any = "other", *, buyer: int | None = None,
    note: str | None = "said so on the telephone",
) -> Returned:  # fmt: skip
    """A buyer asks, or an operator gives the lead back."""
    actor = OPERATOR if buyer is None else BUYER
    with conn.transaction():
        returning.bill_first(conn, lead, buyer_id=buyer, now=now)
    with conn.transaction():
        return returning.request(conn, lead, Wish(reason=reason, note=note), actor=actor, buyer_id=buyer, now=now)


def decide(conn: Connection[Any], return_id: int, verdict: Any, now: datetime) -> Returned:
    with conn.transaction():
        said = Verdict(verdict=verdict, remark="looked at it")
        return returning.decide(conn, return_id, said, actor=OPERATOR, now=now)


def set_policy(conn: Connection[Any], offer: int, **policy: Any) -> None:
    """When leads of an offer may be given back."""
    returns = {"reasons": ["duplicate", "invalid_phone", "invalid_email", "wrong_area", "other"]} | policy
    conn.execute("UPDATE offers SET returns = %s WHERE id = %s", (Jsonb(returns), offer))


def money_of(conn: Connection[Any], buyer: int) -> tuple[str, str]:
    """What a buyer owes, and what is in its wallet."""
    row = conn.execute(
        "SELECT b.balance::text, w.balance::text FROM buyers b JOIN wallets w ON w.buyer_id = b.id WHERE b.id = %s",
        (buyer,),
    ).fetchone()
    assert row is not None
    return row


def invoice_of(conn: Connection[Any], invoice: int) -> tuple[str, str]:
    """An invoice's state and what is due of it."""
    row = conn.execute("SELECT status::text, amount_due::text FROM invoices WHERE id = %s", (invoice,)).fetchone()
    assert row is not None
    return row


def postings(conn: Connection[Any], kind: str) -> list[tuple[str, str, str]]:
    """What transactions of a kind moved: debit, credit, amount."""
    return conn.execute(
        "SELECT debit, credit, amount::text FROM ledger_entries WHERE kind = %s ORDER BY id", (kind,)
    ).fetchall()


_FAULTS = {
    "balance is the ledger's": """
        SELECT b.id FROM buyers b
         WHERE b.balance <> coalesce((SELECT sum(p.amount) FROM ledger_postings p
                                       WHERE p.buyer_id = b.id AND p.account = 'receivable'), 0)""",
    "wallet is the ledger's": """
        SELECT w.buyer_id FROM wallets w
         WHERE w.balance <> -coalesce((SELECT sum(p.amount) FROM ledger_postings p
                                        WHERE p.buyer_id = w.buyer_id AND p.account = 'wallet'), 0)""",
    "balance is what is open": """
        SELECT b.id FROM buyers b
         WHERE b.balance
            <> coalesce((SELECT sum(i.amount_due) FROM invoices i
                          WHERE i.buyer_id = b.id AND i.issued_at IS NOT NULL), 0)
             + coalesce((SELECT sum(c.debt) FROM chargebacks c WHERE c.buyer_id = b.id), 0)
             + coalesce((SELECT sum(l.price - coalesce((SELECT sum(p.amount) FROM ledger_postings p
                                                         WHERE p.lead_id = l.id AND p.kind = 'wallet_drawn'
                                                           AND p.account = 'wallet'), 0))
                           FROM leads l
                          WHERE l.buyer_id = b.id AND l.billing_status NOT IN ('pending', 'refunded')
                            AND NOT EXISTS (SELECT FROM invoice_lines x JOIN invoices i ON i.id = x.invoice_id
                                             WHERE x.lead_id = l.id AND x.released_at IS NULL
                                               AND i.issued_at IS NOT NULL)), 0)""",
    "invoice is its settlements": """
        SELECT i.id FROM invoices i
          LEFT JOIN LATERAL (
            SELECT sum(amount) FILTER (WHERE kind = 'wallet') AS wallet,
                   sum(amount) FILTER (WHERE kind IN ('payment', 'payment_undone', 'chargeback', 'chargeback_won')) AS paid,
                   sum(amount) FILTER (WHERE kind = 'credit_note') AS credited,
                   sum(amount) FILTER (WHERE kind LIKE 'write_off%') AS off
              FROM invoice_settlements s WHERE s.invoice_id = i.id) s ON true
         WHERE (i.wallet_applied, i.amount_paid, i.amount_credited, i.amount_written_off)
            IS DISTINCT FROM (coalesce(s.wallet, 0), coalesce(s.paid, 0), coalesce(s.credited, 0), coalesce(s.off, 0))""",
    "refunded leads were given back once": """
        SELECT l.id FROM leads l
         WHERE (l.billing_status = 'refunded')
            <> ((SELECT count(*) FROM ledger_transactions t WHERE t.lead_id = l.id AND t.kind = 'lead_returned')
                + (SELECT count(*) FROM credit_note_lines c WHERE c.lead_id = l.id) = 1)""",
    "drafts are the sum of their lines": """
        SELECT i.id FROM invoices i
         WHERE i.subtotal <> coalesce((SELECT sum(x.amount) FROM invoice_lines x
                                        WHERE x.invoice_id = i.id AND x.released_at IS NULL), 0)""",
    "returns approved are posted": """
        SELECT r.id FROM lead_returns r JOIN leads l ON l.id = r.lead_id
         WHERE r.status = 'approved' AND l.billing_status <> 'refunded'""",
    "debts are those of living chargebacks": "SELECT id FROM chargebacks WHERE status = 'won' AND debt <> 0",
    "refunds due are pending": """
        SELECT 1 WHERE -coalesce((SELECT sum(amount) FROM ledger_postings WHERE account = 'refunds_due'), 0)
                    <> coalesce((SELECT sum(amount) FROM refunds WHERE status = 'pending'), 0)""",
    "numbers have no gaps": """
        SELECT n.series FROM number_series n WHERE n.series = 'CN' AND n.last <> (SELECT count(*) FROM credit_notes)""",
}


def assert_books_agree(conn: Connection[Any]) -> None:
    """Nothing that is said of money in one place is said otherwise in another."""
    wrong = {name: rows for name, query in _FAULTS.items() if (rows := conn.execute(query.encode()).fetchall())}
    assert wrong == {}
