"""A payment provider of our own for tests, over real HTTP, and somebody who pays there."""

import json
import socket
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Self

import httpx2
import uvicorn
from fastapi.testclient import TestClient
from psycopg import Connection
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send
from stripe import WebhookSignature

from leadgen_local.sinks.behavior import Behavior
from leadgen_local.sinks.journal import Journal
from leadgen_local.sinks.stripe_account import WEBHOOK_SECRET, Object
from leadgen_local.sinks.stripe_api import PATH, FakeStripe


class _Host:
    """One HTTP server for all providers of this process, one after the other: ending one takes a tenth of a second."""

    def __init__(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.app: Starlette | None = None
        server = uvicorn.Server(
            uvicorn.Config(self._serve, interface="asgi3", log_level="critical", lifespan="off", ws="none")
        )
        # Who connects before it has started waits in the listener's queue.
        threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None, "no provider is open for business"
        await self.app(scope, receive, send)


_host = cache(_Host)


class Provider:
    """The fake provider at ``origin``. Its notifications wait in ``events`` until a test hands it over."""

    def __init__(self, directory: Path) -> None:
        self.origin = _host().origin
        self.events: list[Object] = []
        self.behaviors: dict[str, Behavior] = {}
        self.fake = FakeStripe(self.origin, Journal(directory / "stripe.jsonl"), self.behaviors, self.events.append)
        self._app = Starlette(routes=self.fake.routes())
        self.http = httpx2.Client(base_url=self.origin, timeout=20, verify=False)  # reading the certificates takes long

    def __enter__(self) -> Self:
        _host().app = self._app
        return self

    def __exit__(self, *unused: object) -> None:
        self.http.close()
        _host().app = None

    def press(self, page: str, button: str = "good") -> httpx2.Response:
        """Press a button on a page of the provider's."""
        assert page.startswith(f"{self.origin}{PATH}/checkout/")
        return self.http.post(page, data={"press": button})

    def control(self, **what: object) -> Object:
        """Have something happen at the provider."""
        answer = self.http.post(f"{PATH}/control", json=what)
        assert answer.status_code == 200, answer.text
        done: Object = answer.json()
        return done

    def fails(self, path: str, mode: str, status: int = 500) -> None:
        """Have calls of a path fail so, or ``ok`` again."""
        self.behaviors[path] = Behavior.model_validate({"path": path, "mode": mode, "status": status})

    def of(self, kind: str) -> list[Object]:
        """Everything of a kind there, the latest first."""
        return self.fake.account.of(kind)

    def sent_events(self) -> list[Object]:
        """Its events since the last call of this."""
        events, self.events[:] = list(self.events), []
        return events


def signed(body: str, *, secret: str = WEBHOOK_SECRET, at: int | None = None) -> dict[str, str]:
    """The header of a webhook, made by the provider's own library."""
    return {"Stripe-Signature": WebhookSignature.generate_signature_header(body, secret, at)}


def hand_over(client: TestClient, events: Sequence[Object]) -> list[int]:
    """Post events as the provider does; the statuses they are answered with."""
    bodies = [json.dumps(event) for event in events]
    return [client.post("/webhooks/stripe", content=body, headers=signed(body)).status_code for body in bodies]


def rows(conn: Connection[Any], statement: str) -> list[tuple[Any, ...]]:
    return conn.execute(statement.encode()).fetchall()
