"""HTTP of disputes and credit notes of invoices."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool

from leadgen.access.service import LONGEST_LIST, MOST, Id, buyer_scope, own, party, person, requester
from leadgen.audit_trail.domain import Actor
from leadgen.kernel import remarks
from leadgen.kernel.errors import Refusal
from leadgen.platform import clock, db
from leadgen.platform.log import logger
from leadgen.platform.messaging import bus
from leadgen.platform.web import body
from leadgen.platform.web.app import JsonAnswer
from leadgen.receivables.domain import credit_notes as domain
from leadgen.receivables.domain.credit_notes import WantedCredit
from leadgen.receivables.domain.settlement import DISPUTE_OUTCOMES, DisputeOutcome
from leadgen.receivables.service import credit_notes as receivables_credit_notes
from leadgen.receivables.service import disputes as receivables_disputes
from leadgen.receivables.service.disputes import Disputed
from leadgen.receivables.store import credit_notes as receivables_credit_notes_store
from leadgen.receivables.store import disputes as receivables_disputes_store

router = APIRouter(prefix="/api", dependencies=[Depends(buyer_scope)])

_LONGEST = 1000
IdFilter = Annotated[int | None, Query(ge=1, le=MOST)]


@router.post("/invoices/{invoice_id}/disputes")
async def post_dispute(invoice_id: Id, request: Request) -> JsonAnswer:
    """Say something against an invoice: ``{"reason": "…"}``. Until it is closed nobody reminds of the invoice."""
    buyer_id = party(request)
    fields, _ = await body.fields(request, allow_form=False)
    reason = remarks.read(fields, "reason", longest=_LONGEST)
    return await run_in_threadpool(_open, invoice_id, reason, buyer_id, requester(request))


def _open(invoice_id: int, reason: str, buyer_id: int | None, actor: Actor) -> JsonAnswer:
    with bus.transaction() as transaction:
        made = receivables_disputes.open_(
            transaction.conn, invoice_id, reason=reason, actor=actor, buyer_id=buyer_id, now=clock.now()
        )
    return _answered(made, 201)


@router.post("/disputes/{dispute_id}/close")
async def post_close(dispute_id: Id, request: Request) -> JsonAnswer:
    """End a dispute: ``{"outcome": "upheld", "remark": "…"}``, or rejected, or withdrawn."""
    person(request)
    fields, _ = await body.fields(request, allow_form=False)
    outcome = fields.get("outcome")
    if outcome not in DISPUTE_OUTCOMES or set(fields) - {"outcome", "remark"}:
        raise Refusal(400, "invalid_request", f"send an outcome, one of {', '.join(DISPUTE_OUTCOMES)}, and a remark")
    remark = remarks.text(fields.get("remark"), "remark", longest=_LONGEST)
    return await run_in_threadpool(_close, dispute_id, outcome, remark, None, requester(request))


@router.post("/disputes/{dispute_id}/withdraw")
async def post_withdraw(dispute_id: Id, request: Request) -> JsonAnswer:
    """Close the dispute of an invoice."""
    buyer_id = party(request)
    return await run_in_threadpool(_close, dispute_id, "withdrawn", None, buyer_id, requester(request))


def _close(
    dispute_id: int, outcome: DisputeOutcome, remark: str | None, buyer_id: int | None, actor: Actor
) -> JsonAnswer:
    with bus.transaction() as transaction:
        closed = receivables_disputes.close(
            transaction.conn,
            dispute_id,
            outcome=outcome,
            remark=remark,
            actor=actor,
            buyer_id=buyer_id,
            now=clock.now(),
        )
    return _answered(closed, 200)


def _answered(disputed: Disputed, status: int) -> JsonAnswer:
    dispute = disputed.dispute
    about = {"dispute_id": dispute.dispute_id, "invoice_id": dispute.invoice_id, "outcome": dispute.outcome}
    logger.info("invoice.disputed", extra={**about, "repeated": disputed.is_repeated})
    shown = {**asdict(dispute), "invoice_status": disputed.invoice_status, "repeated": disputed.is_repeated}
    return JsonAnswer(shown, status)


@router.get("/disputes")
def get_disputes(request: Request, buyer_id: IdFilter = None) -> JsonAnswer:
    """Disputes, the open ones first; a buyer's are its own."""
    whose = own(request, buyer_id)
    with db.current().connection() as conn:
        found = receivables_disputes_store.listed(conn, buyer_id=whose, limit=LONGEST_LIST)
    return JsonAnswer({"disputes": [asdict(one) for one in found]})


@router.post("/invoices/{invoice_id}/credits")
async def post_credit(invoice_id: Id, request: Request) -> JsonAnswer:
    """Credit leads of an issued invoice: ``{"lead_ids": [17], "reason": "billing_error", "note": "…"}``."""
    person(request)
    fields, _ = await body.fields(request, allow_form=False)
    return await run_in_threadpool(_credit, invoice_id, domain.read(fields), requester(request))


def _credit(invoice_id: int, wanted: WantedCredit, actor: Actor) -> JsonAnswer:
    with bus.transaction() as transaction:
        made = receivables_credit_notes.enter(
            transaction.conn,
            invoice_id,
            wanted.lead_ids,
            reason=wanted.reason,
            note=wanted.note,
            actor=actor,
            now=clock.now(),
        )
        transaction.announce(made.events)
    logger.info("credit_note.issued", extra={"credit_note_id": made.credit_note_id, "invoice_id": invoice_id})
    shown: Mapping[str, object] = {name: value for name, value in asdict(made).items() if name != "events"}
    return JsonAnswer(shown, 201)


@router.get("/credit-notes")
def get_credit_notes(request: Request, buyer_id: IdFilter = None) -> JsonAnswer:
    """Credit notes, the latest first; a buyer's are its own."""
    whose = own(request, buyer_id)
    with db.current().connection() as conn:
        found = receivables_credit_notes_store.listed(conn, buyer_id=whose, limit=LONGEST_LIST)
    return JsonAnswer({"credit_notes": [asdict(one) for one in found]})
