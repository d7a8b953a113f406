"""What this machine's stack takes for a post, and from the post to the buyer's webhook.

Each figure stands beside one of the same run that does nothing of ours: a health check that is one HTTP request and one
SQL round trip. Quote the ratio; the milliseconds are this machine's of this moment.
"""

import http.client
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from leadgen.configuration.service.apply import apply_files
from leadgen_local.stack import Stack

POSTS = 100
WARM_UP = 20
MARKET = Path(__file__).with_name("market.yaml")

# The limits in milliseconds: p50, p95, p99; None where there is none.
INGEST_LIMITS = (10.0, 30.0, 60.0)
WEBHOOK_LIMITS = (60.0, None, 250.0)
_SETTLE_SECONDS = 10.0


def main() -> int:
    """Measure; 1 when a limit is broken."""
    with tempfile.TemporaryDirectory(prefix="leadgen-bench-") as folder:
        own = {"LEADGEN_STATE": folder, "LEADGEN_PORT": "0", "LOG_LEVEL": "WARNING", "DATABASE_URL": ""}
        stack = Stack({**os.environ, **own}, _quiet)
        try:
            stack.start()
            return _measure(stack)
        finally:
            stack.stop()


def _measure(stack: Stack) -> int:
    with psycopg.connect(stack.database_url) as conn:
        apply_files(conn, [MARKET], stack.environment)
    api = http.client.HTTPConnection(urlsplit(stack.api_url).netloc)
    with psycopg.connect(stack.database_url, autocommit=True) as conn:
        for number in range(WARM_UP):
            _await_taken(conn, _post(api, number))
        # One after the other, so that both see the same machine.
        pairs = [(_timed(partial(_get, api, "/health/db")), _timed(partial(_post, api, n))) for n in _numbers(1)]
        beside, ingest = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        webhook = _post_to_webhook(stack, api, conn)
    print(f"{'':32}{'p50':>9}{'p95':>9}{'p99':>9}   milliseconds, {POSTS} one at a time\n")
    _row("health check, one SQL round trip", beside, (None, None, None))
    kept = [_row("POST /api/leads", ingest, INGEST_LIMITS), _row("POST to webhook received", webhook, WEBHOOK_LIMITS)]
    ratio = statistics.median(ingest) / statistics.median(beside)
    print(f"\nA post takes {ratio:.1f} times the health check beside it (medians).")
    return 0 if all(kept) else 1


def _post_to_webhook(stack: Stack, api: http.client.HTTPConnection, conn: psycopg.Connection) -> list[float]:
    """From just before the post to the moment the fake buyer had the webhook, by the same machine's clock."""
    posted = {}
    for number in _numbers(2):
        at = time.time()
        lead_id = _post(api, number)
        posted[lead_id] = at
        _await_taken(conn, lead_id)
    sink = http.client.HTTPConnection(urlsplit(stack.sink_url).netloc)
    sink.request("GET", "/received")
    received = {
        json.loads(entry["body"])["data"]["lead_id"]: datetime.fromisoformat(entry["at"]).timestamp()
        for entry in json.load(sink.getresponse())
    }
    return [(received[lead_id] - at) * 1000 for lead_id, at in posted.items()]


def _post(api: http.client.HTTPConnection, number: int) -> int:
    body = {
        "source_key": "bench",
        "name": f"Person {number}",
        "email": f"person{number}@example.com",
        "phone": f"+1202555{number % 10_000:04d}",
        "postal_code": "20001",
        "message": "One of many",
    }
    api.request("POST", "/api/leads", json.dumps(body), {"Content-Type": "application/json"})
    answer = api.getresponse()
    lead = json.load(answer)
    if answer.status != 202:
        raise RuntimeError(f"the post was answered {answer.status}: {lead}")
    return int(lead["lead_id"])


def _get(api: http.client.HTTPConnection, path: str) -> None:
    api.request("GET", path)
    api.getresponse().read()


def _await_taken(conn: psycopg.Connection, lead_id: int) -> None:
    deadline = time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < deadline:
        if conn.execute("SELECT 1 FROM deliveries WHERE lead_id = %s AND status = 'succeeded'", (lead_id,)).fetchone():
            return
        time.sleep(0.005)
    raise RuntimeError(f"lead {lead_id} was not delivered within {_SETTLE_SECONDS:.0f} s")


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def _numbers(run: int) -> range:
    return range(run * 1000, run * 1000 + POSTS)


def _row(label: str, milliseconds: Sequence[float], limits: Sequence[float | None]) -> bool:
    ordered = sorted(milliseconds)
    figures = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.50, 0.95, 0.99)]
    broken = [limit for figure, limit in zip(figures, limits, strict=True) if limit is not None and figure > limit]
    wanted = " / ".join("-" if limit is None else f"{limit:.0f}" for limit in limits)
    verdict = "" if limits == (None, None, None) else f"   at most {wanted}: {'BROKEN' if broken else 'kept'}"
    print(f"{label:32}" + "".join(f"{figure:9.2f}" for figure in figures) + verdict)
    return not broken


def _quiet(line: str) -> None:
    """The stack's progress is not what is measured."""
