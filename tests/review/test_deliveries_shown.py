"""What an operator is shown of deliveries: all that a verdict needs, and nothing of the person."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from psycopg import Connection

from leadgen.delivery.domain.verdicts import NAMES
from tests.support.servers.buyer_endpoint import BuyerEndpoint
from tests.support.stages.deliveries import deliver, make_due
from tests.support.stages.functions import Functions
from tests.support.stages.reviews import Market, a_token, decide, fetch


def test_the_number_of_statements_does_not_grow_with_the_queue(
    conn: Connection[Any], functions: Functions, market: Market, statements: list[str]
) -> None:
    counts = []
    for _ in range(2):
        for _ in range(5):
            market.in_review(functions)
        statements.clear()
        found = fetch(functions, "/api/review")["deliveries"]
        counts.append((len(found), len(statements)))
    assert counts[0][0] == 5
    assert counts[1] == (10, counts[0][1])


def test_the_queue_tells_what_an_operator_needs(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    config = {"strategy": "priority_based", "rejection": {"action": "review"}}
    market = Market(conn, buyer_endpoint.url("/first"), config=config)
    conn.execute(
        "UPDATE buyer_offers SET delivery = %s",
        ('{"answer": {"type": "json", "rejected_when": [{"path": "r", "equals": "no"}], "reason": "why"}}',),
    )
    buyer_endpoint.bodies = {"/first": b'{"r": "no", "why": "not in our area"}'}
    lead = market.lead(functions)
    assert deliver(functions, lead) == ["in_review"]
    (found,) = fetch(functions, "/api/review")["deliveries"]
    last = found.pop("last_attempt")
    assert (last["channel"], last["outcome"], last["http_status"]) == ("webhook", "rejected", 200)
    assert last["started_at"]
    assert {**found, "delivery_id": "", "since": ""} == {
        "delivery_id": "", "lead_id": lead, "buyer_id": market.buyers[0], "buyer": found["buyer"],
        "status": "in_review", "since": "", "reason": "rejected",
        "words": "waits for a person: the buyer rejected it, and the policy leaves the rest to a person",
        "channel": "webhook", "next_attempt_at": None, "outcome_unknown": False, "rejection": "not in our area",
        "reference": None, "attempts": 1, "verdicts": list(NAMES),
    }  # fmt: skip


def test_what_a_buyer_says_after_doubt_is_kept_for_the_operator(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    market = Market(conn, buyer_endpoint.url("/first"))
    conn.execute(
        "UPDATE buyer_offers SET delivery = %s",
        ('{"answer": {"type": "text", "rejected_when": [{"contains": "duplicate"}]}}',),
    )
    buyer_endpoint.bodies = {"/first": b"a duplicate of 17"}
    lead = market.lead(functions)
    conn.execute("UPDATE deliveries SET outcome_unknown = true")
    assert deliver(functions, lead) == ["in_review"]
    (found,) = fetch(functions, "/api/review")["deliveries"]
    assert (found["reason"], found["rejection"], found["outcome_unknown"]) == (
        "rejected_outcome_unknown",
        "a duplicate of 17",
        True,
    )


def test_a_delivery_is_shown_with_every_attempt_its_endpoint_and_nothing_of_the_person(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    market = Market(conn, buyer_endpoint.url("/hook?key=geheim"))
    buyer_endpoint.statuses = [503]
    lead = market.lead(functions)
    deliver(functions, lead)
    make_due(conn)
    conn.execute("UPDATE endpoints SET open_until = NULL")
    assert deliver(functions, lead) == ["delivered"]
    ((delivery,),) = conn.execute("SELECT id::text FROM deliveries").fetchall()
    shown = fetch(functions, f"/api/deliveries/{delivery}")
    assert [(one["attempt"], one["outcome"], one["http_status"]) for one in shown["timeline"]] == [
        (1, "failed", 503), (2, "succeeded", 200),
    ]  # fmt: skip
    assert shown["timeline"][0]["words"] == "failed: the buyer does not have it"
    assert shown["endpoint"]["url"] == buyer_endpoint.url("/hook")
    assert shown["endpoint"]["state"] == "closed"
    assert (shown["content_type"], shown["body_bytes"]) == ("application/json", len(buyer_endpoint.received[0].body))
    assert "Sentinel" not in str(shown)
    assert "geheim" not in str(shown)
    of_lead = fetch(functions, f"/api/leads/{lead}")
    assert of_lead["deliveries"] == [shown]
    missing = functions.client("api").get(
        f"/api/deliveries/{uuid4()}", headers={"Authorization": f"Bearer {a_token()}"}
    )
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")


def test_nothing_that_is_said_of_a_person_is_logged(
    conn: Connection[Any], functions: Functions, market: Market, output: Callable[[], str]
) -> None:
    lead, delivery = market.in_review(functions, "rejected", rejection="Jane Roe is known")
    fetch(functions, f"/api/deliveries/{delivery}")
    decide(functions, delivery, "reject", reason="called Jane Roe at 555 0100")
    said = output()
    assert f'"lead_id":{lead}' in said.replace(" ", "")
    assert "reject" in said
    for personal in ("Jane", "Roe", "0100", "Sentinel"):
        assert personal not in said
