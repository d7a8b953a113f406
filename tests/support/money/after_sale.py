"""What follows a sale in tests: payments as people enter them, leads given back, and books that must agree."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from leadgen.audit_trail.domain import Actor
from leadgen.payments.service import chargebacks, receipts
from leadgen.payments.service.chargebacks import ChargedBack
from leadgen.payments.service.receipts import Receipt, Received
from leadgen.receivables.service import credit_notes
from leadgen.receivables.service.credit_notes import CreditNote
from leadgen.reconciliation import service as reconciliation_service
from leadgen.returns.domain.rules import ReturnRequest, ReturnVerdict
from leadgen.returns.service import returns as returns_service
from leadgen.returns.service.returns import Returned

OPERATOR = Actor("op", "192.0.2.7", "desk/1")
BUYER = Actor("jane")


def pay(
    conn: Connection[Any], buyer: int, amount: str, now: datetime, *, invoice: int | None = None, anyway: bool = False,
    **values: Any,
) -> Receipt:  # fmt: skip
    """Enter a payment, by bank transfer unless another method is given."""
    given: dict[str, Any] = {"method": "bank_transfer", "currency": "USD", "received_at": now, "actor": "op"} | values
    received = Received(buyer_id=buyer, invoice_id=invoice, amount=Decimal(amount), **given)
    with conn.transaction():
        return receipts.receive(conn, received, now=now, anyway=anyway)


def pay_by_card(
    conn: Connection[Any], buyer: int, amount: str, now: datetime, provider_id: str, *, invoice: int | None = None,
    currency: str = "USD",
) -> Receipt:  # fmt: skip
    """What the provider reports as received."""
    return pay(
        conn, buyer, amount, now, invoice=invoice, anyway=True, method="stripe", provider_id=provider_id,
        actor="provider:stripe", currency=currency,
    )  # fmt: skip


def credit(
    conn: Connection[Any], invoice: int, leads: list[int], now: datetime, reason: str = "goodwill"
) -> CreditNote:
    with conn.transaction():
        return credit_notes.credit(conn, invoice, leads, reason=reason, note=None, actor="op", now=now)


def charge_back(
    conn: Connection[Any], payment: str, amount: str, now: datetime, provider_id: str = "dp_1", currency: str = "USD"
) -> ChargedBack:
    with conn.transaction():
        return chargebacks.open_(
            conn, provider_payment_id=payment, provider_id=provider_id, amount=Decimal(amount), currency=currency,
            reason="fraudulent", evidence_due_by=None, opened_at=now, now=now,
        )  # fmt: skip


def end_chargeback(conn: Connection[Any], now: datetime, *, won: bool, provider_id: str = "dp_1") -> ChargedBack:
    with conn.transaction():
        return chargebacks.close(conn, provider_id=provider_id, won=won, now=now)


def give_back(
    conn: Connection[Any], lead: int, now: datetime, reason: Any = "other", *, buyer: int | None = None,
    note: str | None = "said so on the telephone",
) -> Returned:  # fmt: skip
    """A buyer requests it, or an operator gives the lead back."""
    actor = OPERATOR if buyer is None else BUYER
    with conn.transaction():
        returns_service.bill_first(conn, lead, buyer_id=buyer, now=now)
    with conn.transaction():
        return returns_service.request(
            conn, lead, ReturnRequest(reason=reason, note=note), actor=actor, buyer_id=buyer, now=now
        )


def decide(conn: Connection[Any], return_id: int, verdict: Any, now: datetime) -> Returned:
    with conn.transaction():
        decision = ReturnVerdict(verdict=verdict, remark="looked at it")
        return returns_service.decide(conn, return_id, decision, actor=OPERATOR, now=now)


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
    return row[0], row[1]


def invoice_of(conn: Connection[Any], invoice: int) -> tuple[str, str]:
    """An invoice's state and what is due of it."""
    row = conn.execute("SELECT status::text, amount_due::text FROM invoices WHERE id = %s", (invoice,)).fetchone()
    assert row is not None
    return row[0], row[1]


def postings(conn: Connection[Any], kind: str) -> list[tuple[str, str, str]]:
    """What transactions of a kind moved: debit, credit, amount."""
    return conn.execute(
        "SELECT debit, credit, amount::text FROM ledger_entries WHERE kind = %s ORDER BY id", (kind,)
    ).fetchall()


def assert_books_agree(conn: Connection[Any]) -> None:
    """No record of money in one place differs from another."""
    found = reconciliation_service.audit(conn, now=datetime.now(UTC))
    assert found
    assert {one.name: one.broken for one in found if one.broken} == {}
