"""The web application of an HTTP function: its JSON, the one shape of its errors, and Lambda's entry to it."""

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import simplejson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from mangum import Mangum
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from leadgen.kernel import model_errors
from leadgen.kernel.errors import Refusal
from leadgen.platform.db import DatabaseAway
from leadgen.platform.log import logger

RETRY_AFTER_SECONDS = 5
_ROUTING = {
    404: ("not_found", "there is no such address"),
    405: ("method_not_allowed", "this address takes other methods: see the Allow header"),
}


class JsonAnswer(Response):
    """JSON in which a Decimal is a number with its digits as they are."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The body."""
        return simplejson.dumps(content, use_decimal=True, ensure_ascii=False, default=_as_text).encode()


def _as_text(value: Any) -> str:
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    raise TypeError(f"{type(value).__name__} is not JSON")


def error(
    status: int,
    code: str,
    message: str,
    details: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JsonAnswer:
    """The one shape of every error; clients of the published v1 read the same object under ``detail``."""
    body = {"code": code, "message": message, "details": dict(details or {})}
    return JsonAnswer({"error": body, "detail": body}, status, dict(headers or {}))


def attachment(filename: str) -> dict[str, str]:
    """The headers of a file that a browser saves and keeps no copy of."""
    return {
        "Content-Disposition": f'attachment; filename="{filename}"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }


def build_app() -> FastAPI:
    """An application whose every failure is answered in the documented shape."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, default_response_class=JsonAnswer)
    handlers: dict[Any, Callable[..., JsonAnswer]] = {
        Refusal: _refused,
        DatabaseAway: _database_away,
        HTTPException: _http_exception,
        ClientDisconnect: _client_gone,
        RequestValidationError: _request_invalid,
        Exception: _bug,
    }
    for kind, handle in handlers.items():
        app.add_exception_handler(kind, handle)
    return app


def lambda_handler(app: FastAPI) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Lambda's entry to an application. Its event loop is made at the first call and lives as long as the environment:
    importing a function makes none.
    """

    @lru_cache(maxsize=1)
    def adapter() -> Mangum:
        asyncio.set_event_loop(asyncio.new_event_loop())
        return Mangum(app, lifespan="off")

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return adapter()(event, context)

    return handle


def _refused(request: Request, refusal: Refusal) -> JsonAnswer:
    logger.info("refused", extra={"code": refusal.code, "status": refusal.status})
    headers = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else {}
    if refusal.status == 429:
        headers["Retry-After"] = str(refusal.details.get("retry_after_seconds", 60))
    return error(refusal.status, refusal.code, refusal.message, refusal.details, headers)


def _database_away(request: Request, away: DatabaseAway) -> JsonAnswer:
    logger.error("database.away", extra={"cause": str(away)})
    return error(
        503,
        "database_unavailable",
        "the database cannot be reached now; try again after the time in Retry-After",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def _http_exception(request: Request, exception: HTTPException) -> JsonAnswer:
    code, message = _ROUTING.get(exception.status_code, ("invalid_request", str(exception.detail)))
    return error(exception.status_code, code, message, headers=exception.headers)


def _client_gone(request: Request, gone: ClientDisconnect) -> JsonAnswer:
    return error(400, "invalid_request", "the connection ended before the body did")  # nobody receives it


def _request_invalid(request: Request, invalid: RequestValidationError) -> JsonAnswer:
    fields = {".".join(str(part) for part in fault["loc"][1:]): model_errors.words(fault) for fault in invalid.errors()}
    return error(400, "invalid_request", "; ".join(f"{k}: {v}" for k, v in fields.items()), {"fields": fields})


def _bug(request: Request, exception: Exception) -> JsonAnswer:
    # The route, never the address as it was called: what stands in that may be a key.
    route = getattr(request.scope.get("route"), "path", None)
    logger.error("request.failed", extra={"cause": type(exception).__name__, "route": route})
    return error(500, "internal_error", "something went wrong on our side; it is logged, and posting again is safe")
