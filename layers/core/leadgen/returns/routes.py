"""HTTP of lead returns: buyers request them, operators decide; and the return rates."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool

from leadgen.access.service import LONGEST_LIST, MOST, Id, buyer_scope, operator, own, party, person, requester
from leadgen.audit_trail.domain import Actor
from leadgen.kernel.errors import Refusal
from leadgen.platform import clock, db
from leadgen.platform.log import logger
from leadgen.platform.messaging import bus
from leadgen.platform.web import body
from leadgen.platform.web.app import JsonAnswer
from leadgen.returns.domain import rules
from leadgen.returns.domain.rules import ReturnRequest, ReturnVerdict
from leadgen.returns.service import returns as service
from leadgen.returns.service.returns import Returned
from leadgen.returns.store import rates
from leadgen.returns.store import returns as returns_store

router = APIRouter(prefix="/api", dependencies=[Depends(buyer_scope)])

_STATUSES = ("requested", "approved", "rejected")
_AN_ORDINARY_TIME = timedelta(days=30)


@router.post("/leads/{lead_id}/return")
async def post_return(lead_id: Id, request: Request) -> JsonAnswer:
    """Give a lead back: ``{"reason": "duplicate", "note": "…"}``. A buyer's is approved at once where its policy allows
    it and the platform's records prove the reason, else it waits; an operator's needs a note, and is approved.
    """
    buyer_id = party(request)
    fields, _ = await body.fields(request, allow_form=False)
    return await run_in_threadpool(_return, lead_id, rules.read_request(fields), buyer_id, requester(request))


def _return(lead_id: int, wanted: ReturnRequest, buyer_id: int | None, actor: Actor) -> JsonAnswer:
    now = clock.now()
    with bus.transaction() as transaction:
        transaction.announce(service.bill_first(transaction.conn, lead_id, buyer_id=buyer_id, now=now))
    with bus.transaction() as transaction:
        made = service.request(transaction.conn, lead_id, wanted, actor=actor, buyer_id=buyer_id, now=now)
        transaction.announce(made.events)
    return _answered("requested", made, 201)


@router.post("/returns/{return_id}/decision")
async def post_decision(return_id: Id, request: Request) -> JsonAnswer:
    """An operator's verdict on a return that waits: ``{"verdict": "approve", "remark": "…"}``, or reject."""
    person(request)
    fields, _ = await body.fields(request, allow_form=False)
    return await run_in_threadpool(_decide, return_id, rules.read_verdict(fields), requester(request))


def _decide(return_id: int, verdict: ReturnVerdict, actor: Actor) -> JsonAnswer:
    with bus.transaction() as transaction:
        decided = service.decide(transaction.conn, return_id, verdict, actor=actor, now=clock.now())
        transaction.announce(decided.events)
    return _answered("decided", decided, 200)


def _answered(what: str, returned: Returned, status: int) -> JsonAnswer:
    stored = returned.stored
    about = {"return_id": stored.return_id, "lead_id": stored.lead_id, "status": stored.status}
    logger.info(f"return.{what}", extra={**about, "repeated": returned.is_repeated})
    return JsonAnswer({**asdict(stored), "repeated": returned.is_repeated}, status)


@router.get("/returns")
def get_returns(
    request: Request, status: str | None = None, buyer_id: Annotated[int | None, Query(ge=1, le=MOST)] = None
) -> JsonAnswer:
    """Returns, those that wait first; a buyer's are its own."""
    if status is not None and status not in _STATUSES:
        raise Refusal(400, "invalid_request", f"status: {status!r} is none of {', '.join(_STATUSES)}")
    whose = own(request, buyer_id)
    with db.current().connection() as conn:
        found = returns_store.listed(conn, buyer_id=whose, status=status, limit=LONGEST_LIST)
    return JsonAnswer({"returns": [asdict(one) for one in found]})


@router.get("/reports/returns")
def get_rates(request: Request, since: str | None = None, until: str | None = None) -> JsonAnswer:
    """How much of what was billed in some time, the last 30 days by default, is given back: by buyer and by
    source.
    """
    operator(request)
    end = _instant("until", until) or clock.now()
    begin = _instant("since", since) or end - _AN_ORDINARY_TIME
    with db.current().connection() as conn:
        buyers = rates.by_buyer(conn, since=begin, until=end)
        sources = rates.by_source(conn, since=begin, until=end)
    return JsonAnswer({
        "since": begin, "until": end,
        "buyers": [asdict(one) for one in buyers], "sources": [asdict(one) for one in sources],
    })  # fmt: skip


def _instant(name: str, written: str | None) -> datetime | None:
    if written is None:
        return None
    try:
        instant = datetime.fromisoformat(written)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or not 2000 <= instant.year < 3000:
        raise Refusal(400, "invalid_request", f"{name}: {written!r} is no instant such as 2026-06-17T00:00:00Z")
    return instant
