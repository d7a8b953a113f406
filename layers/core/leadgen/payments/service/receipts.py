"""Records a received payment once, splits it over invoice, debts and wallet, posts and settles it; and undoes one."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection

from leadgen.audit_trail import service as audit_trail_service
from leadgen.audit_trail.domain import Actor
from leadgen.buyers import store as buyers_store
from leadgen.kernel import amounts
from leadgen.kernel.errors import Refusal
from leadgen.kernel.events import Event, Topic
from leadgen.kernel.money import NOTHING
from leadgen.ledger import store as ledger_store
from leadgen.ledger.domain import Transaction
from leadgen.payments.domain import payments as domain
from leadgen.payments.domain.payments import Method, Payment, Split
from leadgen.payments.store import payments as store
from leadgen.payments.store.payments import NewPayment
from leadgen.receivables.domain.settlement import OPEN, Invoice, Settlement
from leadgen.receivables.service import debts as receivables_debts
from leadgen.receivables.service import settlement
from leadgen.receivables.store import debts as receivables_debts_store
from leadgen.receivables.store import settlements

# Those that a payment can still pay something of.


@dataclass(frozen=True)
class Received:
    """Money received from a buyer: for an invoice, or prepaid. ``payment_id`` is a pending payment that came true."""

    buyer_id: int
    invoice_id: int | None
    method: Method
    amount: Decimal
    currency: str
    received_at: datetime
    actor: str
    reference: str | None = None
    note: str | None = None
    provider_id: str | None = None
    idempotency_key: str | None = None
    payment_id: int | None = None


@dataclass(frozen=True)
class Receipt:
    """What became of a payment; ``is_repeated`` is that it was on record. The events are the caller's to announce."""

    payment_id: int
    invoice_id: int | None
    to_invoice: Decimal
    to_debt: Decimal
    to_wallet: Decimal
    invoice_status: str | None
    is_repeated: bool
    events: tuple[Event, ...] = ()


def receive(conn: Connection[Any], received: Received, *, now: datetime, anyway: bool = False) -> Receipt:
    """Record a payment, once. Locks the buyer. With ``anyway`` the provider has the money already: what the invoice
    cannot take pays debts and is prepaid.

    Raises Refusal 400 ``invalid_amount``, 404 for a buyer or an invoice that there is none of, and 409
    ``wrong_currency``, ``invoice_not_payable``, and ``payment_differs`` where its key, its id or the provider's id is
    on record with something else.
    """
    buyers_store.lock(conn, [received.buyer_id])
    money = ledger_store.money(conn, [received.buyer_id]).get(received.buyer_id)
    if money is None:
        raise Refusal.missing("buyer", received.buyer_id)
    received = replace(received, amount=amounts.exact(received.amount, received.currency))
    before = _known(conn, received)
    if before is not None and before.status in ("succeeded", "undone"):
        return _repeated(conn, before)
    if received.currency != money.currency:
        raise wrong_currency(received.buyer_id, money.currency, received.currency)
    invoice = _invoice(conn, received, anyway=anyway)
    takes = invoice.due if invoice is not None and invoice.status in OPEN else NOTHING
    split = domain.split(
        received.amount, invoice_takes=takes, debts=receivables_debts_store.debts(conn, received.buyer_id)
    )
    payment_id = _record(conn, before, received, invoice, split, now=now)
    if payment_id is None:  # taken meanwhile, under another buyer's lock
        raise _differs()
    ledger_store.post(conn, [_posting(payment_id, received, invoice, split, now)])
    receivables_debts_store.repay(conn, split.repaid, now=now)
    if invoice is not None and split.to_invoice > 0:
        invoice = settlement.settle(
            conn, invoice, [Settlement("payment", split.to_invoice, payment_id=payment_id)], now=now
        )
        store.set_last_method(conn, invoice.invoice_id, method=received.method, reference=_reference(received))
    invoice_id = None if invoice is None else invoice.invoice_id
    ids: dict[str, int | str] = {"payment_id": payment_id, "buyer_id": received.buyer_id}
    if invoice_id is not None:
        ids["invoice_id"] = invoice_id
    return Receipt(
        payment_id=payment_id,
        invoice_id=invoice_id,
        to_invoice=split.to_invoice,
        to_debt=split.to_debt,
        to_wallet=split.to_wallet,
        invoice_status=None if invoice is None else invoice.status,
        is_repeated=False,
        events=(Event(Topic.PAYMENT_RECEIVED, now, ids=ids),),
    )


