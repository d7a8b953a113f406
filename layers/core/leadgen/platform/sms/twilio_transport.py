"""Twilio's library on our own egress client. Imported where an SMS is sent, and nowhere before: the library is slow."""

import base64
import logging
from urllib.parse import urlencode, urlsplit

from twilio.base.exceptions import TwilioException
from twilio.http import HttpClient
from twilio.http.response import Response

from leadgen.platform import settings
from leadgen.platform.egress import http_client

_SENT_ON = ("Content-Type", "Accept", "User-Agent")


class TwilioCalls(HttpClient):  # type: ignore[misc]  # the library is not typed
    """Makes the library's calls: to the configured address, within ``seconds``, and without a line of log."""

    def __init__(self, seconds: float) -> None:
        super().__init__(logging.getLogger(__name__), is_async=False, timeout=seconds)
        self._seconds = seconds

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Raises what ``http_client.post`` raises."""
        if method != "POST" or params or auth is None:
            raise TwilioException("only messages are sent")
        configured = settings.current()
        answer = http_client.post(
            configured.twilio_api_url + urlsplit(uri).path,
            urlencode(data or {}, doseq=True).encode(),
            {name: value for name, value in (headers or {}).items() if name in _SENT_ON},
            timeout_seconds=self._seconds,
            allowed_origins=configured.egress_allowed_origins,
            allowed_ports=configured.egress_ports,
            authorization=f"Basic {base64.b64encode(':'.join(auth).encode()).decode()}",
        )
        return Response(answer.status, answer.body.decode(errors="replace"), answer.headers)
