"""Carries out an operator's decision on an invoice: issue or cancel a draft, note a promise to pay."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from psycopg import Connection

from leadgen.audit_trail import service as audit_trail_service
from leadgen.audit_trail.domain import Actor
from leadgen.invoicing.service import issue
from leadgen.invoicing.store import invoices as store
from leadgen.kernel import calendar
from leadgen.kernel.errors import Refusal
from leadgen.kernel.events import Event
from leadgen.receivables.domain.settlement import PAYABLE_ONLINE, Invoice
from leadgen.receivables.service import credit_notes, overdue, settlement
from leadgen.receivables.store import invoices as receivables_invoices

_LONGEST_REASON = 500
_LONGEST_PROMISE = timedelta(days=366)


@dataclass(frozen=True)
class InvoiceDecided:
    """What a decision made of an invoice; ``is_repeated`` is that it was so already. The events are the caller's to
    announce, in the same transaction.
    """

    invoice: receivables_invoices.InvoiceHead
    is_repeated: bool
    events: tuple[Event, ...] = ()


def approve(conn: Connection[Any], invoice_id: int, actor: Actor, *, now: datetime) -> InvoiceDecided:
    """Issue a draft in the caller's transaction. Raises Refusal 404, and 409 ``invoice_cancelled`` or
    ``nothing_to_invoice``.
    """
    invoice = settlement.lock_invoice(conn, invoice_id)
    if invoice.status == "cancelled":
        raise Refusal(409, "invoice_cancelled", f"invoice {invoice_id} is cancelled: its leads go on the next one")
    if invoice.status != "draft":
        return _decided(conn, invoice_id, is_repeated=True)
    if not store.lines(conn, invoice_id):
        message = f"invoice {invoice_id} has no lead left on it, as all were returned: cancel it"
        raise Refusal(409, "nothing_to_invoice", message)
    events = issue.finalize(conn, [invoice_id], actor=actor.name, now=now)
    decided = _decided(conn, invoice_id, events=tuple(events))
    after = {"status": decided.invoice.status, "number": decided.invoice.invoice_number}
    _audit(conn, "invoice.approve", invoice, after, actor, now)
    return decided


def cancel(
    conn: Connection[Any], invoice_id: int, reason: str | None, actor: Actor, *, now: datetime
) -> InvoiceDecided:
    """Cancel an invoice in the caller's transaction: the leads of a draft are free for the next invoice; one that is
    issued is credited in full. Raises Refusal 404, 409, and 400 for a reason that is too long.
    """
    if reason is not None and len(reason) > _LONGEST_REASON:
        raise Refusal(400, "invalid_request", f"reason: has at most {_LONGEST_REASON} characters")
    invoice = settlement.lock_invoice(conn, invoice_id)
    if invoice.status == "cancelled":
        return _decided(conn, invoice_id, is_repeated=True)
    if invoice.status != "draft":
        if not reason:
            raise Refusal(
                400, "invalid_request", f"reason: invoice {invoice.number} is issued: say why it is cancelled"
            )
        credited = credit_notes.cancel(conn, invoice_id, note=reason, actor=actor, now=now)
        return _decided(conn, invoice_id, events=credited.events)
    store.cancel_draft(conn, invoice_id, reason=reason, now=now)
    _audit(conn, "invoice.cancel", invoice, {"status": "cancelled", "reason": reason}, actor, now)
    return _decided(conn, invoice_id)


def promise(
    conn: Connection[Any], invoice_id: int, until: date | None, actor: Actor, *, now: datetime
) -> InvoiceDecided:
    """Keep that the buyer pays an invoice by a day of its market, that day included; None takes the promise back. Until
    then nobody is reminded of it, nor gets no leads because of it.

    Raises Refusal 404, 400 for a day that is over or more than a year away, 409 where nothing is to be paid.
    """
    invoice = settlement.lock_invoice(conn, invoice_id)
    if invoice.status not in PAYABLE_ONLINE:
        message = f"invoice {invoice_id} is {invoice.status}: only one that is sent or overdue can be promised"
        raise Refusal(409, "invoice_not_open", message)
    ends = None if until is None else _end_of(until, invoice, now)
    before = receivables_invoices.by_id(conn, [invoice_id])[0].promised_until
    if before == ends:
        return _decided(conn, invoice_id, is_repeated=True)
    store.promise(conn, invoice_id, ends, now=now)
    overdue.review(conn, [invoice.buyer_id], now=now)
    _audit(conn, "invoice.promise", invoice, {"until": None if until is None else until.isoformat()}, actor, now)
    return _decided(conn, invoice_id)


def _end_of(day: date, invoice: Invoice, now: datetime) -> datetime:
    """The first instant after a day of the invoice's market."""
    ends = calendar.day_after(day, invoice.timezone)
    if not now < ends <= now + _LONGEST_PROMISE:
        raise Refusal(400, "invalid_request", f"until: {day} is over, or more than a year away")
    return ends


def _decided(
    conn: Connection[Any], invoice_id: int, *, is_repeated: bool = False, events: tuple[Event, ...] = ()
) -> InvoiceDecided:
    return InvoiceDecided(receivables_invoices.by_id(conn, [invoice_id])[0], is_repeated, events)


def _audit(
    conn: Connection[Any],
    action: str,
    before: Invoice,
    after: Mapping[str, str | None],
    actor: Actor,
    now: datetime,
) -> None:
    row = ("invoice", before.invoice_id)
    audit_trail_service.record(conn, actor, action, row, {"status": before.status}, after, now=now)
