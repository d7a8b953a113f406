"""A payment provider that is like Stripe over HTTP: its API as far as LeadGen uses it, the pages where somebody pays,
and signed webhooks. It runs with the sinks, and nowhere else.
"""

import asyncio
import hmac
import http.client
import json
from collections.abc import Callable
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from leadgen_local.sinks.behavior import Behavior, failure
from leadgen_local.sinks.journal import Journal
from leadgen_local.sinks.stripe_account import CARDS, SECRET_KEY, Account, Object, Refused

PATH = "/stripe"
"""Below it are the pages, and what a person may make happen."""

_PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_SECONDS = 20.0


class Webhook:
    """Sends events to an address until a 2xx answers, each on its own: they may arrive in any order."""

    def __init__(self, url: str, secret: str) -> None:
        self._url = urlsplit(url)
        self._secret = secret
        self._under_way: set[asyncio.Task[None]] = set()

    def send(self, event: Object) -> None:
        """Start sending an event; returns at once."""
        task = asyncio.get_running_loop().create_task(self._deliver(json.dumps(event, indent=2)))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _deliver(self, body: str) -> None:
        for pause in _PAUSES:
            await asyncio.sleep(pause)
            if await run_in_threadpool(self._is_taken, body):
                return

    def _is_taken(self, body: str) -> bool:
        from stripe import WebhookSignature  # a fifth of a second at import: only where an event is sent

        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": WebhookSignature.generate_signature_header(body, self._secret),
        }
        connection = http.client.HTTPConnection(str(self._url.hostname), self._url.port, timeout=_SECONDS)
        try:
            connection.request("POST", self._url.path, body.encode(), headers)
            return 200 <= connection.getresponse().status < 300
        except OSError:
            return False
        finally:
            connection.close()


