"""Stripe's library on our own egress client. Imported where Stripe is called, and nowhere before: it is slow."""

import logging
from collections.abc import Mapping
from typing import Any

import stripe

from leadgen.platform import settings
from leadgen.platform.egress import http_client

_SENT_ON = ("Content-Type", "User-Agent", "Idempotency-Key", "Stripe-Version")
# A hundred refunds in one list.
_LONGEST_ANSWER = 256 * 1024

# The library would send Stripe how long its calls take, and keep an id of this machine for that.
stripe.enable_telemetry = False
# What it would log holds bodies.
logging.getLogger("stripe").setLevel(logging.WARNING)


class StripeCalls(stripe.HTTPClient):
    """Makes the library's calls: to the configured address, within ``seconds``, each once."""

    name = "leadgen"

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        """Raises what ``http_client.post`` and ``get`` raise; NoAnswer also for an answer that is cut short."""
        configured = settings.current()
        given = headers or {}
        sent = {name: value for name, value in given.items() if name in _SENT_ON}
        how: dict[str, Any] = {
            "timeout_seconds": self._seconds,
            "allowed_origins": configured.egress_allowed_origins,
            "allowed_ports": configured.egress_ports,
            "authorization": given["Authorization"],
            "longest_answer": _LONGEST_ANSWER,
        }
        if method == "get":
            answer = http_client.get(url, sent, **how)
        else:
            answer = http_client.post(url, (post_data or "").encode(), sent, **how)
        if not answer.complete:
            raise http_client.NoAnswer("the answer is cut short")
        return answer.body.decode(errors="replace"), answer.status, answer.headers

    def close(self) -> None:
        """Nothing is kept open."""
