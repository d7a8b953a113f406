"""The sinks process: the fake buyer, the fake payment provider, and the sinks of SMTP and SMS, which are read at /mail
and /sms of its address.
"""

import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leadgen_local.sinks.behavior import Behavior
from leadgen_local.sinks.buyer import Buyer, Secrets
from leadgen_local.sinks.journal import Journal
from leadgen_local.sinks.mailbox import Mailbox
from leadgen_local.sinks.sms import Texts
from leadgen_local.sinks.stripe_account import WEBHOOK_SECRET
from leadgen_local.sinks.stripe_api import FakeStripe, Webhook
from leadgen_local.supervision.http_server import serve


def application(
    buyer: Buyer, mailbox: Mailbox, texts: Texts, stripe: FakeStripe, smtp_listener: socket.socket
) -> Starlette:
    """The HTTP side of all sinks; the SMTP sink listens as long as it runs."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        server = await mailbox.listen(smtp_listener)
        yield
        server.close()

    async def list_mail(request: Request) -> Response:
        return JSONResponse(mailbox.journal.entries())

    async def clear_mail(request: Request) -> Response:
        mailbox.journal.clear()
        return Response(status_code=204)

    routes = [
        Route("/mail", list_mail, methods=["GET"]),
        Route("/mail", clear_mail, methods=["DELETE"]),
        *texts.routes(),
        *stripe.routes(),
        *buyer.routes(),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def main() -> None:
    """Arguments: the descriptors of the listening HTTP and SMTP sockets, and the state directory."""
    http_listener, smtp_listener = (socket.socket(fileno=int(descriptor)) for descriptor in sys.argv[1:3])
    state = Path(sys.argv[3])
    host, port = http_listener.getsockname()
    behaviors: dict[str, Behavior] = {}
    buyer = Buyer(
        url=f"http://{host}:{port}",
        journal=Journal(state / "received.jsonl"),
        secrets=Secrets(os.environ["DATABASE_URL"]),
        behaviors=behaviors,
    )
    mailbox = Mailbox(Journal(state / "mail.jsonl"))
    texts = Texts(Journal(state / "sms.jsonl"), behaviors)
    webhook = Webhook(os.environ.get("PUBLIC_URL", "") + "/webhooks/stripe", WEBHOOK_SECRET)
    stripe = FakeStripe(buyer.url, Journal(state / "stripe.jsonl"), behaviors, webhook.send)
    serve(application(buyer, mailbox, texts, stripe, smtp_listener), http_listener, lifespan=True)


if __name__ == "__main__":
    main()
