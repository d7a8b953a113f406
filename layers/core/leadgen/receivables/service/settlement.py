"""The only way to change what an issued invoice is owed: books settlements, derives its state, marks its leads."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.buyers import store as buyers_store
from leadgen.kernel.errors import Refusal
from leadgen.receivables.domain import settlement
from leadgen.receivables.domain.settlement import Invoice, Settlement
from leadgen.receivables.service import overdue
from leadgen.receivables.store import settlements


def lock_invoice(conn: Connection[Any], invoice_id: int) -> Invoice:
    """Lock the buyer of an invoice, and with it all its money; the invoice as it is. Raises Refusal 404."""
    buyer_id = settlements.buyer_of(conn, invoice_id)
    if buyer_id is None:
        raise Refusal.missing("invoice", invoice_id)
    buyers_store.lock(conn, [buyer_id])
    return settlements.invoices(conn, [invoice_id])[invoice_id]


def settle(
    conn: Connection[Any],
    invoice: Invoice,
    settled: Sequence[Settlement],
    *,
    cancels: bool = False,
    is_disputed: bool | None = None,
    now: datetime,
) -> Invoice:
    """Change what a locked, issued invoice is owed, its state with it, the billing state of its leads, and whether
    its buyer gets leads; the invoice as it is then. The ledger's transaction is the caller's, in the same transaction
    of the database.

    Without settlements only the state is derived again: a dispute was opened or closed, ``is_disputed`` is that where
    ``invoice`` does not hold it yet. An invoice that is cancelled takes only what undoes its write-off.
    """
    assert invoice.issued_at is not None, "a draft is not owed"
    disputed = invoice.is_disputed if is_disputed is None else is_disputed
    changed = settlement.changes(settled)
    if invoice.status == "cancelled" and not (invoice.written_off > 0 and changed.written_off < 0):
        assert not settled, "a cancelled invoice is owed nothing"
        return invoice
    status = settlement.status_after(invoice, settled, is_disputed=disputed, cancels=cancels, now=now)
    settlements.settle(conn, invoice.invoice_id, settled, changed, status, now=now)
    if settlement.leads_are(status) != settlement.leads_are(invoice.status):
        settlements.mark_leads(conn, invoice.invoice_id, settlement.leads_are(status), now=now)
    overdue.review(conn, [invoice.buyer_id], now=now)
    return replace(
        invoice,
        status=status,
        wallet_applied=invoice.wallet_applied + changed.wallet_applied,
        paid=invoice.paid + changed.paid,
        credited=invoice.credited + changed.credited,
        written_off=invoice.written_off + changed.written_off,
        due=invoice.due - changed.total,
        is_disputed=disputed,
    )