class FakeStripe:
    """The provider at ``url``. ``publish`` is called with every event."""

    def __init__(
        self, url: str, journal: Journal, behaviors: dict[str, Behavior], publish: Callable[[Object], None]
    ) -> None:
        self._url = url
        self._behaviors = behaviors
        self.account = Account(journal, publish)

    def routes(self) -> list[Route]:
        """Its HTTP routes."""
        account = self.account
        return [
            self._make("/v1/customers", account.customer),
            self._make("/v1/checkout/sessions", lambda given: account.session(given, f"{self._url}{PATH}/checkout")),
            self._make("/v1/payment_intents", account.payment_intent),
            self._make("/v1/refunds", account.refund),
            self._list("/v1/payment_intents", "payment_intent", "customer"),
            self._list("/v1/refunds", "refund", "payment_intent"),
            self._get("/v1/refunds/{id}", "refund"),
            Route(PATH, self._everything, methods=["GET"]),
            Route(PATH, self._forget, methods=["DELETE"]),
            Route(f"{PATH}/control", self._control, methods=["POST"]),
            Route(f"{PATH}/checkout/{{id}}", self._page, methods=["GET"]),
            Route(f"{PATH}/checkout/{{id}}", self._press, methods=["POST"]),
        ]

    def _make(self, path: str, make: Callable[[dict[str, Any]], Object]) -> Route:
        async def answer(request: Request) -> Response:
            asked = (await request.body()).decode()
            key = request.headers.get("idempotency-key")

            def made() -> tuple[int, Object]:
                before = self.account.answered(key, f"{path} {asked}") if key else None
                if before is not None:
                    return before
                try:
                    status, body = 200, dict(make(nested(asked)))
                except Refused as refusal:
                    if refusal.status != 402:  # as there: what did not begin is not remembered
                        raise
                    status, body = refusal.status, refusal.body
                if key:
                    self.account.keep(key, f"{path} {asked}", status, body)
                return status, body

            return await self._answered(request, made)

        return Route(path, answer, methods=["POST"])

    def _list(self, path: str, kind: str, by: str) -> Route:
        async def answer(request: Request) -> Response:
            def found() -> tuple[int, Object]:
                wanted = request.query_params.get(by)
                limit = int(request.query_params.get("limit", 10))
                listed = [one for one in self.account.of(kind) if wanted in (None, one[by])]
                return 200, {"object": "list", "url": path, "has_more": len(listed) > limit, "data": listed[:limit]}

            return await self._answered(request, found)

        return Route(path, answer, methods=["GET"])

    def _get(self, path: str, kind: str) -> Route:
        async def answer(request: Request) -> Response:
            return await self._answered(request, lambda: (200, self.account.find(kind, request.path_params["id"])))

        return Route(path, answer, methods=["GET"])

    async def _answered(self, request: Request, call: Callable[[], tuple[int, Object]]) -> Response:
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {SECRET_KEY}".encode()):
            error = {"type": "invalid_request_error", "message": "Invalid API Key provided"}
            return JSONResponse({"error": error}, 401)
        behavior = self._behaviors.get(request.url.path)
        if behavior is not None and behavior.mode == "error":
            return JSONResponse({"error": {"type": "api_error", "message": "as configured"}}, behavior.status)
        try:
            status, body = call()
        except Refused as refusal:
            status, body = refusal.status, refusal.body
        await failure(behavior, request)  # what hangs is done all the same
        return JSONResponse(body, status)

    async def _everything(self, request: Request) -> Response:
        return JSONResponse(list(self.account.objects.values()))

    async def _forget(self, request: Request) -> Response:
        self.account.clear()
        return Response(status_code=204)

    async def _control(self, request: Request) -> Response:
        """What a person or the bank does: ``{"dispute": "pi_…"}``, ``{"close": "du_…", "won": true}``,
        ``{"refund": "re_…", "status": "failed"}``, ``{"expire": "cs_…"}``, ``{"refunds": "pending"}``.
        """
        account = self.account
        try:
            match json.loads(await request.body()):
                case {"dispute": str(intent), **more}:
                    amount = more.get("amount")
                    units = amount if isinstance(amount, int) else None
                    done = account.dispute(intent, units, inquiry=bool(more.get("inquiry")))
                case {"close": str(dispute), "won": bool(won)}:
                    done = account.close_dispute(dispute, won=won)
                case {"refund": str(refund), "status": ("succeeded" | "failed" | "pending") as status}:
                    done = account.settle_refund(refund, status)
                case {"expire": str(session)}:
                    done = account.expire(session)
                case {"refunds": ("succeeded" | "pending") as status}:
                    account.refunds_become = status
                    done = {"refunds": status}
                case _:
                    return JSONResponse({"error": (self._control.__doc__ or "").strip()}, 400)
        except Refused as refusal:
            return JSONResponse(refusal.body, refusal.status)
        return JSONResponse(done)

    async def _page(self, request: Request) -> Response:
        return await self._shown(request, lambda session: HTMLResponse(_html(session)))

    async def _press(self, request: Request) -> Response:
        pressed = dict(parse_qsl((await request.body()).decode())).get("press", "good")

        def press(session: Object) -> Response:
            if pressed == "cancel":
                return RedirectResponse(session["cancel_url"], 303)
            self.account.pay(session["id"], pressed if pressed in CARDS else "generic_decline")
            goes_on = session["status"] == "complete"
            return RedirectResponse(session["success_url"] if goes_on else str(request.url), 303)

        return await self._shown(request, press)

    async def _shown(self, request: Request, show: Callable[[Object], Response]) -> Response:
        try:
            return show(self.account.find("checkout.session", request.path_params["id"]))
        except Refused:
            return HTMLResponse("<h1>There is no such page</h1>", 404)


def nested(form: str) -> dict[str, Any]:
    """A form whose names are written as ``a[b][0]``, as objects in objects."""
    read: dict[str, Any] = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        *path, last = name.replace("]", "").split("[")
        place = read
        for step in path:
            place = place.setdefault(step, {})
        place[last] = value
    return read


def _html(session: Object) -> str:
    amount = session["amount_total"]
    price = (
        "" if amount is None else f"<p>{amount} {escape(str(session['currency']).upper())}, in its smallest units</p>"
    )
    names = {card: f"Use a card with: {card.replace('_', ' ')}" for card in CARDS}
    names["good"] = "Pay" if session["mode"] == "payment" else "Leave this card"
    buttons = "".join(f'<p><button name="press" value="{card}">{name}</button></p>' for card, name in names.items())
    if session["status"] != "open":
        buttons = f"<p>This page is {escape(session['status'])}.</p>"
    return (
        '<!doctype html><meta name="viewport" content="width=device-width"><title>A fake payment page</title>'
        f"<h1>A fake payment page</h1><p>{escape(session['name'])}</p>{price}"
        f'<form method="post">{buttons}<p><button name="press" value="cancel">Cancel</button></p></form>'
    )
