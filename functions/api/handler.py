"""What an operator asks: a lead with its timeline and decisions, the review queue, an invoice. Authenticated."""

from collections.abc import Mapping
from dataclasses import asdict

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from leadgen.adapters import body, bus, clock, db, egress, settings
from leadgen.adapters.log import logger
from leadgen.adapters.tokens import Claims
from leadgen.adapters.web import JsonAnswer, bearer, build_app, ip_address, lambda_handler
from leadgen.domain import reviewing
from leadgen.domain.errors import Refusal
from leadgen.domain.reviewing import Verdict
from leadgen.domain.subscriptions import SubscriptionInvalid
from leadgen.operations import explain, subscribing
from leadgen.operations.subscribing import Actor, NoSuchSubscription
from leadgen.store import audit, deliveries, invoices, leads, lifecycle, review, subscriptions

_LONGEST_LIST = 200


def _operator(request: Request) -> None:
    bearer(request)


app = build_app()
app.router.dependencies.append(Depends(_operator))
handler = lambda_handler(app)


@app.get("/api/leads/{lead_id}")
def get_lead(lead_id: int) -> JsonAnswer:
    """A lead's state and its timeline."""
    with db.current().connection() as conn:
        lead = leads.answer(conn, lead_id)
        timeline = lifecycle.of_lead(conn, lead_id)
    if lead is None:
        raise Refusal(404, "not_found", f"there is no lead {lead_id}")
    shown = asdict(lead)
    del shown["settled"]
    return JsonAnswer({**shown, "timeline": [asdict(entry) for entry in timeline]})


@app.get("/api/leads/{lead_id}/decisions")
def get_decisions(lead_id: int) -> JsonAnswer:
    """Every decision about a lead, with its policy's name, its inputs and its trace; of routing also each buyer's
    verdict, and the smallest changes that would have made a refused one eligible.
    """
    with db.current().connection() as conn:
        found = explain.explained_decisions(conn, lead_id)
    if not found:
        raise Refusal(404, "not_found", f"nothing has been decided about a lead {lead_id}")
    return JsonAnswer({"lead_id": lead_id, "decisions": [explain.decision_as_json(one) for one in found]})


@app.get("/api/review")
def get_review() -> JsonAnswer:
    """The leads and deliveries that wait for an operator, longest waiting first."""
    with db.current().connection() as conn:
        held = review.waiting(conn, limit=_LONGEST_LIST)
        waiting = deliveries.in_review(conn, limit=_LONGEST_LIST)
    return JsonAnswer(
        {"leads": [asdict(lead) for lead in held], "deliveries": [asdict(delivery) for delivery in waiting]}
    )


@app.post("/api/leads/{lead_id}/review")
async def post_review(lead_id: int, request: Request) -> JsonAnswer:
    """An operator's verdict on a lead in review: release it, or reject it."""
    claims = bearer(request)
    if claims.role != "operator":
        raise Refusal(403, "forbidden", "a person decides on a lead in review: an operator")
    fields, _ = await body.fields(request, allow_form=False)
    return JsonAnswer(await run_in_threadpool(_decide, lead_id, reviewing.read(fields), claims, request))


def _decide(lead_id: int, verdict: Verdict, claims: Claims, request: Request) -> Mapping[str, object]:
    now = clock.now()
    with bus.transaction() as transaction:
        found = review.lock(transaction.conn, lead_id)
        if found is None:
            raise Refusal(404, "not_found", f"there is no lead {lead_id}")
        if found.since is None or found.status not in ("received", "validated"):
            raise Refusal(409, "not_in_review", f"lead {lead_id} is not in review", {"status": found.status})
        if verdict.verdict == "release":
            review.release(transaction.conn, lead_id, now=now)
        else:
            review.reject(transaction.conn, lead_id, now=now)
        status = reviewing.status_after(verdict, found.status)
        before = {"status": found.status, "reason": found.reason, "detail": found.detail}
        after = {"status": status, "verdict": verdict.verdict, "reason": verdict.reason, "by": claims.subject}
        audit.record(
            transaction.conn,
            audit.Entry("lead.review", "lead", lead_id, before, after),
            at=now,
            ip_address=ip_address(request),
            user_agent=request.headers.get("user-agent"),
        )
        transaction.announce([reviewing.event(verdict, lead_id, found.status, found.trace_id, now)])
    logger.info("reviewed", extra={"lead_id": lead_id, "verdict": verdict.verdict, "trace_id": found.trace_id})
    return {"lead_id": lead_id, "status": status, "verdict": verdict.verdict}


@app.get("/api/invoices/{invoice_id}")
def get_invoice(invoice_id: int) -> JsonAnswer:
    """An invoice with its lines."""
    with db.current().connection() as conn:
        invoice = invoices.get(conn, invoice_id)
        lines = invoices.lines(conn, invoice_id)
    if invoice is None:
        raise Refusal(404, "not_found", f"there is no invoice {invoice_id}")
    return JsonAnswer({**asdict(invoice), "lines": [asdict(line) for line in lines]})


@app.get("/api/subscriptions")
def get_subscriptions() -> JsonAnswer:
    """Who is told what, and how each endpoint does; without secrets."""
    with db.current().connection() as conn:
        found = subscriptions.listed(conn, ended=False, now=clock.now(), limit=_LONGEST_LIST)
    return JsonAnswer({"subscriptions": [asdict(one) for one in found]})


@app.post("/api/subscriptions")
async def post_subscription(request: Request) -> JsonAnswer:
    """Have events posted to a URL. The secret is answered this once."""
    fields, _ = await body.fields(request, allow_form=False)
    return await run_in_threadpool(_subscribe, fields, _actor(request))


def _subscribe(fields: Mapping[str, object], actor: Actor) -> JsonAnswer:
    configured = settings.current()
    try:
        wanted = subscribing.read(fields)
        egress.check(
            wanted.url.strip(),
            allowed_origins=configured.egress_allowed_origins,
            allowed_ports=configured.egress_ports,
        )
        with db.current().transaction() as conn:
            made = subscribing.subscribe(conn, wanted, actor, now=clock.now())
    except SubscriptionInvalid as error:
        raise Refusal(400, "invalid_request", str(error)) from None
    except egress.NotSent as error:
        raise Refusal(400, "invalid_request", f"url: {error}") from None
    return JsonAnswer(asdict(made), 201)


@app.delete("/api/subscriptions/{subscription_id}")
def delete_subscription(subscription_id: int, request: Request) -> JsonAnswer:
    """Post nothing more to a subscription."""
    try:
        with db.current().transaction() as conn:
            ended = subscribing.unsubscribe(conn, subscription_id, _actor(request), now=clock.now())
    except NoSuchSubscription as error:
        raise Refusal(404, "not_found", str(error)) from None
    return JsonAnswer({"subscription_id": ended.subscription_id, "status": "ended"})


def _actor(request: Request) -> Actor:
    return Actor(bearer(request).subject, ip_address(request), request.headers.get("user-agent"))
