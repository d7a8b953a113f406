"""HTTP of the review queue: what waits for an operator, and the operator's verdict on a lead or a delivery."""

from collections.abc import Mapping
from dataclasses import asdict
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool

from leadgen.access.service import LONGEST_LIST, deciding_operator, operator
from leadgen.audit_trail.domain import Actor
from leadgen.delivery.domain import verdicts
from leadgen.delivery.service import history
from leadgen.platform import clock, db
from leadgen.platform.log import logger
from leadgen.platform.messaging import bus
from leadgen.platform.web import body
from leadgen.platform.web.app import JsonAnswer
from leadgen.review import domain, service
from leadgen.review.store import leads

router = APIRouter(dependencies=[Depends(operator)])


@router.get("/api/review")
def get_review() -> JsonAnswer:
    """The leads and deliveries that wait for an operator, longest waiting first."""
    with db.current().connection() as conn:
        held = leads.waiting(conn, limit=LONGEST_LIST)
        waiting = history.in_review(conn, limit=LONGEST_LIST)
    return JsonAnswer(
        {
            "leads": [asdict(lead) for lead in held],
            "deliveries": [history.as_json(delivery_history) for delivery_history in waiting],
        }
    )


@router.post("/api/leads/{lead_id}/review")
async def post_lead_review(lead_id: int, request: Request) -> JsonAnswer:
    """An operator's verdict on a lead in review: release it, or reject it."""
    actor = deciding_operator(request)
    fields, _ = await body.fields(request, allow_form=False)
    return JsonAnswer(await run_in_threadpool(_decide_on_lead, lead_id, domain.read(fields), actor))


def _decide_on_lead(lead_id: int, verdict: domain.LeadVerdict, actor: Actor) -> Mapping[str, object]:
    with bus.transaction() as transaction:
        decided = service.on_lead(transaction.conn, lead_id, verdict, actor, now=clock.now())
        transaction.announce([decided.event])
    about = {"lead_id": lead_id, "verdict": decided.verdict}
    logger.info("reviewed", extra={**about, "trace_id": decided.event.trace_id})
    return {**about, "status": decided.status}


@router.post("/api/deliveries/{delivery_id}/review")
async def post_delivery_review(delivery_id: UUID, request: Request) -> JsonAnswer:
    """An operator's verdict on a delivery in review: redeliver, assign, return, reject, or succeeded."""
    actor = deciding_operator(request)
    fields, _ = await body.fields(request, allow_form=False)
    verdict = verdicts.read(fields)
    return JsonAnswer(await run_in_threadpool(_decide_on_delivery, str(delivery_id), verdict, actor))


def _decide_on_delivery(delivery_id: str, verdict: verdicts.DeliveryVerdict, actor: Actor) -> Mapping[str, object]:
    with bus.transaction() as transaction:
        decided = service.on_delivery(transaction.conn, delivery_id, verdict, actor, now=clock.now())
        transaction.announce(decided.events)
    about = {"delivery_id": delivery_id, "lead_id": decided.lead_id, "verdict": decided.verdict}
    logger.info("reviewed", extra={**about, "repeated": decided.is_repeated, "trace_id": decided.trace_id})
    return {
        **about,
        "status": decided.status,
        "lead_status": decided.lead_status,
        "outcome_unknown": decided.outcome_unknown,
        "repeated": decided.is_repeated,
    }
