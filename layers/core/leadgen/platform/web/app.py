"""What the two HTTP functions share: answers, errors and who is asking."""

import asyncio
import ipaddress
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

from leadgen.platform import settings
from leadgen.access.adapters import tokens
from leadgen.platform.db import DatabaseAway
from leadgen.platform.log import logger
from leadgen.access.adapters.tokens import Claims, TokenInvalid
from leadgen.kernel import model_errors
from leadgen.kernel.errors import Refusal

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


def bearer(request: Request) -> Claims:
    """Whom the request's token speaks for. Raises Refusal 401 ``missing_token`` or ``invalid_token``."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refusal(401, "missing_token", "send an operator's or system's token: Authorization: Bearer …")
    try:
        return tokens.verify(settings.current().secret_key, token.strip())
    except TokenInvalid:
        raise Refusal(401, "invalid_token", "the token is malformed, expired or not ours") from None


def operator(request: Request) -> Claims:
    """Whom a request of the operator's side speaks for. Raises Refusal 401, and 403 for a buyer's token."""
    claims = bearer(request)
    if claims.role == "buyer":
        raise Refusal(403, "forbidden", "this is the operator's side: a buyer's token does not open it")
    return claims


def person(request: Request) -> Claims:
    """The operator who decides. Raises Refusal 401, and 403 where it is no operator."""
    claims = bearer(request)
    if claims.role != "operator":
        raise Refusal(403, "forbidden", "this is a person's to decide: an operator's")
    return claims


def buyer_scope(request: Request) -> int | None:
    """The one buyer whose rows a request may see; None for the operator's side, which sees all. Raises Refusal 401."""
    return bearer(request).buyer_id


def ip_address(request: Request) -> str | None:
    """The caller's address, or None where there is none to tell."""
    try:
        return str(ipaddress.ip_address((request.client.host if request.client else "").partition("%")[0]))
    except ValueError:
        return None


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
    return error(400, "invalid_request", "the connection ended before the body did")  # nobody hears it


def _request_invalid(request: Request, invalid: RequestValidationError) -> JsonAnswer:
    fields = {".".join(str(part) for part in fault["loc"][1:]): model_errors.words(fault) for fault in invalid.errors()}
    return error(400, "invalid_request", "; ".join(f"{k}: {v}" for k, v in fields.items()), {"fields": fields})


def _bug(request: Request, exception: Exception) -> JsonAnswer:
    # The route, never the address as it was called: what stands in that may be a key.
    route = getattr(request.scope.get("route"), "path", None)
    logger.error("request.failed", extra={"cause": type(exception).__name__, "route": route})
    return error(500, "internal_error", "something went wrong on our side; it is logged, and posting again is safe")
