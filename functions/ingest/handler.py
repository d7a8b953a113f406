"""POST /api/leads, posts on landing paths, health: classify, store once, announce → lead.received."""

import asyncio
import hashlib
import re
import secrets
from collections import Counter
from dataclasses import asdict
from typing import Any

import psycopg
from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from leadgen import VERSION
from leadgen.access.service import bearer, ip_address
from leadgen.intake import store as intake_store
from leadgen.intake.domain import classification, idempotency, submission
from leadgen.intake.domain.classification import Identification, Resolution
from leadgen.intake.domain.submission import Submission
from leadgen.intake.store import Intake
from leadgen.kernel.errors import Refusal
from leadgen.leads.domain import normalization
from leadgen.leads.store import leads
from leadgen.leads.store.leads import Answer
from leadgen.platform import clock, db, settings
from leadgen.platform.log import count, logger
from leadgen.platform.messaging import bus
from leadgen.platform.web import body
from leadgen.platform.web.app import JsonAnswer, build_app, lambda_handler

LONGEST_WAIT_SECONDS = 10
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.01, 0.1
_COUNTRY = re.compile(r"[A-Z]{2}")
_WAIT = re.compile(r"\bwait=(\d{1,6})\b")
_LONGEST_USER_AGENT = 500

app = build_app()
handler = lambda_handler(app)


@app.post("/api/leads", status_code=202)
async def post_lead(request: Request) -> JsonAnswer:
    """Take a lead in, as JSON."""
    return await _take_in(request, allow_form=False)


@app.get("/health")
def health() -> JsonAnswer:
    """The specification's health check."""
    connected = _database_seconds() is not None
    return JsonAnswer(
        {
            "status": "healthy" if connected else "unhealthy",
            "service": "leadgen_api",
            "environment": settings.current().environment,
            "version": VERSION,
            "database": "connected" if connected else "disconnected",
            "timestamp": clock.now(),
        },
        200 if connected else 503,
    )


@app.get("/health/db")
def health_db() -> JsonAnswer:
    """Whether the database answers, and how fast."""
    seconds = _database_seconds()
    if seconds is None:
        return JsonAnswer({"status": "unhealthy", "database": "disconnected"}, 503)
    return JsonAnswer({"status": "healthy", "database": "connected", "milliseconds": round(seconds * 1000, 2)})


@app.get("/health/queues")
def health_queues() -> JsonAnswer:
    """How full every queue and dead-letter queue is, and the age of its oldest message."""
    with db.current().connection() as conn:
        depths = bus.depths(conn)
    dead = [depth.queue for depth in depths if re.search(r"[-_]dlq$", depth.queue) and depth.messages]
    return JsonAnswer({"status": "degraded" if dead else "healthy", "queues": [asdict(depth) for depth in depths]})


@app.post("/{path:path}", status_code=202)
async def post_form(request: Request) -> JsonAnswer:
    """Take a lead in on a landing page's own path, JSON or form-encoded."""
    return await _take_in(request, allow_form=True)


async def _take_in(request: Request, *, allow_form: bool) -> JsonAnswer:
    began = clock.seconds()
    fields, is_form = await body.fields(request, allow_form=allow_form)
    posted = submission.read(fields, is_form=is_form)
    identification = classification.identify(
        source_id=_source_id(request, posted),
        source_key=posted.source_key,
        host=request.headers.get("host"),
        path=request.scope["path"],
    )
    if identification.source_id is not None:
        _require_operator(request)
    post = _statement_input(request, posted, identification)
    taken = await run_in_threadpool(_store, post, identification)
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
    facts = {"lead_id": answer.lead_id, "source_id": answer.source_id, "offer_id": answer.offer_id}
    logger.info(
        outcome,
        extra={
            "stage": "ingest",
            **facts,
            "mismatch": mismatch,
            "trace_id": trace_id,
            "milliseconds": round(milliseconds, 1),
        },
    )
    count("ingest", Counter([outcome, *(["mismatch"] if mismatch else [])]), milliseconds)


def _store(post: dict[str, object], identification: Identification) -> Intake:
    with db.current().connection() as conn:
        try:
            taken = intake_store.take_in(conn, post)
        except psycopg.DataError as error:
            raise Refusal(400, "invalid_request", f"a field cannot be stored: {type(error).__name__}") from None
        classification.refuse_unresolved(identification, Resolution(taken.resolution))
        if not taken.api_key_accepted:
            raise Refusal(401, "invalid_api_key", "this source needs its API key in the X-Api-Key header")
        if taken.rate_limited:
            raise Refusal(429, "rate_limited", "too many posts from this address", {"retry_after_seconds": 60})
        if taken.outbox_id is not None:
            bus.publish(conn, [taken.outbox_id])
        return taken


