"""Posts to the ingest function, and its refusals read."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx2

from leadgen.access import adapters as tokens
from leadgen.platform import clock
from leadgen.platform.web.app import lambda_handler
from tests.conftest import SECRET_KEY
from tests.support.factories import a_post
from tests.support.stages.functions import Functions

KEY = "a-key-of-16-chars"


def post(
    functions: Functions, path: str = "/api/leads", *, host: str = "api.example.com",
    headers: Mapping[str, str] | None = None, **body: Any,
) -> httpx2.Response:  # fmt: skip
    """POST an ordinary lead, changed by ``body``; a field that is None is left out."""
    fields = {name: value for name, value in a_post(**body).items() if value is not None}
    return functions.client(host=host).post(path, json=fields, headers=headers)


def through_lambda(functions: Functions, event: dict[str, Any]) -> dict[str, Any]:
    """Invoke the ingest function as Lambda does, with an event of API Gateway."""
    try:
        return lambda_handler(functions.module("ingest").app)(event, None)
    finally:
        asyncio.get_event_loop().close()  # which lives as long as a Lambda environment, but no longer than this call
        asyncio.set_event_loop(None)


def a_token(
    role: tokens.Role = "operator", *, secret: str = SECRET_KEY, hours: float = 1, buyer_id: int | None = None
) -> dict[str, str]:
    token = tokens.issue(
        secret, subject="someone", role=role, now=clock.now(), lifetime=timedelta(hours=hours), buyer_id=buyer_id
    )  # fmt: skip
    return {"Authorization": f"Bearer {token}"}


def refusal(response: httpx2.Response) -> tuple[int, str]:
    """Status and code of an error, whose body has the one documented shape."""
    body = response.json()
    assert response.headers["content-type"] == "application/json"
    assert body.keys() == {"error", "detail"}
    assert body["error"] == body["detail"]
    assert body["error"].keys() == {"code", "message", "details"}
    assert body["error"]["message"]
    return response.status_code, body["error"]["code"]
