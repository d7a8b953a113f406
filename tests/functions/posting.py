"""Posts to the ingest function, and its refusals read."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx2

from leadgen.adapters import clock, tokens
from tests.conftest import SECRET_KEY
from tests.factories import a_post
from tests.functions_under_test import Functions

KEY = "a-key-of-16-chars"


def post(
    functions: Functions, path: str = "/api/leads", *, host: str = "api.example.com",
    headers: Mapping[str, str] | None = None, **body: Any,
) -> httpx2.Response:  # fmt: skip
    """POST an ordinary lead, changed by ``body``; a field that is None is left out."""
    fields = {name: value for name, value in a_post(**body).items() if value is not None}
    return functions.client(host=host).post(path, json=fields, headers=headers)


def a_token(role: tokens.Role = "operator", *, secret: str = SECRET_KEY, hours: float = 1) -> dict[str, str]:
    token = tokens.issue(
        secret, subject="someone", role=role, now=clock.now(), lifetime=timedelta(hours=hours)
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
