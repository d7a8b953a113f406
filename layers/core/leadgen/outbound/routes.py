"""HTTP of the endpoints that calls go to: their circuit breakers, and an operator who closes one."""

from fastapi import APIRouter, Depends, Request

from leadgen.access.service import LONGEST_LIST, deciding_operator, operator
from leadgen.outbound.service import endpoints
from leadgen.platform import clock, db
from leadgen.platform.web.app import JsonAnswer

router = APIRouter(dependencies=[Depends(operator)])


@router.get("/api/endpoints")
def get_endpoints() -> JsonAnswer:
    """The endpoints, and the state of each one's circuit breaker, those in trouble first."""
    with db.current().connection() as conn:
        listed = endpoints.listed(conn, now=clock.now(), limit=LONGEST_LIST)
    return JsonAnswer({"endpoints": [endpoints.as_json(shown) for shown in listed]})


@router.post("/api/endpoints/{endpoint_id}/reset")
@router.post("/api/endpoints/{endpoint_id}/open")
def post_endpoint_reset(endpoint_id: int, request: Request) -> JsonAnswer:
    """Close an endpoint's circuit: it is called again, whatever it failed. ``/open`` is the path of before."""
    actor = deciding_operator(request)
    with db.current().transaction() as conn:
        reset = endpoints.reset(conn, endpoint_id, actor, now=clock.now())
    return JsonAnswer(
        {"endpoint_id": reset.endpoint_id, "state": reset.state, "url": reset.url, "repeated": reset.is_repeated}
    )
