"""HTTP of payments, refunds and top-ups: operators enter them, buyers read their own."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool

from leadgen.access.service import LONGEST_LIST, MOST, Id, buyer_scope, operator, own, person, requester
from leadgen.audit_trail.domain import Actor
from leadgen.kernel import remarks
from leadgen.kernel.errors import Refusal
from leadgen.ledger import store as ledger_store
from leadgen.payments.domain import entries as domain
from leadgen.payments.service import entries as payments_entries
from leadgen.payments.service import receipts
from leadgen.payments.service.receipts import Receipt
from leadgen.payments.store import chargebacks, payments, refunds, wallets
from leadgen.platform import clock, db
from leadgen.platform.log import logger
from leadgen.platform.messaging import bus
from leadgen.platform.web import body
from leadgen.platform.web.app import JsonAnswer
from leadgen.receivables.service import write_offs
from leadgen.receivables.service.write_offs import WrittenOff

router = APIRouter(prefix="/api", dependencies=[Depends(buyer_scope)])

IdFilter = Annotated[int | None, Query(ge=1, le=MOST)]


@router.post("/invoices/{invoice_id}/payments")
async def post_payment(invoice_id: Id, request: Request) -> JsonAnswer:
    """Record money that came in for an invoice: ``{"amount": "45.00", "method": "check", "reference": "1077"}``. What
    the invoice does not need is prepaid. The header ``Idempotency-Key`` makes it once.
    """
    person(request)
    fields, _ = await body.fields(request, allow_form=False, exact=True)
    key = domain.read_key(request.headers.get("idempotency-key"))
    return await run_in_threadpool(_enter, payments_entries.payment, invoice_id, fields, key, requester(request))


@router.post("/buyers/{buyer_id}/top-ups")
async def post_top_up(buyer_id: Id, request: Request) -> JsonAnswer:
    """Record money that a buyer prepaid; written as a payment of an invoice is."""
    person(request)
    fields, _ = await body.fields(request, allow_form=False, exact=True)
    key = domain.read_key(request.headers.get("idempotency-key"))
    return await run_in_threadpool(_enter, payments_entries.top_up, buyer_id, fields, key, requester(request))


def _enter(
    enter: Callable[..., Receipt], paid: int, fields: Mapping[str, object], key: str, actor: Actor
) -> JsonAnswer:
    now = clock.now()
    entry = domain.read_payment(fields, now=now)
    with bus.transaction() as transaction:
        receipt = enter(transaction.conn, paid, entry, key=key, actor=actor, now=now)
        transaction.announce(receipt.events)
    about = {"payment_id": receipt.payment_id, "invoice_id": receipt.invoice_id, "repeated": receipt.is_repeated}
    logger.info("payment.recorded", extra=about)
    return JsonAnswer(
        {
            **about,
            "to_invoice": receipt.to_invoice,
            "to_debt": receipt.to_debt,
            "to_wallet": receipt.to_wallet,
            "invoice_status": receipt.invoice_status,
        },
        200 if receipt.is_repeated else 201,
    )


@router.post("/payments/{payment_id}/undo")
async def post_undo(payment_id: Id, request: Request) -> JsonAnswer:
    """Take back a payment that was entered by mistake, or a check that bounced: ``{"reason": "…"}``."""
    person(request)
    fields, _ = await body.fields(request, allow_form=False)
    return await run_in_threadpool(_undo, payment_id, remarks.read(fields, "reason"), requester(request))


def _undo(payment_id: int, reason: str, actor: Actor) -> JsonAnswer:
    with bus.transaction() as transaction:
        undone = receipts.undo(transaction.conn, payment_id, reason=reason, actor=actor, now=clock.now())
    logger.info("payment.undone", extra={"payment_id": payment_id, "repeated": undone.is_repeated})
    return JsonAnswer(
        {
            "payment_id": payment_id,
            "status": "undone",
            "invoice_id": undone.invoice_id,
            "invoice_status": undone.invoice_status,
            "repeated": undone.is_repeated,
        }
    )


@router.post("/payments/{payment_id}/refunds")
async def post_refund(payment_id: Id, request: Request) -> JsonAnswer:
    """Give money of a payment back out of the wallet: ``{"amount": "45.00", "reason": "…"}``. What the provider
    received is pending until that confirms it. The header ``Idempotency-Key`` makes it once.
    """
    person(request)
    fields, _ = await body.fields(request, allow_form=False, exact=True)
    key = domain.read_key(request.headers.get("idempotency-key"))
    return await run_in_threadpool(_refund, payment_id, fields, key, requester(request))


def _refund(payment_id: int, fields: Mapping[str, object], key: str, actor: Actor) -> JsonAnswer:
    entry = domain.read_refund(fields)
    with bus.transaction() as transaction:
        made = payments_entries.refund(transaction.conn, payment_id, entry, key=key, actor=actor, now=clock.now())
        transaction.announce(made.events)
    about = {"refund_id": made.refund_id, "payment_id": payment_id, "repeated": made.is_repeated}
    logger.info("refund.requested", extra=about)
    shown = {**about, "amount": made.amount, "currency": made.currency, "status": made.status}
    return JsonAnswer(shown, 200 if made.is_repeated else 201)


@router.post("/invoices/{invoice_id}/write-off")
async def post_write_off(invoice_id: Id, request: Request) -> JsonAnswer:
    """Give up what is due of an invoice: ``{"reason": "…"}``."""
    person(request)
    fields, _ = await body.fields(request, allow_form=False)
    return await run_in_threadpool(_write_off, invoice_id, remarks.read(fields, "reason"), requester(request))


def _write_off(invoice_id: int, reason: str, actor: Actor) -> JsonAnswer:
    with bus.transaction() as transaction:
        done = write_offs.write_off(transaction.conn, invoice_id, reason=reason, actor=actor, now=clock.now())
    return _written_off(done)


@router.post("/invoices/{invoice_id}/write-off/undo")
async def post_write_off_undo(invoice_id: Id, request: Request) -> JsonAnswer:
    """What was given up is owed again: ``{"reason": "…"}``."""
    person(request)
    fields, _ = await body.fields(request, allow_form=False)
    return await run_in_threadpool(_undo_write_off, invoice_id, remarks.read(fields, "reason"), requester(request))


def _undo_write_off(invoice_id: int, reason: str, actor: Actor) -> JsonAnswer:
    with bus.transaction() as transaction:
        done = write_offs.undo(transaction.conn, invoice_id, reason=reason, actor=actor, now=clock.now())
    return _written_off(done)


def _written_off(done: WrittenOff) -> JsonAnswer:
    logger.info("invoice.written_off", extra={"invoice_id": done.invoice_id, "status": done.invoice_status})
    return JsonAnswer(asdict(done))


@router.get("/payments")
def get_payments(request: Request, buyer_id: IdFilter = None, invoice_id: IdFilter = None) -> JsonAnswer:
    """The latest payments; a buyer's are its own."""
    whose = own(request, buyer_id)
    with db.current().connection() as conn:
        found = payments.listed(conn, buyer_id=whose, invoice_id=invoice_id, limit=LONGEST_LIST)
    return JsonAnswer({"payments": [asdict(one) for one in found]})


