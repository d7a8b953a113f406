"""HTTP of subscriptions: list them, subscribe a URL to events, end a subscription."""

from collections.abc import Mapping
from dataclasses import asdict

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool

from leadgen.access.service import LONGEST_LIST, operator, requester
from leadgen.audit_trail.domain import Actor
from leadgen.kernel.errors import Refusal
from leadgen.notifications.domain.subscriptions import SubscriptionInvalid
from leadgen.notifications.service import subscriptions
from leadgen.notifications.service.subscriptions import NoSuchSubscription
from leadgen.notifications.store import subscriptions as subscriptions_store
from leadgen.platform import clock, db, settings
from leadgen.platform.egress import http_client
from leadgen.platform.egress.urls import without_query
from leadgen.platform.web import body
from leadgen.platform.web.app import JsonAnswer

router = APIRouter(dependencies=[Depends(operator)])


@router.get("/api/subscriptions")
def get_subscriptions() -> JsonAnswer:
    """The subscriptions, and how each endpoint does; without secrets."""
    with db.current().connection() as conn:
        found = subscriptions_store.listed(conn, ended=False, now=clock.now(), limit=LONGEST_LIST)
    return JsonAnswer({"subscriptions": [asdict(one) | {"url": without_query(one.url)} for one in found]})


@router.post("/api/subscriptions")
async def post_subscription(request: Request) -> JsonAnswer:
    """Have events posted to a URL. The secret is answered this once."""
    fields, _ = await body.fields(request, allow_form=False)
    return await run_in_threadpool(_subscribe, fields, requester(request))


def _subscribe(fields: Mapping[str, object], actor: Actor) -> JsonAnswer:
    configured = settings.current()
    try:
        wanted = subscriptions.read(fields)
        http_client.check(
            wanted.url.strip(),
            allowed_origins=configured.egress_allowed_origins,
            allowed_ports=configured.egress_ports,
        )
        with db.current().transaction() as conn:
            made = subscriptions.subscribe(conn, wanted, actor, now=clock.now())
    except SubscriptionInvalid as error:
        raise Refusal(400, "invalid_request", str(error)) from None
    except http_client.NotSent as error:
        raise Refusal(400, "invalid_request", f"url: {error}") from None
    return JsonAnswer(asdict(made), 201)


@router.delete("/api/subscriptions/{subscription_id}")
def delete_subscription(subscription_id: int, request: Request) -> JsonAnswer:
    """Post nothing more to a subscription."""
    try:
        with db.current().transaction() as conn:
            ended = subscriptions.unsubscribe(conn, subscription_id, requester(request), now=clock.now())
    except NoSuchSubscription as error:
        raise Refusal(404, "not_found", str(error)) from None
    return JsonAnswer({"subscription_id": ended.subscription_id, "status": "ended"})