def wrong_currency(buyer_id: int, currency: str, given: str) -> Refusal:
    """The reason for money in another currency than its buyer's."""
    return Refusal(
        409, "wrong_currency", f"buyer {buyer_id} pays in {currency}, not in {given}", {"currency": currency}
    )


def _known(conn: Connection[Any], received: Received) -> Payment | None:
    """The payment on record that this one is, or comes true. Raises Refusal 409 where it is another."""
    found = store.known(
        conn,
        payment_id=received.payment_id,
        provider_id=received.provider_id,
        idempotency_key=received.idempotency_key,
    )
    if not found:
        return None
    payment = store.get(conn, found[0])
    assert payment is not None  # it was there, and payments are never deleted
    if len(found) > 1 or not _is_same(received, payment):
        raise _differs(payment)
    return payment


def _is_same(received: Received, known: Payment) -> bool:
    # The provider may name an invoice that could not be named before; a person enters all of it again.
    of_a_person = received.provider_id is None and received.payment_id is None
    return (
        (received.buyer_id, received.amount, received.currency, received.method)
        == (known.buyer_id, known.amount, known.currency, known.method)
        and known.provider_id in (None, received.provider_id)
        and (not of_a_person or received.invoice_id == known.invoice_id)
    )


def _differs(known: Payment | None = None) -> Refusal:
    details = {} if known is None else {"payment_id": known.payment_id, "status": known.status}
    what = "this payment" if known is None else f"payment {known.payment_id}"
    return Refusal(
        409,
        "payment_differs",
        f"{what} is on record with another buyer, invoice, amount, currency, method or id of the provider's: one "
        "Idempotency-Key names one payment",
        details,
    )


def _repeated(conn: Connection[Any], known: Payment) -> Receipt:
    status = (
        None if known.invoice_id is None else settlements.invoices(conn, [known.invoice_id])[known.invoice_id].status
    )
    return Receipt(
        payment_id=known.payment_id,
        invoice_id=known.invoice_id,
        to_invoice=known.to_invoice,
        to_debt=known.to_debt,
        to_wallet=known.to_wallet,
        invoice_status=status,
        is_repeated=True,
    )


def _invoice(conn: Connection[Any], received: Received, *, anyway: bool) -> Invoice | None:
    """The invoice that the payment is for. Raises Refusal 404 and 409 where it cannot be and the money is not here."""
    if received.invoice_id is None:
        return None
    invoice = settlements.invoices(conn, [received.invoice_id]).get(received.invoice_id)
    if invoice is None or invoice.buyer_id != received.buyer_id:
        if anyway:
            return None
        raise Refusal(404, "not_found", f"buyer {received.buyer_id} has no invoice {received.invoice_id}")
    if invoice.status not in OPEN and not anyway:
        raise Refusal(
            409,
            "invoice_not_payable",
            f"invoice {invoice.number or invoice.invoice_id} is {_why_not(invoice)}",
            {"status": invoice.status},
        )
    return invoice


def _why_not(invoice: Invoice) -> str:
    match invoice.status:
        case "draft":
            return "a draft: it is paid when it is issued"
        case "paid":
            return "paid: record more money as a top-up"
        case _:
            why = "written off: undo that first" if invoice.written_off > 0 else "record the money as a top-up"
            return f"cancelled: {why}"


