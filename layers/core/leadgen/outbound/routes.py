"""HTTP of the endpoints that calls go to: their circuit breakers, and an operator who closes one."""

from fastapi import APIRouter, Depends, Request

from leadgen.access.service import LONGEST_LIST, deciding_operator, operator
from leadgen.outbound.service import endpoints
from leadgen.platform import clock, db
from leadgen.platform.web.app import JsonAnswer

router = APIRouter(dependencies=[Depends(operator)])


@router.get("/api/endpoints")
def get_endpoints() -> JsonAnswer:
    """Where calls go and how each place bears them, those in trouble first."""
    with db.current().connection() as conn:
        listed = endpoints.listed(conn, now=clock.now(), limit=LONGEST_LIST)
    return JsonAnswer({"endpoints": [endpoints.as_json(shown) for shown in listed]})


@router.post("/api/endpoints/{endpoint_id}/open")
def post_endpoint_open(endpoint_id: int, request: Request) -> JsonAnswer:
    """Call an endpoint again, whatever it said or failed."""
    actor = deciding_operator(request)
    with db.current().transaction() as conn:
        opened = endpoints.open_again(conn, endpoint_id, actor, now=clock.now())
    return JsonAnswer(
        {"endpoint_id": opened.endpoint_id, "state": opened.state, "url": opened.url, "repeated": opened.is_repeated}
    )
