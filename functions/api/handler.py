"""What an operator asks and decides: leads, deliveries, what waits in review, endpoints; and what is about
money, in the routes of the capabilities. Authenticated.
"""

from collections.abc import Mapping
from dataclasses import asdict
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool

from leadgen.access.service import asker, operator, person
from leadgen.audit_trail.domain import Actor
from leadgen.delivery.domain import verdicts
from leadgen.delivery.service import history
from leadgen.explanation.service import explain
from leadgen.invoicing import routes as invoicing_routes
from leadgen.kernel.errors import Refusal
from leadgen.leads.store import leads as leads_store
from leadgen.leads.store import lifecycle
from leadgen.notifications.domain.subscriptions import SubscriptionInvalid
from leadgen.notifications.service import subscriptions as notifications_subscriptions
from leadgen.notifications.service.subscriptions import NoSuchSubscription
from leadgen.notifications.store import subscriptions as notifications_subscriptions_store
from leadgen.outbound.service import endpoints
from leadgen.payments.routes import cards, payments
from leadgen.platform import clock, db, settings
from leadgen.platform.egress import http_client
from leadgen.platform.egress.urls import without_query
from leadgen.platform.log import logger
from leadgen.platform.messaging import bus
from leadgen.platform.web import body
from leadgen.platform.web.app import JsonAnswer, build_app, lambda_handler
from leadgen.publishers import routes as publishers_routes
from leadgen.receivables import routes as receivables_routes
from leadgen.reporting import routes as reporting_routes
from leadgen.returns import routes as returns_routes
from leadgen.review import domain as review_domain
from leadgen.review import service as review_service
from leadgen.review.store import leads as review_leads

_LONGEST_LIST = 200


operators = APIRouter(dependencies=[Depends(operator)])


@operators.get("/api/leads/{lead_id}")
def get_lead(lead_id: int) -> JsonAnswer:
    """A lead's state, its deliveries and its timeline."""
    with db.current().connection() as conn:
        lead = leads_store.answer(conn, lead_id)
        timeline = lifecycle.of_lead(conn, lead_id)
        stories = history.of_lead(conn, lead_id)
    if lead is None:
        raise Refusal(404, "not_found", f"there is no lead {lead_id}")
    shown = asdict(lead)
    del shown["settled"]
    return JsonAnswer(
        {
            **shown,
            "deliveries": [history.in_full(story) for story in stories],
            "timeline": [asdict(entry) for entry in timeline],
        }
    )


@operators.get("/api/leads/{lead_id}/decisions")
def get_decisions(lead_id: int) -> JsonAnswer:
    """Every decision about a lead, with its policy's name, its inputs and its trace; of routing also each buyer's
    verdict, and the smallest changes that would have made a refused one eligible.
    """
    with db.current().connection() as conn:
        found = explain.explained_decisions(conn, lead_id)
    if not found:
        raise Refusal(404, "not_found", f"nothing has been decided about a lead {lead_id}")
    return JsonAnswer({"lead_id": lead_id, "decisions": [explain.decision_as_json(one) for one in found]})


@operators.get("/api/review")
def get_review() -> JsonAnswer:
    """The leads and deliveries that wait for an operator, longest waiting first."""
    with db.current().connection() as conn:
        held = review_leads.waiting(conn, limit=_LONGEST_LIST)
        waiting = history.in_review(conn, limit=_LONGEST_LIST)
    return JsonAnswer(
        {
            "leads": [asdict(lead) for lead in held],
            "deliveries": [history.as_json(story) for story in waiting],
        }
    )


@operators.post("/api/leads/{lead_id}/review")
async def post_review(lead_id: int, request: Request) -> JsonAnswer:
    """An operator's verdict on a lead in review: release it, or reject it."""
    actor = _person(request)
    fields, _ = await body.fields(request, allow_form=False)
    return JsonAnswer(await run_in_threadpool(_decide_on_lead, lead_id, review_domain.read(fields), actor))


def _decide_on_lead(lead_id: int, verdict: review_domain.Verdict, actor: Actor) -> Mapping[str, object]:
    with bus.transaction() as transaction:
        decided = review_service.on_lead(transaction.conn, lead_id, verdict, actor, now=clock.now())
        transaction.announce([decided.event])
    about = {"lead_id": lead_id, "verdict": decided.verdict}
    logger.info("reviewed", extra={**about, "trace_id": decided.event.trace_id})
    return {**about, "status": decided.status}


@operators.get("/api/deliveries/{delivery_id}")
def get_delivery(delivery_id: UUID) -> JsonAnswer:
    """A delivery with every attempt; of what was sent only its kind and length: the rest is about a person."""
    with db.current().connection() as conn:
        stories = history.tell(conn, [str(delivery_id)])
    if not stories:
        raise Refusal(404, "not_found", f"there is no delivery {delivery_id}")
    return JsonAnswer(history.in_full(stories[0]))


