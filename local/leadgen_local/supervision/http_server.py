"""Serves an ASGI application on a socket that was opened by the parent process."""

import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from leadgen_local.supervision import readiness

_GRACE_SECONDS = 3


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        readiness.announce()


def serve(app: Callable[..., Any], listener: socket.socket, *, lifespan: bool = False) -> None:
    """Serve until SIGTERM; requests under way get a few seconds to end.

    The peer's address is taken from the connection alone, as API Gateway does, never from a header.
    """
    config = uvicorn.Config(
        app,
        lifespan="on" if lifespan else "off",
        ws="none",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    _Server(config).run(sockets=[listener])
