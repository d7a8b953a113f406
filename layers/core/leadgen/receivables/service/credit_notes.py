"""Issues credit notes for leads of an issued invoice, with the tax on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection

from leadgen.audit_trail import service as audit_trail_service
from leadgen.audit_trail.domain import Actor
from leadgen.billing.domain import documents as billing_documents
from leadgen.billing.service import earnings
from leadgen.billing.store import documents as billing_documents_store
from leadgen.kernel.errors import Refusal
from leadgen.kernel.events import Event, Topic
from leadgen.ledger import store as ledger_store
from leadgen.ledger.domain import Transaction
from leadgen.receivables.domain import credit_notes as domain
from leadgen.receivables.domain.credit_notes import Billed, Credit, CreditableLine
from leadgen.receivables.domain.settlement import Invoice, Settlement
from leadgen.receivables.service import debts, settlement
from leadgen.receivables.store import credit_notes as receivables_credit_notes
from leadgen.receivables.store import disputes, settlements
from leadgen.receivables.store.credit_notes import NewCreditNote


@dataclass(frozen=True)
class CreditNote:
    """A credit note just issued: off what the invoice is owed first, the rest is prepaid money now.

    The events are the caller's to announce.
    """

    credit_note_id: int
    number: str
    invoice_id: int
    buyer_id: int
    lead_ids: tuple[int, ...]
    currency: str
    net: Decimal
    tax: Decimal
    total: Decimal
    to_due: Decimal
    to_wallet: Decimal
    invoice_status: str
    transaction_id: int
    events: tuple[Event, ...] = ()


def credit(
    conn: Connection[Any],
    invoice_id: int,
    lead_ids: Sequence[int],
    *,
    reason: str,
    note: str | None,
    actor: str,
    now: datetime,
) -> CreditNote:
    """Credit leads of an issued invoice: they are refunded, and what their sources' owners earned is taken back. An
    invoice of which that leaves nothing is cancelled.

    Locks the buyer, then the publishers, then the series. Raises Refusal 400 for no leads or no reason that there is,
    404 for an invoice that there is none of and for a lead that is not on it, 409 ``invoice_not_creditable`` and
    ``already_credited``.
    """
    domain.refuse_reason(reason)
    invoice = _creditable(conn, invoice_id)
    lines = receivables_credit_notes.lines(conn, invoice_id)
    chosen = domain.chosen(lead_ids, lines, invoice.number or str(invoice_id))
    return _credit(conn, invoice, lines, chosen, reason=reason, note=note, actor=actor, now=now)


def enter(
    conn: Connection[Any],
    invoice_id: int,
    lead_ids: Sequence[int],
    *,
    reason: str,
    note: str | None,
    actor: Actor,
    now: datetime,
) -> CreditNote:
    """Credit leads by a person's decision, audited. Raises Refusal as ``credit`` does."""
    made = credit(conn, invoice_id, lead_ids, reason=reason, note=note, actor=actor.name, now=now)
    _audit(conn, "invoice.credit", made, reason, note, actor, now)
    return made


def cancel(conn: Connection[Any], invoice_id: int, *, note: str, actor: Actor, now: datetime) -> CreditNote:
    """Cancel an issued invoice by crediting every lead of it that is not credited yet. It keeps its number; a dispute
    of it ends upheld.

    Locks as ``credit``. Raises Refusal 404, and 409 ``invoice_not_creditable`` and ``already_credited``.
    """
    invoice = _creditable(conn, invoice_id)
    lines = receivables_credit_notes.lines(conn, invoice_id)
    left = [line for line in lines if not line.is_credited]
    if not left:
        raise Refusal(409, "already_credited", f"every lead of invoice {invoice.number} is credited")
    # Before the credit, which reads the invoice's state: some of it may be owed all the same, where a chargeback
    # took back what had been paid of leads that were credited.
    disputes.close(conn, invoice_id, outcome="upheld", remark=note, by=actor.name, now=now)
    (invoice,) = settlements.invoices(conn, [invoice_id]).values()
    made = _credit(conn, invoice, lines, left, reason="cancelled", note=note, actor=actor.name, now=now)
    _audit(conn, "invoice.cancel", made, "cancelled", note, actor, now)
    return made