def _record(
    conn: Connection[Any],
    before: Payment | None,
    received: Received,
    invoice: Invoice | None,
    split: Split,
    *,
    now: datetime,
) -> int | None:
    if before is None:
        new = NewPayment(
            buyer_id=received.buyer_id,
            invoice_id=None if invoice is None else invoice.invoice_id,
            method=received.method,
            amount=received.amount,
            currency=received.currency,
            received_at=received.received_at,
            provider_id=received.provider_id,
            reference=received.reference,
            note=received.note,
            actor=received.actor,
            idempotency_key=received.idempotency_key,
        )
        return store.add(conn, new, split)
    store.succeed(
        conn,
        before.payment_id,
        split,
        invoice_id=None if invoice is None else invoice.invoice_id,
        provider_id=received.provider_id,
        reference=received.reference,
        received_at=received.received_at,
        now=now,
    )
    return before.payment_id


def _reference(received: Received) -> str | None:
    return received.provider_id or received.reference


def _posting(payment_id: int, received: Received, invoice: Invoice | None, split: Split, now: datetime) -> Transaction:
    return Transaction(
        key=f"payment:{payment_id}",
        kind="payment",
        currency=received.currency,
        occurred_at=now,
        actor=received.actor,
        entries=split.entries,
        buyer_id=received.buyer_id,
        invoice_id=invoice.invoice_id if invoice is not None and split.to_invoice > 0 else None,
        payment_id=payment_id,
    )


def undo(conn: Connection[Any], payment_id: int, *, reason: str, actor: Actor, now: datetime) -> Receipt:
    """Take back a payment that was entered by mistake, or a check that bounced: its invoice and the debts that it paid
    are open again, and the wallet gives the rest. Locks the buyer. Said again, nothing moves.

    Raises Refusal 404, and 409 ``payment_not_undoable`` or ``wallet_too_low``.
    """
    buyer_id = store.buyer_of(conn, payment_id)
    if buyer_id is None:
        raise Refusal.missing("payment", payment_id)
    buyers_store.lock(conn, [buyer_id])
    payment = store.get(conn, payment_id)
    assert payment is not None  # it was there, and payments are never deleted
    invoice = (
        None if payment.invoice_id is None else settlements.invoices(conn, [payment.invoice_id])[payment.invoice_id]
    )
    is_repeated = payment.status == "undone"
    if not is_repeated:
        invoice = _take_back(conn, payment, invoice, reason, actor.name, now)
        before, after = {"status": payment.status}, {"status": "undone", "reason": reason}
        audit_trail_service.record(conn, actor, "payment.undo", ("payment", payment_id), before, after, now=now)
    return Receipt(
        payment_id=payment_id,
        invoice_id=payment.invoice_id,
        to_invoice=payment.to_invoice,
        to_debt=payment.to_debt,
        to_wallet=payment.to_wallet,
        invoice_status=None if invoice is None else invoice.status,
        is_repeated=is_repeated,
    )


def _take_back(
    conn: Connection[Any], payment: Payment, invoice: Invoice | None, reason: str, actor: str, now: datetime
) -> Invoice | None:
    """Undo a payment under its buyer's lock; its invoice as that leaves it."""
    payment_id, buyer_id = payment.payment_id, payment.buyer_id
    undoing = domain.undo(
        payment,
        invoice_status=None if invoice is None else invoice.status,
        debts=receivables_debts_store.debts(conn, buyer_id)[::-1],
        wallet=ledger_store.money(conn, [buyer_id])[buyer_id].wallet,
    )
    store.undo(conn, payment_id, now=now)
    posting = Transaction(
        key=f"payment_undone:{payment_id}",
        kind="payment_undone",
        currency=payment.currency,
        occurred_at=now,
        actor=actor,
        entries=undoing.entries,
        buyer_id=buyer_id,
        invoice_id=payment.invoice_id if undoing.from_invoice > 0 else None,
        payment_id=payment_id,
        note=reason,
    )
    ledger_store.post(conn, [posting])
    receivables_debts_store.repay(conn, undoing.reopened, now=now)
    if undoing.reopened:
        receivables_debts.from_wallet(conn, buyer_id, actor=actor, now=now)
    if invoice is None or undoing.from_invoice <= 0:
        return invoice
    taken_back = Settlement("payment_undone", -undoing.from_invoice, payment_id=payment_id)
    return settlement.settle(conn, invoice, [taken_back], now=now)
