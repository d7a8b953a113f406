"""Endpoints as operators see them, one called again by hand, and those that nothing refers to any more."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from leadgen import cli
from tests.support.factories import a_buyer
from tests.support.servers.buyer_endpoint import BuyerEndpoint, Mailbox
from tests.support.stages.deliveries import a_routed_lead, deliver
from tests.support.stages.functions import Functions
from tests.support.stages.reviews import a_token, fetch

Capsys = pytest.CaptureFixture[str]


def an_endpoint(conn: Connection[Any], owner: str, url: str, **values: Any) -> int:
    columns = {"owner": owner, "url": url} | values
    row = conn.execute(
        f"INSERT INTO endpoints ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"
        " RETURNING id".encode(),
        list(columns.values()),
    ).fetchone()
    assert row is not None
    return int(row[0])


def operator(token: str | None = None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token or a_token()}"}


def reset(functions: Functions, endpoint: object, token: str | None = None) -> tuple[int, Any]:
    answer = functions.client("api").post(f"/api/endpoints/{endpoint}/reset", headers=operator(token))
    told = answer.json()
    return answer.status_code, told.get("error", told)


def test_endpoints_in_trouble_come_first_and_no_query_is_shown(
    conn: Connection[Any], functions: Functions, now: datetime, capsys: Capsys
) -> None:
    buyer = a_buyer(conn, name="Rocky Roofs")
    well = an_endpoint(conn, f"buyer:{buyer}", "https://rocky.example/well?key=geheim", state_since=now)
    ill = an_endpoint(
        conn, f"buyer:{buyer}", "https://rocky.example/ill#geheim", state="open", reason="status 503", failures=3,
        openings=1, allowed=5, open_until=now + timedelta(seconds=10), state_since=now,
    )  # fmt: skip
    an_endpoint(conn, "operator", "mail:", state_since=now)
    found = fetch(functions, "/api/endpoints")["endpoints"]
    assert found[0] == {
        "endpoint_id": ill, "owner": f"buyer:{buyer}", "name": "Rocky Roofs", "url": "https://rocky.example/ill",
        "state": "open", "since": "2026-06-17T12:00:00+00:00", "reason": "status 503", "failures": 3, "allowed": 5,
        "calls": 0, "next_probe_at": "2026-06-17T12:00:10+00:00",
    }  # fmt: skip
    assert {one["endpoint_id"]: (one["name"], one["url"]) for one in found}[well] == (
        "Rocky Roofs", "https://rocky.example/well",
    )  # fmt: skip
    assert "geheim" not in str(found)
    assert cli.main(["endpoint", "list"]) == cli.DONE
    said = capsys.readouterr().out
    assert max(len(line) for line in said.splitlines()) <= 100
    assert "geheim" not in said
    assert said.splitlines()[1].split()[0] == str(ill)
    assert "12:00:10" in said
    assert "0/5" in said


def test_with_no_endpoint_it_says_so(conn: Connection[Any], capsys: Capsys) -> None:
    assert cli.main(["endpoint", "list"]) == cli.DONE
    assert capsys.readouterr().out == "No endpoint was called yet.\n"


def test_the_number_of_statements_does_not_grow_with_the_endpoints(
    conn: Connection[Any], functions: Functions, statements: list[str]
) -> None:
    counts = []
    for _ in range(2):
        for _ in range(5):
            buyer = a_buyer(conn)
            an_endpoint(conn, f"buyer:{buyer}", f"https://b{buyer}.example/")
        statements.clear()
        counts.append((len(fetch(functions, "/api/endpoints")["endpoints"]), len(statements)))
    assert counts == [(5, counts[0][1]), (10, counts[0][1])]


def test_an_endpoint_that_was_gone_is_called_again_when_an_operator_opens_it(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, mailbox: Mailbox
) -> None:
    buyer_endpoint.statuses = [410]
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url("/hook?key=geheim"), email="buyer@example.com")
    deliver(functions, lead)
    ((endpoint, state),) = conn.execute("SELECT id, state FROM endpoints").fetchall()
    assert state == "gone"
    assert reset(functions, endpoint) == (
        200,
        {"endpoint_id": endpoint, "state": "closed", "url": buyer_endpoint.url("/hook"), "repeated": False},
    )
    ((action, before, after),) = conn.execute("SELECT action, before_state, after_state FROM audit_logs").fetchall()
    assert (action, before["breaker"]["state"], after["breaker"]["state"], after["by"]) == (
        "endpoint.reset", "gone", "closed", "op",
    )  # fmt: skip
    assert "geheim" not in str((before, after))
    assert reset(functions, endpoint)[1]["repeated"]
    of_before = functions.client("api").post(f"/api/endpoints/{endpoint}/open", headers=operator())
    assert of_before.json()["repeated"]
    assert conn.execute("SELECT count(*) FROM audit_logs").fetchone() == (1,)
    conn.execute("UPDATE deliveries SET channel = 'webhook', next_attempt_at = '-infinity'")
    assert deliver(functions, lead) == ["delivered"]
    assert len(buyer_endpoint.received) == 2


def test_an_open_endpoint_is_called_at_once_when_an_operator_says_so(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, capsys: Capsys
) -> None:
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    buyer = conn.execute("SELECT id FROM buyers").fetchone()
    assert buyer is not None
    endpoint = an_endpoint(
        conn, f"buyer:{buyer[0]}", buyer_endpoint.url(), state="open", failures=3, openings=4,
        open_until="2999-01-01T00:00:00Z",
    )  # fmt: skip
    assert cli.main(["endpoint", "reset", str(endpoint)]) == cli.DONE
    assert "is called again" in capsys.readouterr().out
    assert deliver(functions, lead) == ["delivered"]
    assert cli.main(["endpoint", "reset", str(endpoint)]) == cli.DONE
    assert "nothing is done" in capsys.readouterr().out


def test_an_endpoint_that_is_not_there_is_not_opened(
    conn: Connection[Any], functions: Functions, capsys: Capsys
) -> None:
    for unknown in (7, 99999999999):
        status, error = reset(functions, unknown)
        assert (status, error["code"]) == (404, "not_found")
    assert reset(functions, "x")[0] == 400
    assert cli.main(["endpoint", "reset", "7"]) == cli.FAILED
    assert "there is no endpoint 7" in capsys.readouterr().err


def test_only_a_person_opens_an_endpoint(conn: Connection[Any], functions: Functions) -> None:
    endpoint = an_endpoint(conn, "operator", "mail:", state="gone")
    assert reset(functions, endpoint, a_token("system"))[0] == 403
    assert conn.execute("SELECT state FROM endpoints").fetchone() == ("gone",)


def test_an_endpoint_that_nothing_refers_to_is_forgotten_after_90_days(
    conn: Connection[Any], functions: Functions, now: datetime
) -> None:
    long_ago = now - timedelta(days=90, microseconds=1)
    lead = a_routed_lead(conn)
    used = an_endpoint(conn, "buyer:1", "https://a.example/used", state_since=long_ago)
    conn.execute("UPDATE deliveries SET endpoint_id = %s WHERE lead_id = %s", (used, lead))
    told = an_endpoint(conn, "buyer:1", "https://a.example/told", state_since=long_ago)
    conn.execute(
        "INSERT INTO notices (kind, event, delivery_id, endpoint_id, status, due_at, settled_at, created_at)"
        " SELECT 'replay', 'lead.delivered', id, %(endpoint)s, 'succeeded', %(now)s, %(now)s, %(now)s FROM deliveries",
        {"endpoint": told, "now": now},
    )
    an_endpoint(conn, "buyer:1", "https://a.example/unused", state_since=long_ago)
    young = an_endpoint(conn, "buyer:1", "https://a.example/young", state_since=now - timedelta(days=90))
    assert functions.module("retain").run(now)["endpoints_forgotten"] == 1
    assert conn.execute("SELECT id FROM endpoints ORDER BY id").fetchall() == [(used,), (told,), (young,)]
