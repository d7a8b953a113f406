"""HTTP of intake: a lead as JSON on /api/leads, or as JSON or a form on a landing page's own path."""

import asyncio
import re
from collections import Counter
from dataclasses import asdict

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from leadgen.intake import service
from leadgen.intake.domain import submission
from leadgen.intake.store import Intake
from leadgen.leads.store import leads
from leadgen.leads.store.leads import Answer
from leadgen.platform import clock, db
from leadgen.platform.log import count, logger
from leadgen.platform.web import body
from leadgen.platform.web.app import JsonAnswer

LONGEST_WAIT_SECONDS = 10
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.01, 0.1
_WAIT = re.compile(r"\bwait=(\d{1,6})\b")

router = APIRouter()


@router.post("/api/leads", status_code=202)
async def post_lead(request: Request) -> JsonAnswer:
    """Take a lead in, as JSON."""
    return await _take_in(request, allow_form=False)


@router.post("/{path:path}", status_code=202)
async def post_form(request: Request) -> JsonAnswer:
    """Take a lead in on a landing page's own path, JSON or form-encoded."""
    return await _take_in(request, allow_form=True)


async def _take_in(request: Request, *, allow_form: bool) -> JsonAnswer:
    began = clock.seconds()
    fields, is_form = await body.fields(request, allow_form=allow_form)
    posted = submission.read(fields, is_form=is_form)
    identification = service.identify(request, posted)
    post = service.statement_input(request, posted, identification)
    taken = await run_in_threadpool(service.take_in, post, identification)
    assert taken.answer is not None
    mismatch = taken.content_hash != post["content_hash"]
    _log(taken, taken.answer, mismatch, str(post["trace_id"]), (clock.seconds() - began) * 1000)
    headers = {} if taken.created else {"Idempotency-Replayed": "true"}
    if mismatch:
        headers["Idempotency-Mismatch"] = "true"
    answer = await _settled(taken.answer, _wait_seconds(request))
    shown = asdict(answer)
    del shown["settled"]
    return JsonAnswer(shown, 202, headers)


def _log(taken: Intake, answer: Answer, mismatch: bool, trace_id: str, milliseconds: float) -> None:
    outcome = "received" if taken.created else "replayed"
    logger.info(
        outcome,
        extra={
            "stage": "ingest",
            "lead_id": answer.lead_id,
            "source_id": answer.source_id,
            "offer_id": answer.offer_id,
            "mismatch": mismatch,
            "trace_id": trace_id,
            "milliseconds": round(milliseconds, 1),
        },
    )
    count("ingest", Counter([outcome, *(["mismatch"] if mismatch else [])]), milliseconds)


def _wait_seconds(request: Request) -> int:
    wanted = _WAIT.search(request.headers.get("prefer", ""))
    return min(int(wanted[1]), LONGEST_WAIT_SECONDS) if wanted else 0


async def _settled(answer: Answer, wait_seconds: int) -> Answer:
    """The lead's answer once its stages are through, or as it stands after ``wait_seconds``."""
    deadline = clock.seconds() + wait_seconds
    pause = _FIRST_PAUSE_SECONDS
    while not answer.settled and clock.seconds() + pause < deadline:
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
        try:
            answer = await run_in_threadpool(_load, answer.lead_id)
        except db.DatabaseAway:  # the lead is stored: its poster gets that answer, whatever cannot be read now
            break
    return answer


def _load(lead_id: int) -> Answer:
    with db.current().connection() as conn:
        answer = leads.answer(conn, lead_id)
    assert answer is not None
    return answer
