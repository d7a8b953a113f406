"""The HTTP gateway: the FastAPI applications of the template's HTTP functions behind the template's routes.

The applications get the request as it came, with its full path; everything they enforce they enforce themselves.
"""

import json
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from leadgen_local import handlers
from leadgen_local.gateway.route_table import RouteTable
from leadgen_local.supervision.http_server import serve
from leadgen_local.template import reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

_NOT_FOUND = {"code": "not_found", "message": "there is no such address", "details": {}}
_NOT_FOUND_BODY = json.dumps({"error": _NOT_FOUND, "detail": _NOT_FOUND}).encode()


class Gateway:
    """The ASGI application in front of the functions' own; `applications` are called by function name."""

    def __init__(self, routes: RouteTable, applications: "Mapping[str, ASGI3Application]") -> None:
        self._routes = routes
        self._applications = applications

    async def __call__(self, scope: "Scope", receive: "ASGIReceiveCallable", send: "ASGISendCallable") -> None:
        """Hand one request to the application that the routes name."""
        request = cast("HTTPScope", scope)  # the server hands over nothing else
        function = self._routes.function(request["method"], request["path"])
        if function is None:
            await _answer_not_found(send)
        else:
            await self._applications[function](scope, receive, send)


async def _answer_not_found(send: "ASGISendCallable") -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(_NOT_FOUND_BODY)).encode())]
    await send({"type": "http.response.start", "status": 404, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": _NOT_FOUND_BODY, "more_body": False})


def build(described: reader.Template) -> Gateway:
    """Load every function that has a route and put the gateway before them."""
    names = {route.function for route in described.routes}
    loaded = handlers.load_all(described.functions[name] for name in sorted(names))
    applications = {name: handler.module.app for name, handler in loaded.items()}
    return Gateway(RouteTable(described.routes), applications)


def main() -> None:
    """Arguments: the descriptor of the listening socket, and the template."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    serve(build(reader.load(Path(sys.argv[2]))), listener)


if __name__ == "__main__":
    main()
