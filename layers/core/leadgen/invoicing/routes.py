"""HTTP of invoices: buyers read their own; operators issue, cancel and note promises."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool

from leadgen.access.service import MOST, buyer_scope, person, requester
from leadgen.audit_trail.domain import Actor
from leadgen.invoicing.service import decisions
from leadgen.invoicing.service.decisions import InvoiceDecided
from leadgen.invoicing.store import failures as invoicing_failures
from leadgen.invoicing.store import invoices
from leadgen.kernel import remarks
from leadgen.kernel.errors import Refusal
from leadgen.platform import clock, db
from leadgen.platform.log import logger
from leadgen.platform.messaging import bus
from leadgen.platform.web import body
from leadgen.platform.web.app import JsonAnswer
from leadgen.receivables.store import dunning
from leadgen.receivables.store.invoices import InvoiceHead

STATUSES = ("draft", "sent", "paid", "overdue", "disputed", "cancelled")
_LONGEST_LIST = 200
_ID = re.compile(r"[1-9][0-9]{0,9}")

router = APIRouter(prefix="/api/invoices", dependencies=[Depends(buyer_scope)])


@router.get("")
def get_invoices(request: Request) -> JsonAnswer:
    """The newest invoices first, those of ``status`` and ``buyer_id``; ``before`` goes on below an id. A buyer sees its
    own, once they are issued.
    """
    scope = buyer_scope(request)
    parameters = _parameters(request)
    wanted = _number(parameters, "buyer_id")
    if scope is not None and wanted not in (None, scope):
        raise Refusal.missing("buyer", wanted)
    status = parameters.get("status")
    if status is not None and status not in STATUSES:
        raise Refusal(400, "invalid_request", f"status: {status!r} is none of {', '.join(STATUSES)}")
    with db.current().connection() as conn:
        found = invoices.listed(
            conn,
            status=status,
            buyer_id=wanted if scope is None else scope,
            before=_number(parameters, "before"),
            with_drafts=scope is None,
            limit=_LONGEST_LIST,
        )
        failures = invoicing_failures.listed(conn) if scope is None else []
    answer: dict[str, object] = {"invoices": [asdict(invoice) for invoice in found]}
    if scope is None:
        answer["failures"] = [asdict(failure) for failure in failures]
    return JsonAnswer(answer)


@router.get("/{invoice_id}")
def get_invoice(invoice_id: int, request: Request) -> JsonAnswer:
    """An invoice with its lines, what was settled of it, and the reminders of it."""
    scope = buyer_scope(request)
    with db.current().connection() as conn:
        invoice = invoices.get(conn, invoice_id)
        if invoice is None or not _is_shown(invoice, scope):
            raise Refusal.missing("invoice", invoice_id)
        lines = invoices.lines(conn, invoice_id)
        settlements = invoices.settlements(conn, invoice_id)
        reminders = dunning.notices(conn, invoice_id)
    return JsonAnswer(
        {
            **asdict(invoice),
            "lines": [asdict(line) for line in lines],
            "settlements": [asdict(settled) for settled in settlements],
            "reminders": [asdict(reminder) for reminder in reminders],
        }
    )


@router.post("/{invoice_id}/approve")
def post_approve(invoice_id: int, request: Request) -> JsonAnswer:
    """Issue a draft that waits for it."""
    person(request)
    with bus.transaction() as transaction:
        decided = decisions.approve(transaction.conn, invoice_id, requester(request), now=clock.now())
        transaction.announce(decided.events)
    return _answered("approve", decided)


@router.post("/{invoice_id}/promise")
async def post_promise(invoice_id: int, request: Request) -> JsonAnswer:
    """Keep the day by which the buyer has promised to pay: ``{"until": "2026-07-01"}``, or null for no promise."""
    person(request)
    fields, _ = await body.fields(request, allow_form=False)
    return await run_in_threadpool(_promise, invoice_id, _until(fields), requester(request))


def _promise(invoice_id: int, until: date | None, actor: Actor) -> JsonAnswer:
    with bus.transaction() as transaction:
        decided = decisions.promise(transaction.conn, invoice_id, until, actor, now=clock.now())
    return _answered("promise", decided)


@router.post("/{invoice_id}/cancel")
async def post_cancel(invoice_id: int, request: Request) -> JsonAnswer:
    """Cancel an invoice: a draft's leads are free for the next one, an issued one is credited in full."""
    person(request)
    fields, _ = await body.fields(request, allow_form=False)
    reason = None if fields in ({}, {"reason": None}) else remarks.read(fields, "reason")
    return await run_in_threadpool(_cancel, invoice_id, reason, requester(request))


def _cancel(invoice_id: int, reason: str | None, actor: Actor) -> JsonAnswer:
    with bus.transaction() as transaction:
        decided = decisions.cancel(transaction.conn, invoice_id, reason, actor, now=clock.now())
        transaction.announce(decided.events)
    return _answered("cancel", decided)


def _answered(what: str, decided: InvoiceDecided) -> JsonAnswer:
    about = {"invoice_id": decided.invoice.invoice_id, "decision": what, "repeated": decided.is_repeated}
    logger.info("invoice.decided", extra=about)
    return JsonAnswer({**asdict(decided.invoice), "repeated": decided.is_repeated})


def _is_shown(invoice: InvoiceHead, scope: int | None) -> bool:
    return scope is None or (invoice.buyer_id == scope and invoice.issued_at is not None)


def _parameters(request: Request) -> Mapping[str, str]:
    known = ("status", "buyer_id", "before")
    if strange := sorted(set(request.query_params) - set(known)):
        raise Refusal(400, "invalid_request", f"{', '.join(strange)}: unknown; there are {', '.join(known)}")
    return request.query_params


def _number(parameters: Mapping[str, str], name: str) -> int | None:
    written = parameters.get(name)
    if written is None:
        return None
    if not _ID.fullmatch(written) or int(written) > MOST:
        raise Refusal(400, "invalid_request", f"{name}: {written[:20]!r} is no id")
    return int(written)


def _until(fields: Mapping[str, object]) -> date | None:
    if set(fields) != {"until"}:
        raise Refusal(400, "invalid_request", 'send {"until": "2026-07-01"}, or {"until": null} for no promise')
    until = fields["until"]
    if until is None:
        return None
    try:
        return date.fromisoformat(until if isinstance(until, str) else "")
    except ValueError:
        raise Refusal(400, "invalid_request", f"until: {until!r} is no day: write 2026-07-01") from None
