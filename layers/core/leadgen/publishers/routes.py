"""HTTP of payouts, for operators: list, statement as CSV or PDF, mark as paid."""

from collections.abc import Mapping
from dataclasses import asdict

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from leadgen.access.service import operator, person, requester
from leadgen.audit_trail.domain import Actor
from leadgen.kernel.errors import Refusal
from leadgen.platform import clock, db
from leadgen.platform.log import logger
from leadgen.platform.web import body
from leadgen.platform.web.app import JsonAnswer, attachment
from leadgen.publishers import store
from leadgen.publishers.service import documents, payouts

_LONGEST_LIST = 200

router = APIRouter(dependencies=[Depends(operator)])


@router.get("/api/payouts")
def get_payouts() -> JsonAnswer:
    """The payouts, those not paid yet first."""
    with db.current().connection() as conn:
        found = store.payouts(conn, limit=_LONGEST_LIST)
    return JsonAnswer({"payouts": [asdict(payout) for payout in found]})


@router.get("/api/payouts/{payout_id}")
def get_payout(payout_id: int) -> JsonAnswer:
    """A payout with what each lead has earned, and what went back with leads."""
    with db.current().connection() as conn:
        return JsonAnswer(payouts.statement(conn, payout_id).as_json())


@router.get("/api/payouts/{payout_id}/statement.csv")
def get_statement(payout_id: int) -> Response:
    """The same, for a spreadsheet."""
    with db.current().connection() as conn:
        statement = payouts.statement(conn, payout_id)
    named = attachment(f"{statement.payout.number}.csv")
    return Response(statement.as_csv(), media_type="text/csv; charset=utf-8", headers=named)


@router.get("/api/payouts/{payout_id}/statement.pdf")
def get_statement_pdf(payout_id: int) -> Response:
    """The same, as a letter to the publisher."""
    with db.current().connection() as conn:
        document = documents.document(conn, payout_id)
    headers = attachment(document.filename) | {"ETag": f'"{document.sha256}"'}
    return Response(document.content, media_type=document.media_type, headers=headers)


@router.post("/api/payouts/{payout_id}/paid")
async def post_paid(payout_id: int, request: Request) -> JsonAnswer:
    """Record that a payout was transferred, with the transfer's reference."""
    person(request)
    fields, _ = await body.fields(request, allow_form=False)
    return JsonAnswer(await run_in_threadpool(_pay, payout_id, fields, requester(request)))


def _pay(payout_id: int, fields: Mapping[str, object], actor: Actor) -> Mapping[str, object]:
    unknown = {name: "is no field here; there is reference" for name in fields if name != "reference"}
    if unknown:
        raise Refusal(400, "invalid_request", "; ".join(f"{k}: {v}" for k, v in unknown.items()), {"fields": unknown})
    with db.current().transaction() as conn:
        paid = payouts.pay(conn, payout_id, fields.get("reference"), actor, now=clock.now())
    logger.info("payout.paid", extra={"payout_id": payout_id, "repeated": paid.is_repeated})
    return {**asdict(paid.payout), "repeated": paid.is_repeated}
