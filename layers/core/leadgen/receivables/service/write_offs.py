"""Writes off what an invoice is still owed as bad debt, and undoes a write-off."""

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
from leadgen.ledger.domain import Entry, Kind, Transaction
from leadgen.receivables.domain.settlement import OPEN, Invoice, Settlement
from leadgen.receivables.service import settlement
from leadgen.receivables.store import write_offs


@dataclass(frozen=True)
class WrittenOff:
    """What a write-off, or that it was undone, made of an invoice; ``amount`` is what it moved."""

    invoice_id: int
    number: str
    amount: Decimal
    currency: str
    invoice_status: str


def write_off(conn: Connection[Any], invoice_id: int, *, reason: str, actor: Actor, now: datetime) -> WrittenOff:
    """Give up all that is due of an invoice: it is cancelled and keeps its number. Locks the buyer.

    Raises Refusal 404, and 409 ``invoice_not_owed``, and ``invoice_disputed`` while a dispute or a chargeback is open.
    """
    invoice = settlement.lock_invoice(conn, invoice_id)
    if invoice.status not in OPEN:
        raise Refusal(
            409,
            "invoice_not_owed",
            f"of invoice {invoice.number or invoice_id} nothing is due: it is {invoice.status}",
            {"status": invoice.status},
        )
    if invoice.is_disputed:
        raise Refusal(
            409,
            "invoice_disputed",
            f"invoice {invoice.number} is disputed, or a payment of it: wait for the end of that",
        )
    times = write_offs.times(conn, invoice_id) + 1
    after = settlement.settle(conn, invoice, [Settlement("write_off", invoice.due)], now=now)
    entries = ledger_domain.entries(("bad_debt", "receivable", invoice.due))
    ledger_store.post(conn, [_posting("write_off", times, invoice, entries, actor, now)])
    write_offs.note(conn, invoice_id, f"written off: {reason}", now=now)
    return _recorded(conn, "invoice.write_off", invoice, after, invoice.due, reason, actor, now)


def undo(conn: Connection[Any], invoice_id: int, *, reason: str, actor: Actor, now: datetime) -> WrittenOff:
    """What was given up is owed again. Locks the buyer. Raises Refusal 404, and 409 ``invoice_not_written_off``."""
    invoice = settlement.lock_invoice(conn, invoice_id)
    if invoice.written_off == 0:
        raise Refusal(
            409,
            "invoice_not_written_off",
            f"invoice {invoice.number or invoice_id} is not written off: it is {invoice.status}",
            {"status": invoice.status},
        )
    times = write_offs.times(conn, invoice_id)
    reverses_id = write_offs.transaction(conn, invoice_id, times)
    after = settlement.settle(conn, invoice, [Settlement("write_off_undone", -invoice.written_off)], now=now)
    entries = ledger_domain.entries(("receivable", "bad_debt", invoice.written_off))
    ledger_store.post(conn, [_posting("write_off_undone", times, invoice, entries, actor, now, reverses_id)])
    write_offs.note(conn, invoice_id, f"write-off undone: {reason}", now=now)
    return _recorded(conn, "invoice.write_off_undo", invoice, after, invoice.written_off, reason, actor, now)


def _posting(
    kind: Kind,
    times: int,
    invoice: Invoice,
    entries: tuple[Entry, ...],
    actor: Actor,
    now: datetime,
    reverses_id: int | None = None,
) -> Transaction:
    return Transaction(
        key=f"{kind}:{invoice.invoice_id}:{times}",
        kind=kind,
        currency=invoice.currency,
        occurred_at=now,
        actor=actor.name,
        entries=entries,
        buyer_id=invoice.buyer_id,
        invoice_id=invoice.invoice_id,
        reverses_id=reverses_id,
    )


def _recorded(
    conn: Connection[Any],
    action: str,
    before: Invoice,
    after: Invoice,
    amount: Decimal,
    reason: str,
    actor: Actor,
    now: datetime,
) -> WrittenOff:
    after_values = {"status": after.status, "amount": str(amount), "reason": reason}
    row = ("invoice", before.invoice_id)
    audit_trail_service.record(conn, actor, action, row, {"status": before.status}, after_values, now=now)
    return WrittenOff(before.invoice_id, before.number or "", amount, before.currency, after.status)
