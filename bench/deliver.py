"""Whether buyers that hang cost the others anything: from routing to taken, without any and with half of them hanging.

One stack, one stream of leads for twenty buyers at a steady rate. In turn, all of them answer, and every second one
takes the call and never answers; the two alternate, so that both see the same machine. What is measured both times are
the leads of the others. Each turn begins with breakers that know nothing.
"""

import http.client
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import yaml

from leadgen.configuration.service.apply import apply_files
from leadgen_local.stack import Stack

BUYERS = 20
LEADS_A_SECOND = 10
SECONDS = 30
TURNS = 4
WARM_UP_SECONDS = 5

# The issue's limit: the healthy buyers' p99 with half of the buyers hanging, as a multiple of that without.
LIMIT = 1.1
_SETTLE_SECONDS = 30.0


def main() -> int:
    """Measure; 1 when the limit is broken."""
    with tempfile.TemporaryDirectory(prefix="leadgen-bench-") as folder:
        own = {"LEADGEN_STATE": folder, "LEADGEN_PORT": "0", "LOG_LEVEL": "WARNING", "DATABASE_URL": ""}
        stack = Stack({**os.environ, **own}, _quiet)
        try:
            stack.start()
            return _measure(stack, Path(folder))
        finally:
            stack.stop()


def _measure(stack: Stack, folder: Path) -> int:
    with psycopg.connect(stack.database_url) as conn:
        file = folder / "market.yaml"
        file.write_text(yaml.safe_dump(_market(stack.sink_url)))
        apply_files(conn, [file], stack.environment)
    api = http.client.HTTPConnection(urlsplit(stack.api_url).netloc)
    with psycopg.connect(stack.database_url, autocommit=True) as conn:
        _send(api, WARM_UP_SECONDS, 0)
        _await_taken(conn)
        print(f"{LEADS_A_SECOND} leads a second for {BUYERS} buyers, {TURNS} x {SECONDS} s of each\n")
        found: dict[str, list[float]] = {"ok": [], "hang": []}
        for turn, mode in enumerate(("ok", "hang") * TURNS):
            for number in range(0, BUYERS, 2):
                _set_behavior(stack.sink_url, number, mode)
            conn.execute("UPDATE endpoints SET state = 'closed', failures = 0, openings = 0, open_until = NULL")
            found[mode] += _turn(api, conn, turn + 1)
    print(f"{'from routing to taken':32}{'p50':>9}{'p95':>9}{'p99':>9}   milliseconds, {BUYERS // 2} buyers\n")
    without, hanging = _row("all buyers answer", found["ok"]), _row("every second one hangs", found["hang"])
    ratio = hanging / without
    print(f"\nWith half of the buyers hanging the others' p99 is {ratio:.2f} times that without; at most {LIMIT}.")
    return 0 if ratio <= LIMIT else 1


def _turn(api: http.client.HTTPConnection, conn: psycopg.Connection, number: int) -> list[float]:
    """Send the leads and wait for those of the buyers that answer; how long each took, in milliseconds."""
    first = _send(api, SECONDS, number)
    _await_taken(conn)
    rows = conn.execute(
        """
        SELECT extract(epoch FROM d.settled_at - l.delivered_at) * 1000
          FROM leads l JOIN deliveries d ON d.lead_id = l.id
         WHERE l.id >= %s AND right(l.postal_code, 2)::int %% 2 = 1 AND d.status = 'succeeded'
        """,
        (first,),
    )
    return [float(row[0]) for row in rows]


def _row(label: str, milliseconds: Sequence[float]) -> float:
    """Print the figures; the p99."""
    cuts = statistics.quantiles(milliseconds, n=100)
    figures = cuts[49], cuts[94], cuts[98]
    print(f"{label:32}" + "".join(f"{figure:9.1f}" for figure in figures) + f"   {len(milliseconds)} leads")
    return figures[2]


def _send(api: http.client.HTTPConnection, seconds: int, phase: int) -> int:
    """Post at a steady rate, whatever becomes of the leads; the first one's id."""
    began, first = time.monotonic(), 0
    for number in range(seconds * LEADS_A_SECOND):
        time.sleep(max(0.0, began + number / LEADS_A_SECOND - time.monotonic()))
        first = min(first or 2**31, _post(api, phase * 100_000 + number, number % BUYERS))
    return first


def _post(api: http.client.HTTPConnection, number: int, buyer: int) -> int:
    body = {
        "source_key": "bench",
        "name": f"Person {number}",
        "email": f"person{number}@example.com",
        "phone": f"+1202{number:07d}",
        "postal_code": f"200{buyer:02d}",
        "message": "One of many",
    }
    api.request("POST", "/api/leads", json.dumps(body), {"Content-Type": "application/json"})
    answer = api.getresponse()
    lead = json.load(answer)
    if answer.status != 202:
        raise RuntimeError(f"the post was answered {answer.status}: {lead}")
    return int(lead["lead_id"])


def _await_taken(conn: psycopg.Connection) -> None:
    deadline = time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < deadline:
        left = conn.execute(
            """
            SELECT count(*) FROM leads l LEFT JOIN deliveries d ON d.lead_id = l.id
             WHERE right(l.postal_code, 2)::int % 2 = 1 AND d.status IS DISTINCT FROM 'succeeded'
            """
        ).fetchone()
        if left == (0,):
            return
        time.sleep(0.1)
    raise RuntimeError(f"leads of buyers that answer were not taken within {_SETTLE_SECONDS:.0f} s")


def _set_behavior(sink_url: str, buyer: int, mode: str) -> None:
    sink = http.client.HTTPConnection(urlsplit(sink_url).netloc)
    behavior = json.dumps({"path": f"/buyers/{buyer:02d}", "mode": mode})
    sink.request("PUT", "/behavior", behavior, {"Content-Type": "application/json"})
    if sink.getresponse().status != 200:
        raise RuntimeError("the fake buyer did not take its behavior")


def _market(sink_url: str) -> dict[str, object]:
    offer = {
        "name": "Leads",
        "price": "10.00",
        "validation_policy": {"name": "bench", "rules": {}},
        "routing_policy": {"name": "bench", "config": {"strategy": "priority_based"}},
        "sources": [{"source_key": "bench", "kind": "partner_api", "name": "Bench"}],
    }
    buyers = [
        {
            "name": f"Buyer {number:02d}",
            "email": f"buyer{number:02d}@example.com",
            "phone": "+12025550100",
            "webhook_url": f"{sink_url}/buyers/{number:02d}",
            "webhook_secret": "the-secret-of-the-bench",
            "service_areas": {"postal_codes": [f"200{number:02d}"]},
            "offers": [{"offer": "Leads"}],
        }
        for number in range(BUYERS)
    ]
    market = {"name": "Bench", "country_code": "US", "timezone": "America/New_York", "currency": "USD"}
    return {"market": market, "vertical": {"slug": "bench", "name": "Bench"}, "offers": [offer], "buyers": buyers}


def _quiet(line: str) -> None:
    """The stack's progress is not what is measured."""
