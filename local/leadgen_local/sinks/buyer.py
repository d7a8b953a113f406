"""The fake buyer: takes a POST on any path, checks its signature and answers as configured for that path."""

import hashlib
import hmac
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from leadgen_local.sinks.behavior import Behavior, failure
from leadgen_local.sinks.journal import Journal

SIGNATURE_HEADER = "x-webhook-signature"


class Secrets:
    """The webhook secrets of the buyers, looked up in the database by the address they are posted to."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._lock = threading.Lock()
        self._conn: psycopg.Connection[tuple[str]] | None = None
        self._known: dict[str, list[str]] = {}

    def of(self, webhook_url: str) -> list[str]:
        """Every secret in use with this address, as last known while the database is away; none for a strange one."""
        with self._lock:
            for _ in range(2):  # the first try may find the connection lost
                try:
                    self._known[webhook_url] = self._query(webhook_url)
                    break
                except psycopg.Error:
                    self._forget_connection()
            return self._known.get(webhook_url, [])

    def _query(self, webhook_url: str) -> list[str]:
        if self._conn is None:
            self._conn = psycopg.connect(self._url, autocommit=True, connect_timeout=2)
        rows = self._conn.execute(
            """
            SELECT webhook_secret FROM buyers WHERE webhook_url = %(url)s AND webhook_secret IS NOT NULL
             UNION
            SELECT b.webhook_secret FROM buyer_offers o JOIN buyers b ON b.id = o.buyer_id
             WHERE o.webhook_url_override = %(url)s AND b.webhook_secret IS NOT NULL
            """,
            {"url": webhook_url},
        )
        return [secret for (secret,) in rows]

    def _forget_connection(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None


@dataclass(frozen=True)
class Buyer:
    """The fake buyer at `url`; what it receives goes to the journal before it is answered."""

    url: str
    journal: Journal
    secrets: Secrets
    behaviors: dict[str, Behavior]

    def routes(self) -> list[Route]:
        """Its HTTP routes; the last one takes every path."""
        return [
            Route("/received", self._list, methods=["GET"]),
            Route("/received", self._clear, methods=["DELETE"]),
            Route("/behavior", self._behave, methods=["PUT"]),
            Route("/{path:path}", self._take, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        return JSONResponse(self.journal.entries())

    async def _clear(self, request: Request) -> Response:
        self.journal.clear()
        return Response(status_code=204)

    async def _behave(self, request: Request) -> Response:
        try:
            behavior = Behavior.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse(
                {"error": error.errors(include_url=False, include_context=False, include_input=False)}, status_code=400
            )
        self.behaviors[behavior.path] = behavior
        return JSONResponse(behavior.model_dump())

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        target = request.scope["raw_path"].decode() + (f"?{request.url.query}" if request.url.query else "")
        signature = request.headers.get(SIGNATURE_HEADER)
        verified = await run_in_threadpool(self._verify, target, body, signature)
        self.journal.append(
            {
                "path": target,
                "headers": dict(request.headers),
                "body": body.decode(errors="replace"),
                "verified": verified,
                "at": datetime.now(UTC).isoformat(),
            }
        )
        behavior = self.behaviors.get(request.url.path)
        status = await failure(behavior, request)
        answer: dict[str, Any] | str = {"received": True} if status is None else {"error": "as configured"}
        headers = {}
        if behavior is not None:
            answer = answer if behavior.body is None else behavior.body
            headers = {"Retry-After": behavior.retry_after} if behavior.retry_after else {}
        kind = PlainTextResponse if isinstance(answer, str) else JSONResponse
        return kind(answer, status or 200, headers)

    def _verify(self, target: str, body: bytes, signature: str | None) -> bool | None:
        """Whether the signature is that of one of the secrets; None when no secret is known."""
        secrets = self.secrets.of(self.url + target)
        if not secrets:
            return None
        given = (signature or "").removeprefix("sha256=").encode()
        return any(
            hmac.compare_digest(hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode(), given)
            for secret in secrets
        )