def _creditable(conn: Connection[Any], invoice_id: int) -> Invoice:
    invoice = settlement.lock_invoice(conn, invoice_id)
    if invoice.issued_at is None or invoice.status == "cancelled":
        why = "is a draft: take its leads back, or cancel it" if invoice.issued_at is None else "is cancelled"
        if invoice.written_off > 0:
            why = "is written off: undo that first"
        raise Refusal(
            409,
            "invoice_not_creditable",
            f"invoice {invoice.number or invoice_id} {why}",
            {"status": invoice.status},
        )
    return invoice


def _credit(
    conn: Connection[Any],
    invoice: Invoice,
    lines: Sequence[CreditableLine],
    chosen: Sequence[CreditableLine],
    *,
    reason: str,
    note: str | None,
    actor: str,
    now: datetime,
) -> CreditNote:
    figures = domain.credit(_billed(conn, invoice), chosen)
    lead_ids = [line.lead_id for line in chosen]
    moves = earnings.earnings_of(conn, lead_ids, actor=actor, now=now)
    sequence = billing_documents_store.next_numbers(conn, domain.SERIES, 1)
    number = billing_documents.number(domain.SERIES, sequence)
    new = NewCreditNote(domain.SERIES, sequence, number, reason, note, actor, now)
    note_id = receivables_credit_notes.add(conn, invoice.invoice_id, figures, new)
    receivables_credit_notes.add_lines(conn, note_id, chosen)
    posting = _posting(invoice, figures, note_id, new, lead_ids)
    posted = ledger_store.post(conn, [posting, *moves])
    receivables_credit_notes.refund_leads(conn, lead_ids, now=now)
    settled = [Settlement("credit_note", figures.to_due, credit_note_id=note_id)] if figures.to_due > 0 else []
    is_whole = len(chosen) == sum(not line.is_credited for line in lines)
    invoice = settlement.settle(conn, invoice, settled, cancels=is_whole, now=now)
    if figures.to_wallet > 0:
        debts.from_wallet(conn, invoice.buyer_id, actor=actor, now=now)
    return CreditNote(
        credit_note_id=note_id,
        number=number,
        invoice_id=invoice.invoice_id,
        buyer_id=invoice.buyer_id,
        lead_ids=tuple(lead_ids),
        currency=invoice.currency,
        net=figures.net,
        tax=figures.tax,
        total=figures.total,
        to_due=figures.to_due,
        to_wallet=figures.to_wallet,
        invoice_status=invoice.status,
        transaction_id=posted[posting.key],
        events=(_issued(note_id, invoice, now),),
    )


def _posting(
    invoice: Invoice, figures: Credit, note_id: int, new: NewCreditNote, lead_ids: Sequence[int]
) -> Transaction:
    return Transaction(
        key=f"credit_note:{new.number}",
        kind="credit_note",
        currency=invoice.currency,
        occurred_at=new.issued_at,
        actor=new.actor,
        entries=figures.entries,
        buyer_id=invoice.buyer_id,
        invoice_id=invoice.invoice_id,
        credit_note_id=note_id,
        lead_id=lead_ids[0] if len(lead_ids) == 1 else None,
    )


def _issued(note_id: int, invoice: Invoice, now: datetime) -> Event:
    ids: dict[str, int | str] = {
        "credit_note_id": note_id,
        "buyer_id": invoice.buyer_id,
        "invoice_id": invoice.invoice_id,
    }
    return Event(Topic.CREDIT_NOTE_ISSUED, now, ids=ids)


def _billed(conn: Connection[Any], invoice: Invoice) -> Billed:
    net, tax = receivables_credit_notes.credited(conn, invoice.invoice_id)
    return Billed(
        subtotal=invoice.subtotal,
        tax=invoice.tax,
        tax_rate=invoice.tax_rate,
        currency=invoice.currency,
        credited_net=net,
        credited_tax=tax,
        due=invoice.due,
    )


def _audit(
    conn: Connection[Any], action: str, made: CreditNote, reason: str, note: str | None, actor: Actor, now: datetime
) -> None:
    after = {
        "credit_note": made.number,
        "lead_ids": list(made.lead_ids),
        "total": str(made.total),
        "reason": reason,
        "note": note,
        "status": made.invoice_status,
    }
    audit_trail_service.record(conn, actor, action, ("invoice", made.invoice_id), None, after, now=now)
