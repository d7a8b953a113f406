"""HTTP of one delivery with its attempts."""

from uuid import UUID

from fastapi import APIRouter, Depends

from leadgen.access.service import operator
from leadgen.delivery.service import history
from leadgen.kernel.errors import Refusal
from leadgen.platform import db
from leadgen.platform.web.app import JsonAnswer

router = APIRouter(dependencies=[Depends(operator)])


@router.get("/api/deliveries/{delivery_id}")
def get_delivery(delivery_id: UUID) -> JsonAnswer:
    """A delivery with every attempt; of what was sent only its kind and length: the rest is about a person."""
    with db.current().connection() as conn:
        histories = history.load(conn, [str(delivery_id)])
    if not histories:
        raise Refusal.missing("delivery", delivery_id)
    return JsonAnswer(history.in_full(histories[0]))
