"""The SMS sink: takes messages as Twilio's API does and keeps them to be read."""

import base64
import email.utils
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leadgen_local.sinks.behavior import Behavior, failure
from leadgen_local.sinks.journal import Journal

PATH = "/sms"
"""Where messages are read and forgotten, and by which a behavior names this sink."""

ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "of-the-sms-sink"  # noqa: S105 - it opens nothing but the sink
PHONE_NUMBER = "+15125550100"

# Twilio's error code for a status: no such number, the credentials, too many, anything else.
_CODES = {400: 21211, 401: 20003, 429: 20429}
_ANY_CODE = 20500


@dataclass(frozen=True)
class Texts:
    """Every SMS taken: `{from, to, body, sid, at}` in the journal."""

    journal: Journal
    behaviors: dict[str, Behavior]

    def routes(self) -> list[Route]:
        """Its HTTP routes."""
        return [
            Route(PATH, self._list, methods=["GET"]),
            Route(PATH, self._clear, methods=["DELETE"]),
            Route("/2010-04-01/Accounts/{account}/Messages.json", self._take, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        return JSONResponse(self.journal.entries())

    async def _clear(self, request: Request) -> Response:
        self.journal.clear()
        return Response(status_code=204)

    async def _take(self, request: Request) -> Response:
        account = request.path_params["account"]
        if not _is_authorized(account, request.headers.get("authorization", "")):
            return _refusal(401)
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        if not {"To", "From", "Body"} <= form.keys():
            return _refusal(400)
        now = datetime.now(UTC)
        sid = f"SM{secrets.token_hex(16)}"
        entry = {"from": form["From"], "to": form["To"], "body": form["Body"], "sid": sid, "at": now.isoformat()}
        behavior = self.behaviors.get(PATH)
        if behavior is None or behavior.mode != "error":
            self.journal.append(entry)  # before the answer: one that hangs has taken it all the same
        status = await failure(behavior, request)
        if status is not None:
            return _refusal(status)
        return JSONResponse(_message(account, entry, now), status_code=201)


def _is_authorized(account: str, header: str) -> bool:
    expected = base64.b64encode(f"{account}:{AUTH_TOKEN}".encode()).decode()
    return hmac.compare_digest(header.encode(), f"Basic {expected}".encode())


def _refusal(status: int) -> Response:
    code = _CODES.get(status, _ANY_CODE)
    error = {"code": code, "message": "as configured", "more_info": f"https://www.twilio.com/docs/errors/{code}"}
    return JSONResponse(error | {"status": status}, status_code=status)


def _message(account: str, entry: dict[str, str], now: datetime) -> dict[str, Any]:
    date = email.utils.format_datetime(now)
    return {
        "account_sid": account,
        "api_version": "2010-04-01",
        "body": entry["body"],
        "date_created": date,
        "date_sent": None,
        "date_updated": date,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": entry["from"],
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "sid": entry["sid"],
        "status": "queued",
        "subresource_uris": {},
        "to": entry["to"],
        "uri": f"/2010-04-01/Accounts/{account}/Messages/{entry['sid']}.json",
    }
