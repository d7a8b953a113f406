"""Pays an issued invoice from the prepaid wallet."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection

from leadgen.audit_trail import service as audit_trail_service
from leadgen.audit_trail.domain import Actor
from leadgen.kernel.errors import Refusal
from leadgen.ledger import domain as ledger_domain
from leadgen.ledger import store as ledger_store
from leadgen.ledger.domain import Transaction
from leadgen.receivables.domain.settlement import OPEN, Settlement
from leadgen.receivables.service import settlement
from leadgen.receivables.store import settlements


@dataclass(frozen=True)
class Drawn:
    """What the wallet paid of an invoice, and what is left in it."""

    invoice_id: int
    amount: Decimal
    currency: str
    invoice_status: str
    wallet: Decimal


def draw(conn: Connection[Any], invoice_id: int, *, actor: Actor, now: datetime) -> Drawn:
    """Pay of an invoice what the buyer's wallet can. Locks the buyer.

    Raises Refusal 404, and 409 ``invoice_not_payable`` and ``wallet_empty``.
    """
    invoice = settlement.lock_invoice(conn, invoice_id)
    if invoice.status not in OPEN:
        raise Refusal(
            409,
            "invoice_not_payable",
            f"of invoice {invoice.number or invoice_id} nothing can be paid: it is {invoice.status}",
            {"status": invoice.status},
        )
    wallet = ledger_store.money(conn, [invoice.buyer_id])[invoice.buyer_id].wallet
    amount = min(wallet, invoice.due)
    if amount <= 0:
        raise Refusal(409, "wallet_empty", f"the wallet of buyer {invoice.buyer_id} is empty: top it up")
    posting = Transaction(
        key=f"wallet_drawn:invoice:{invoice_id}:{settlements.count(conn, invoice_id)}",
        kind="wallet_drawn",
        currency=invoice.currency,
        occurred_at=now,
        actor=actor.name,
        entries=ledger_domain.entries(("wallet", "receivable", amount)),
        buyer_id=invoice.buyer_id,
        invoice_id=invoice_id,
    )
    ledger_store.post(conn, [posting])
    after = settlement.settle(conn, invoice, [Settlement("wallet", amount)], now=now)
    before, after_values = {"status": invoice.status}, {"amount": str(amount), "status": after.status}
    audit_trail_service.record(conn, actor, "invoice.draw", ("invoice", invoice_id), before, after_values, now=now)
    return Drawn(invoice_id, amount, invoice.currency, after.status, wallet - amount)
