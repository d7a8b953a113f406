"""The report on the example leads tells what became of each, and whether that was expected."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from leadgen_local.examples import leads as example_leads


class Api(BaseHTTPRequestHandler):
    """Answers what the post asks for, and remembers the requests."""

    requests: list[tuple[str, dict[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.requests.append((self.path, dict(self.headers), body))
        wanted = json.loads(body) if body.startswith(b"{") else {}
        answer = json.dumps(wanted.get("answer", {})).encode()
        self.send_response(wanted.get("status", 202))
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def api() -> Iterator[HTTPServer]:
    Api.requests = []
    with HTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def leads(database_url: str) -> str:
    """A database with a lead in every final state: 1 billed, 2 rejected, 3 unrouted, 4 in review, 5 a duplicate."""
    with psycopg.connect(database_url) as conn:
        conn.execute("SET session_replication_role = replica")  # only these rows matter, not what they refer to
        conn.execute(
            """
            INSERT INTO buyers (id, name, email, phone) VALUES (1, 'Acme', 'a@example.com', '+15125550100');
            INSERT INTO leads (id, market_id, vertical_id, offer_id, source_id, name, email, phone, postal_code, status,
                               buyer_id, billing_status, price, delivered_price, price_components, validation_reason,
                               unrouted_at, unrouted_reason, is_duplicate)
            SELECT n, 1, 1, 1, 1, 'N', 'n@example.com', '+15125550101', '00000', s::lead_status,
                   buyer, b::billing_status, price, price, CASE WHEN price IS NOT NULL THEN '{}'::jsonb END, reason,
                   CASE WHEN unrouted IS NOT NULL THEN now() END, unrouted, duplicate
              FROM (VALUES (1, 'delivered', 1, 'billed', 45.00, NULL, NULL, false),
                           (2, 'rejected', NULL, 'pending', NULL, 'area', NULL, false),
                           (3, 'validated', NULL, 'pending', NULL, NULL, 'no_buyer', false),
                           (4, 'delivered', 1, 'pending', 45.00, NULL, NULL, false),
                           (5, 'rejected', NULL, 'pending', NULL, 'duplicate', NULL, true))
                   AS v(n, s, buyer, b, price, reason, unrouted, duplicate);
            INSERT INTO deliveries (lead_id, buyer_id, status, channel, review_reason)
            VALUES (4, 1, 'in_review', 'webhook', 'no_endpoint');
            """
        )
    return database_url


def a_line(lead: int | None, *, status: int = 202, answer: dict[str, Any] | None = None, **expect: Any) -> str:
    answered = {"lead_id": lead} if answer is None else answer
    post = {"path": "/api/leads", "json": {"answer": answered, "status": status}}
    return json.dumps({"note": f"lead {lead}", "post": post, "expect": {"status": status, **expect}})


def run(api: HTTPServer, database_url: str, tmp_path: Path, *lines: str) -> tuple[bool, list[str]]:
    file = tmp_path / "leads.jsonl"
    file.write_text("\n".join(lines) + "\n")
    said: list[str] = []
    return example_leads.run(f"http://127.0.0.1:{api.server_port}", database_url, file, said.append), said


def test_every_outcome_is_recognized(api: HTTPServer, leads: str, tmp_path: Path) -> None:
    good, said = run(
        api,
        leads,
        tmp_path,
        a_line(1, outcome="billed", buyer="Acme", price="45.00", reason=None),
        a_line(2, outcome="rejected", buyer=None, price=None, reason="area"),
        a_line(3, outcome="unrouted", reason="no_buyer"),
        a_line(4, outcome="in_review", buyer="Acme", price="45.00", reason="no_endpoint"),
        a_line(5, outcome="rejected", reason="duplicate", duplicate=True),
        a_line(1, outcome="billed", buyer="Acme", price="45.00", replay_of=1),
        a_line(None, status=400, answer={"error": {"code": "invalid_source"}}, outcome="error", error="invalid_source"),
    )
    assert good, "\n".join(said)
    assert sum(line.endswith("✓") for line in said) == 7
    assert any(line.startswith("7 of 7 leads became what they should.") for line in said)


@pytest.mark.parametrize(
    "wrong",
    [
        {"outcome": "billed", "buyer": "Other", "price": "45.00"},
        {"outcome": "billed", "buyer": "Acme", "price": "46.00"},
        {"outcome": "billed", "buyer": "Acme", "price": "45.00", "reason": "why"},
        {"outcome": "billed", "buyer": "Acme", "price": "45.00", "duplicate": True},
        {"outcome": "rejected"},
        {"outcome": "error", "error": "invalid_source"},
    ],
)
def test_what_differs_is_not_as_expected(api: HTTPServer, leads: str, tmp_path: Path, wrong: dict[str, Any]) -> None:
    good, said = run(api, leads, tmp_path, a_line(1, **wrong))
    assert not good
    assert any("✗ " in line for line in said)


def test_a_repeat_must_be_answered_with_the_same_lead(api: HTTPServer, leads: str, tmp_path: Path) -> None:
    first = a_line(1, outcome="billed", buyer="Acme", price="45.00")
    other = a_line(3, outcome="unrouted", reason="no_buyer", replay_of=1)
    good, _ = run(api, leads, tmp_path, first, other)
    assert not good


def test_a_post_has_its_own_host_headers_and_form(api: HTTPServer, leads: str, tmp_path: Path) -> None:
    post = {
        "path": "/page",
        "host": "leads.example.com",
        "headers": {"X-Test": "1"},
        "form": {"name": "Zoë", "zip": "1"},
    }
    run(api, leads, tmp_path, json.dumps({"note": "form", "post": post, "expect": {}}))
    ((path, headers, body),) = Api.requests
    assert path == "/page"
    assert headers["Host"] == "leads.example.com"
    assert headers["X-Test"] == "1"
    assert headers["Prefer"] == "wait=10"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert body == b"name=Zo%C3%AB&zip=1"