def _statement_input(request: Request, posted: Submission, identification: Identification) -> dict[str, object]:
    configured = settings.current()
    key = _idempotency_key(request, posted)
    contact = {name: getattr(posted, name) for name in ("name", "email", "phone", "country_code", "postal_code")}
    material = None if key else idempotency.material(**contact, message=posted.message)
    missing = [name for name in ("email", "phone", "postal_code") if not contact[name]]
    if missing:
        raise Refusal(400, "invalid_request", f"{', '.join(missing)} must not be empty", {"missing": missing})
    api_key = request.headers.get("x-api-key")
    content = {
        name: getattr(posted, name)
        for name in (
            "source", "city", "region_code", "message", "utm_source", "utm_medium", "utm_campaign", "consent",
            "gdpr_consent", "attributes",
        )
    }  # fmt: skip
    return {
        **asdict(identification),
        **contact,
        **content,
        "default_source_key": configured.default_source_key,
        "trusted": identification.source_id is not None,
        "salt": secrets.token_hex(16),
        "api_key_hash": hashlib.sha256(api_key.encode()).hexdigest() if api_key else None,
        "rate_limits": {
            kind: limit
            for kind in ("landing_page", "embed_form", "partner_api")
            if (limit := getattr(configured, f"rate_limit_{kind}")) > 0
        },
        "idempotency_key": key,
        "material": material,
        "content_hash": posted.content_hash(),
        "normalized_email": normalization.email(posted.email),
        "normalized_phone": normalization.phone(posted.phone),
        "ip_address": ip_address(request),
        "ip_country": _ip_country(request),
        "user_agent": request.headers.get("user-agent", "")[:_LONGEST_USER_AGENT] or None,
        "trace_id": _trace_id(request),
    }


def _source_id(request: Request, posted: Submission) -> int | None:
    header = request.headers.get("x-source-id")
    if header is None:
        return posted.source_id
    source_id = submission.positive_number(header)
    if source_id is None:
        raise Refusal(400, "invalid_request", "X-Source-Id must be a positive whole number")
    if posted.source_id not in (None, source_id):
        raise Refusal(400, "invalid_request", "X-Source-Id and source_id in the body differ")
    return source_id


def _idempotency_key(request: Request, posted: Submission) -> str | None:
    header = request.headers.get("idempotency-key")
    given = [idempotency.canonicalize(key) for key in (header, posted.idempotency_key) if key is not None]
    if len(set(given)) > 1:
        raise Refusal(400, "invalid_request", "the Idempotency-Key header and idempotency_key in the body differ")
    return given[0] if given else None


def _require_operator(request: Request) -> None:
    if "authorization" not in request.headers:
        raise Refusal(403, "forbidden", "source_id is for operators and systems; partners and pages send source_key")
    bearer(request)


def _wait_seconds(request: Request) -> int:
    wanted = _WAIT.search(request.headers.get("prefer", ""))
    return min(int(wanted[1]), LONGEST_WAIT_SECONDS) if wanted else 0


async def _settled(answer: Answer, wait_seconds: int) -> Answer:
    deadline = clock.seconds() + wait_seconds
    pause = _FIRST_PAUSE_SECONDS
    while not answer.settled and clock.seconds() + pause < deadline:
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
        try:
            answer = await run_in_threadpool(_load, answer.lead_id)
        except db.DatabaseAway:  # the lead is stored: its poster is told so, whatever cannot be read now
            break
    return answer


def _load(lead_id: int) -> Answer:
    with db.current().connection() as conn:
        answer = leads.answer(conn, lead_id)
    assert answer is not None
    return answer


def _database_seconds() -> float | None:
    began = clock.seconds()
    try:
        with db.current().connection() as conn:
            db.ping(conn)
    except db.DatabaseAway:
        return None
    return clock.seconds() - began


def _ip_country(request: Request) -> str | None:
    country = request.headers.get("cloudfront-viewer-country", "")
    return country if _COUNTRY.fullmatch(country) else None


def _trace_id(request: Request) -> str:
    event: dict[str, Any] = request.scope.get("aws.event", {})
    given = event.get("requestContext", {}).get("requestId")
    return str(given)[:64] if given else secrets.token_hex(16)