@operators.post("/api/deliveries/{delivery_id}/review")
async def post_delivery_review(delivery_id: UUID, request: Request) -> JsonAnswer:
    """An operator's verdict on a delivery in review: redeliver, assign, return, reject, or taken."""
    actor = _person(request)
    fields, _ = await body.fields(request, allow_form=False)
    verdict = verdicts.read(fields)
    return JsonAnswer(await run_in_threadpool(_decide_on_delivery, str(delivery_id), verdict, actor))


def _decide_on_delivery(delivery_id: str, verdict: verdicts.Verdict, actor: Actor) -> Mapping[str, object]:
    with bus.transaction() as transaction:
        decided = review_service.on_delivery(transaction.conn, delivery_id, verdict, actor, now=clock.now())
        transaction.announce(decided.events)
    about = {"delivery_id": delivery_id, "lead_id": decided.lead_id, "verdict": decided.verdict}
    logger.info("reviewed", extra={**about, "repeated": decided.is_repeated, "trace_id": decided.trace_id})
    return {
        **about,
        "status": decided.status,
        "lead_status": decided.lead_status,
        "in_doubt": decided.in_doubt,
        "repeated": decided.is_repeated,
    }


@operators.get("/api/endpoints")
def get_endpoints() -> JsonAnswer:
    """Where calls go and how each place bears them, those in trouble first."""
    with db.current().connection() as conn:
        listed = endpoints.listed(conn, now=clock.now(), limit=_LONGEST_LIST)
    return JsonAnswer({"endpoints": [endpoints.as_json(shown) for shown in listed]})


@operators.post("/api/endpoints/{endpoint_id}/open")
def post_endpoint_open(endpoint_id: int, request: Request) -> JsonAnswer:
    """Call an endpoint again, whatever it said or failed."""
    actor = _person(request)
    with db.current().transaction() as conn:
        opened = endpoints.open_again(conn, endpoint_id, actor, now=clock.now())
    return JsonAnswer(
        {"endpoint_id": opened.endpoint_id, "state": opened.state, "url": opened.url, "repeated": opened.is_repeated}
    )


def _person(request: Request) -> Actor:
    person(request)
    return asker(request)


@operators.get("/api/subscriptions")
def get_subscriptions() -> JsonAnswer:
    """Who is told what, and how each endpoint does; without secrets."""
    with db.current().connection() as conn:
        found = notifications_subscriptions_store.listed(conn, ended=False, now=clock.now(), limit=_LONGEST_LIST)
    return JsonAnswer({"subscriptions": [asdict(one) | {"url": without_query(one.url)} for one in found]})


@operators.post("/api/subscriptions")
async def post_subscription(request: Request) -> JsonAnswer:
    """Have events posted to a URL. The secret is answered this once."""
    fields, _ = await body.fields(request, allow_form=False)
    return await run_in_threadpool(_subscribe, fields, asker(request))


def _subscribe(fields: Mapping[str, object], actor: Actor) -> JsonAnswer:
    configured = settings.current()
    try:
        wanted = notifications_subscriptions.read(fields)
        http_client.check(
            wanted.url.strip(),
            allowed_origins=configured.egress_allowed_origins,
            allowed_ports=configured.egress_ports,
        )
        with db.current().transaction() as conn:
            made = notifications_subscriptions.subscribe(conn, wanted, actor, now=clock.now())
    except SubscriptionInvalid as error:
        raise Refusal(400, "invalid_request", str(error)) from None
    except http_client.NotSent as error:
        raise Refusal(400, "invalid_request", f"url: {error}") from None
    return JsonAnswer(asdict(made), 201)


@operators.delete("/api/subscriptions/{subscription_id}")
def delete_subscription(subscription_id: int, request: Request) -> JsonAnswer:
    """Post nothing more to a subscription."""
    try:
        with db.current().transaction() as conn:
            ended = notifications_subscriptions.unsubscribe(conn, subscription_id, asker(request), now=clock.now())
    except NoSuchSubscription as error:
        raise Refusal(404, "not_found", str(error)) from None
    return JsonAnswer({"subscription_id": ended.subscription_id, "status": "ended"})


app = build_app()
app.include_router(operators)
app.include_router(invoicing_routes.router)
app.include_router(publishers_routes.router)
app.include_router(payments.router)
app.include_router(returns_routes.router)
app.include_router(receivables_routes.router)
app.include_router(cards.router)
app.include_router(reporting_routes.router)
handler = lambda_handler(app)