@router.get("/refunds")
def get_refunds(request: Request, buyer_id: IdFilter = None) -> JsonAnswer:
    """The latest refunds; a buyer's are its own."""
    whose = own(request, buyer_id)
    with db.current().connection() as conn:
        found = refunds.listed(conn, buyer_id=whose, limit=LONGEST_LIST)
    return JsonAnswer({"refunds": [asdict(one) for one in found]})


@router.get("/chargebacks")
def get_chargebacks(request: Request) -> JsonAnswer:
    """What banks took back, the open ones first."""
    operator(request)
    with db.current().connection() as conn:
        found = chargebacks.listed(conn, limit=LONGEST_LIST)
    return JsonAnswer({"chargebacks": [asdict(one) for one in found]})


@router.get("/buyers/{buyer_id}/wallet")
def get_wallet(buyer_id: Id, request: Request) -> JsonAnswer:
    """A buyer's prepaid money, what it owes, and what moved the wallet, the latest first."""
    own(request, buyer_id)
    with db.current().connection() as conn:
        money = ledger_store.money(conn, [buyer_id]).get(buyer_id)
        if money is None:
            raise Refusal.missing("buyer", buyer_id)
        moves = wallets.history(conn, buyer_id, limit=LONGEST_LIST)
    return JsonAnswer({**asdict(money), "moves": [asdict(move) for move in moves]})
