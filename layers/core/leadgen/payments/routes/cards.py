"""HTTP of a buyer's card: pages of the provider where a card is saved or prepaid money is paid in."""

from collections.abc import Mapping
from dataclasses import asdict

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from leadgen.access.service import Id, party, requester
from leadgen.audit_trail.domain import Actor
from leadgen.kernel.errors import Refusal
from leadgen.payments.domain import entries
from leadgen.payments.service import checkout
from leadgen.platform import clock, db
from leadgen.platform.web import body
from leadgen.platform.web.app import JsonAnswer

router = APIRouter()


@router.post("/api/buyers/{buyer_id}/payment-method", status_code=201)
def post_payment_method(buyer_id: Id, request: Request) -> JsonAnswer:
    """Where a buyer leaves the card that its top-ups are taken from."""
    actor = _acting(request, buyer_id)
    with db.current().connection() as conn:
        url = checkout.setup_url(conn, buyer_id, actor, now=clock.now())
    return JsonAnswer({"buyer_id": buyer_id, "url": url}, 201)


@router.post("/api/buyers/{buyer_id}/checkout", status_code=201)
@router.post("/api/buyers/{buyer_id}/top-up", status_code=201)
async def post_checkout(buyer_id: Id, request: Request) -> JsonAnswer:
    """Where a buyer pays ``amount`` in by card. The same ``Idempotency-Key`` again answers the same payment.
    ``/top-up`` is the path of before.
    """
    actor = _acting(request, buyer_id)
    fields, _ = await body.fields(request, allow_form=False, exact=True)
    strange = sorted(fields.keys() - {"amount"})
    if strange:
        raise Refusal(400, "invalid_request", f"unknown fields: {', '.join(strange)}", {"fields": strange})
    header = request.headers.get("idempotency-key")
    key = None if header is None else entries.read_key(header)
    return await run_in_threadpool(_checkout, buyer_id, fields, actor, key)


def _checkout(buyer_id: int, fields: Mapping[str, object], actor: Actor, key: str | None) -> JsonAnswer:
    with db.current().connection() as conn:
        page = checkout.top_up_url(conn, buyer_id, fields.get("amount"), actor, idempotency_key=key, now=clock.now())
    return JsonAnswer({"buyer_id": buyer_id, **asdict(page)}, 201)


def _acting(request: Request, buyer_id: int) -> Actor:
    """The caller: a buyer for itself, or an operator for it; another's is not there for it."""
    if party(request) not in (None, buyer_id):
        raise Refusal.missing("buyer", buyer_id)
    return requester(request)
