"""An operator's verdicts on deliveries: each does what it says, once, and nothing where it may not."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection

from leadgen.adapters import clock
from leadgen.domain.delivery import MOST_LOST
from leadgen.domain.delivery_verdicts import NAMES
from leadgen.operations import replaying
from leadgen.operations.acting import Actor
from leadgen.operations.replaying import ReplayImpossible
from leadgen.store import deliveries
from leadgen.store.deliveries import Settlement
from tests.factories import a_buyer, an_enrolment
from tests.functions.delivering import deliver, make_due
from tests.functions.endpoints import BuyerEndpoint, Mailbox
from tests.functions.reviewing import NOTHING, ONE, Market, a_token, ask, decide, delivery_row, lead_row
from tests.functions_under_test import Functions
from tests.messages import messages, told, waiting

ROUNDS = 50


@pytest.fixture
def market(conn: Connection[Any], buyer_endpoint: BuyerEndpoint) -> Market:
    """Two buyers with a webhook each."""
    return Market(conn, buyer_endpoint.url("/first"), buyer_endpoint.url("/second"))


def route(functions: Functions, lead: int) -> None:
    functions.module("route").process(messages("lead.validated", [lead]), clock.now())


def audits(conn: Connection[Any]) -> list[tuple[Any, ...]]:
    return conn.execute(
        "SELECT action, resource_type, resource_id, before_state, after_state, user_agent FROM audit_logs ORDER BY id"
    ).fetchall()


def test_redelivered_it_is_called_again_at_once_with_the_same_bytes_under_the_same_id(
    conn: Connection[Any], functions: Functions, market: Market, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.statuses = [500] * 3
    conn.execute("UPDATE buyers SET email_notifications = false")
    lead = market.lead(functions)
    for _ in range(3):
        deliver(functions, lead)
        make_due(conn)
        conn.execute("UPDATE endpoints SET state = 'closed', failures = 0, open_until = NULL")
    ((delivery, status),) = conn.execute("SELECT id::text, status FROM deliveries").fetchall()
    assert status == "in_review"
    assert decide(functions, delivery, "redeliver", reason="they have mended it") == (
        200,
        {"delivery_id": delivery, "lead_id": lead, "verdict": "redeliver", "status": "pending",
         "lead_status": "delivered", "in_doubt": False, "repeated": False},
    )  # fmt: skip
    assert delivery_row(conn, delivery) == ("pending", "webhook", 3, 3, False, None, None, "redeliver")
    assert waiting(conn, "deliver")[-1]["event"] == "delivery.due"
    assert deliver(functions, lead) == ["delivered"]
    assert len({request.headers["X-LeadGen-Delivery-Id"] for request in buyer_endpoint.received}) == 1
    assert len({request.body for request in buyer_endpoint.received}) == 1
    assert len(buyer_endpoint.received) == 4


def test_redelivered_it_has_its_whole_schedule_again(
    conn: Connection[Any], functions: Functions, market: Market, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.statuses = [500] * 3
    conn.execute("UPDATE buyers SET email_notifications = false")
    lead, delivery = market.in_review(functions)
    decide(functions, delivery, "redeliver")
    outcomes = []
    for _ in range(3):
        outcomes += deliver(functions, lead)
        make_due(conn)
        conn.execute("UPDATE endpoints SET state = 'closed', failures = 0, open_until = NULL")
    assert outcomes == ["retry", "retry", "in_review"]


def test_redelivered_it_goes_by_the_channel_that_the_buyer_has_now(
    conn: Connection[Any], functions: Functions, market: Market, mailbox: Mailbox
) -> None:
    lead, delivery = market.in_review(functions)
    conn.execute("UPDATE buyers SET webhook_url = NULL")
    decide(functions, delivery, "redeliver")
    assert delivery_row(conn, delivery)[:2] == ("pending", "email")
    assert deliver(functions, lead) == ["delivered"]
    assert len(mailbox.mails) == 1


def test_a_buyer_that_cannot_be_reached_at_all_is_not_tried_again(
    conn: Connection[Any], functions: Functions, market: Market
) -> None:
    _, delivery = market.in_review(functions)
    conn.execute("UPDATE buyers SET webhook_url = NULL, email_notifications = false")
    status, error = decide(functions, delivery, "redeliver")
    assert (status, error["code"]) == (409, "no_channel")
    assert delivery_row(conn, delivery)[0] == "in_review"


def test_what_was_in_doubt_stays_in_doubt_when_it_is_delivered_again(
    conn: Connection[Any], functions: Functions, market: Market, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.statuses = [410]
    lead, delivery = market.in_review(functions, "unknown", in_doubt=True)
    decide(functions, delivery, "redeliver")
    assert deliver(functions, lead) == ["in_review"]  # neither mailed nor sold to the second
    assert delivery_row(conn, delivery)[4:6] == (True, "unknown")


def test_a_delivery_over_which_workers_died_can_be_made_again(
    conn: Connection[Any], functions: Functions, market: Market
) -> None:
    lead, delivery = market.in_review(
        functions, "workers_died", attempts=MOST_LOST, lost_attempts=MOST_LOST, uncounted=MOST_LOST
    )
    decide(functions, delivery, "redeliver")
    assert deliver(functions, lead) == ["delivered"]


def test_a_mended_format_is_what_a_redelivery_is_written_in(
    conn: Connection[Any], functions: Functions, market: Market, buyer_endpoint: BuyerEndpoint
) -> None:
    conn.execute("""UPDATE buyer_offers SET delivery = '{"format": {"type": "fax"}}'""")
    lead = market.lead(functions)
    assert deliver(functions, lead) == ["in_review"]
    ((delivery,),) = conn.execute("SELECT id::text FROM deliveries").fetchall()
    conn.execute("""UPDATE buyer_offers SET delivery = '{"format": {"type": "json", "fields": {"no": "lead_id"}}}'""")
    decide(functions, delivery, "redeliver")
    assert deliver(functions, lead) == ["delivered"]
    assert buyer_endpoint.received[0].body == f'{{"no":{lead}}}'.encode()


def test_assigned_it_goes_to_that_buyer_alone_and_the_first_gets_everything_back(
    conn: Connection[Any], functions: Functions, market: Market
) -> None:
    first, second = market.buyers
    third = a_buyer(conn)
    an_enrolment(conn, third, market.offer, routing_priority=99)
    lead, delivery = market.in_review(functions)
    assert market.claimed(first) == ONE
    status, answer = decide(functions, delivery, "assign", buyer_id=second)
    assert (status, answer["status"], answer["lead_status"]) == (200, "released", "validated")
    assert lead_row(conn, lead) == ("validated", None, None, second, None)
    assert delivery_row(conn, delivery)[5:] == (None, "operator", "assign")
    assert market.claimed(first) == NOTHING
    assert ("lead.validated", lead) in told(conn, "route")
    functions.drain()
    assert lead_row(conn, lead)[:3] == ("delivered", second, "45.00")
    assert conn.execute("SELECT id FROM buyers WHERE balance > 0").fetchall() == [(second,)]


def test_an_assignment_whose_buyer_cannot_take_it_waits_for_a_person_again(
    conn: Connection[Any], functions: Functions, market: Market
) -> None:
    lead, delivery = market.in_review(functions)
    conn.execute("UPDATE buyer_offers SET capacity_per_day = 0 WHERE buyer_id = %s", (market.buyers[1],))
    decide(functions, delivery, "assign", buyer_id=market.buyers[1])
    route(functions, lead)
    assert conn.execute("SELECT review_reason FROM leads").fetchone() == ("assignment_failed",)


def test_returned_it_goes_to_the_others_and_never_to_the_buyer_it_was_taken_from(
    conn: Connection[Any], functions: Functions, market: Market
) -> None:
    first, second = market.buyers
    lead, delivery = market.in_review(functions)
    assert decide(functions, delivery, "return")[0] == 200
    assert (lead_row(conn, lead)[0], market.claimed(first)) == ("validated", NOTHING)
    functions.drain()
    assert lead_row(conn, lead)[1] == second
    assert conn.execute("SELECT count(*) FROM deliveries WHERE buyer_id = %s", (first,)).fetchone() == (1,)


def test_without_another_buyer_a_returned_lead_waits(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    alone = Market(conn, buyer_endpoint.url())
    lead, delivery = alone.in_review(functions)
    decide(functions, delivery, "return")
    route(functions, lead)
    assert lead_row(conn, lead)[:2] == ("validated", None)
    assert buyer_endpoint.received == []


def test_rejected_nobody_gets_it_and_nobody_owes_anything(
    conn: Connection[Any], functions: Functions, market: Market
) -> None:
    first, _ = market.buyers
    lead, delivery = market.in_review(functions)
    status, answer = decide(functions, delivery, "reject", reason="a joke")
    assert (status, answer["status"], answer["lead_status"]) == (200, "released", "rejected")
    assert lead_row(conn, lead)[4] == "operator"
    assert market.claimed(first) == NOTHING
    (rejected,) = (message for message in waiting(conn, "notify") if message["event"] == "lead.rejected")
    assert (rejected["lead_id"], rejected["buyer_id"]) == (lead, first)
    functions.drain()
    assert conn.execute("SELECT count(*) FROM buyers WHERE balance > 0 OR pending_amount > 0").fetchone() == (0,)


def test_what_the_buyer_says_it_has_is_billed_like_any_other(
    conn: Connection[Any], functions: Functions, market: Market, buyer_endpoint: BuyerEndpoint
) -> None:
    lead, delivery = market.in_review(functions, "unknown", in_doubt=True)
    assert decide(functions, delivery, "taken", reason="they read it out to me")[0] == 200
    assert delivery_row(conn, delivery)[0] == "taken"
    assert ("lead.delivered", lead) in told(conn, "bill")
    functions.drain()
    assert conn.execute("SELECT billing_status::text, price::text FROM leads").fetchall() == [("billed", "45.00")]
    assert buyer_endpoint.received == []


def test_everything_that_is_said_is_in_the_audit_trail(
    conn: Connection[Any], functions: Functions, market: Market
) -> None:
    lead, delivery = market.in_review(functions, "refused", refusal="Zoë Sentinel is a customer")
    decide(functions, delivery, "assign", buyer_id=market.buyers[1], reason="by telephone")
    assert audits(conn) == [
        (
            "delivery.review", "lead", lead,
            {"delivery_id": delivery, "buyer_id": market.buyers[0], "status": "in_review", "reason": "refused",
             "in_doubt": False, "lead_status": "delivered"},
            {"delivery_id": delivery, "status": "released", "lead_status": "validated", "verdict": "assign",
             "assigned_to": market.buyers[1], "reason": "by telephone", "by": "op"},
            "desk/1",
        )
    ]  # fmt: skip


@pytest.mark.parametrize("verdict", NAMES)
def test_the_same_said_again_does_nothing_more_and_another_verdict_comes_too_late(
    conn: Connection[Any], functions: Functions, market: Market, verdict: str
) -> None:
    lead, delivery = market.in_review(functions)
    more: dict[str, Any] = {"buyer_id": market.buyers[1]} if verdict == "assign" else {}
    first = decide(functions, delivery, verdict, **more)
    before = delivery_row(conn, delivery), lead_row(conn, lead), market.claimed(market.buyers[0]), told(conn, "notify")
    again = decide(functions, delivery, verdict, **more)
    assert again == (200, first[1] | {"repeated": True})
    status, error = decide(functions, delivery, "return" if verdict != "return" else "reject")
    assert (status, error["code"]) == (409, "not_in_review")
    assert error["details"] == {"status": first[1]["status"], "verdict": verdict}
    assert first[1]["status"] in error["message"]
    assert before == (
        delivery_row(conn, delivery), lead_row(conn, lead), market.claimed(market.buyers[0]), told(conn, "notify"),
    )  # fmt: skip
    assert len(audits(conn)) == 1


def test_assigning_to_yet_another_buyer_is_not_the_same(
    conn: Connection[Any], functions: Functions, market: Market
) -> None:
    third = a_buyer(conn)
    an_enrolment(conn, third, market.offer)
    _, delivery = market.in_review(functions)
    assert decide(functions, delivery, "assign", buyer_id=market.buyers[1])[0] == 200
    assert decide(functions, delivery, "assign", buyer_id=third)[0] == 409


def test_once_something_has_happened_since_the_same_verdict_is_a_new_one(
    conn: Connection[Any], functions: Functions, market: Market, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.statuses = [500]
    lead, delivery = market.in_review(functions)
    decide(functions, delivery, "redeliver")
    deliver(functions, lead)
    status, error = decide(functions, delivery, "redeliver")
    assert (status, error["code"], error["details"]["status"]) == (409, "not_in_review", "pending")
    conn.execute(
        "UPDATE deliveries SET status = 'in_review', next_attempt_at = NULL, review_reason = 'webhook_failed',"
        " updated_at = now()"
    )
    status, answer = decide(functions, delivery, "redeliver")
    assert (status, answer["repeated"]) == (200, False)


def test_a_buyer_is_not_assigned_what_it_has(conn: Connection[Any], functions: Functions, market: Market) -> None:
    _, delivery = market.in_review(functions)
    status, error = decide(functions, delivery, "assign", buyer_id=market.buyers[0])
    assert (status, error["code"]) == (409, "same_buyer")
    assert "redeliver" in error["message"]


def test_a_lead_is_assigned_to_nobody_who_takes_none_of_its_offer(
    conn: Connection[Any], functions: Functions, market: Market
) -> None:
    stranger, retired = a_buyer(conn, name="Stranger"), a_buyer(conn, name="Retired", is_active=False)
    an_enrolment(conn, retired, market.offer)
    _, delivery = market.in_review(functions)
    refused = {
        buyer: decide(functions, delivery, "assign", buyer_id=buyer) for buyer in (stranger, retired, 2_000_000_000)
    }
    assert [(status, error["code"]) for status, error in refused.values()] == [
        (409, "not_enrolled"), (409, "not_active"), (404, "not_found"),
    ]  # fmt: skip
    assert refused[stranger][1]["message"] == f"Stranger ({stranger}) is not enrolled in Roofs, the lead's offer"
    assert audits(conn) == []


@pytest.mark.parametrize(
    ("verdict", "status"), [("redeliver", 409), ("assign", 409), ("return", 409), ("reject", 200), ("taken", 200)]
)
def test_an_erased_lead_is_sent_to_nobody(
    conn: Connection[Any], functions: Functions, market: Market, verdict: str, status: int
) -> None:
    _, delivery = market.in_review(functions)
    conn.execute("UPDATE leads SET erased_at = now()")
    more: dict[str, Any] = {"buyer_id": market.buyers[1]} if verdict == "assign" else {}
    assert ask(functions, "/api/review")["deliveries"][0]["verdicts"] == ["reject", "taken"]
    found, answer = decide(functions, delivery, verdict, **more)
    assert (found, answer.get("code")) == (status, "erased" if status == 409 else None)


@pytest.mark.parametrize("change", ["billing_status = 'billed'", "status = 'accepted'"])
def test_a_lead_that_has_moved_on_is_left_alone(
    conn: Connection[Any], functions: Functions, market: Market, change: str
) -> None:
    _, delivery = market.in_review(functions)
    conn.execute(f"UPDATE leads SET {change}".encode())
    assert {decide(functions, delivery, name)[1]["code"] for name in NAMES if name != "assign"} == {"lead_moved_on"}
    assert ask(functions, "/api/review")["deliveries"][0]["verdicts"] == []


@pytest.mark.parametrize("status", ["pending", "taken"])
def test_only_what_is_in_review_is_decided(
    conn: Connection[Any], functions: Functions, market: Market, status: str
) -> None:
    market.lead(functions)
    if status == "taken":
        conn.execute("UPDATE deliveries SET status = 'taken', next_attempt_at = NULL")
    ((delivery,),) = conn.execute("SELECT id::text FROM deliveries").fetchall()
    found, error = decide(functions, delivery, "return")
    assert (found, error["code"], error["details"]["status"]) == (409, "not_in_review", status)


@pytest.mark.parametrize(
    ("delivery", "body", "status", "code"),
    [
        (str(uuid4()), {"verdict": "return"}, 404, "not_found"),
        ("17", {"verdict": "return"}, 400, "invalid_request"),
        (str(uuid4()), {"verdict": "sell"}, 400, "invalid_request"),
        (str(uuid4()), {"verdict": "assign"}, 400, "invalid_request"),
        (str(uuid4()), {"verdict": "return", "buyer_id": 1}, 400, "invalid_request"),
        (str(uuid4()), {"verdict": "assign", "buyer_id": 99999999999}, 400, "invalid_request"),
        (str(uuid4()), {"verdict": "reject", "reason": "x" * 501}, 400, "invalid_request"),
        (str(uuid4()), {"verdict": "reject", "reason": "a\x00b"}, 400, "invalid_request"),
    ],
)
def test_a_verdict_that_is_none_changes_nothing(
    conn: Connection[Any], functions: Functions, delivery: str, body: dict[str, Any], status: int, code: str
) -> None:
    found, error = decide(functions, delivery, **body)
    assert (found, error["code"]) == (status, code)


def test_only_a_person_decides(conn: Connection[Any], functions: Functions, market: Market) -> None:
    _, delivery = market.in_review(functions)
    assert decide(functions, delivery, "taken", token=a_token("system"))[0] == 403
    assert decide(functions, delivery, "taken", token="nonsense")[0] == 401
    assert delivery_row(conn, delivery)[0] == "in_review"


def test_of_operators_that_decide_at_once_one_is_heard(
    conn: Connection[Any], functions: Functions, market: Market
) -> None:
    first, second = market.buyers
    says = [("redeliver", {}), ("assign", {"buyer_id": second}), ("reject", {})]
    heard: Counter[str] = Counter()
    with ThreadPoolExecutor(len(says)) as pool:
        for _ in range(ROUNDS):
            lead, delivery = market.in_review(functions)
            barrier = threading.Barrier(len(says))

            def say(verdict: str, more: dict[str, Any], delivery: str = delivery, at: Any = barrier) -> Any:
                at.wait()
                return decide(functions, delivery, verdict, **more)

            answers = list(pool.map(lambda one: say(*one), says))
            assert sorted(status for status, _ in answers) == [200, 409, 409]
            assert {answer["code"] for status, answer in answers if status == 409} == {"not_in_review"}
            heard.update(answer["verdict"] for status, answer in answers if status == 200)
            route(functions, lead)
            open_to = conn.execute(
                "SELECT buyer_id FROM deliveries WHERE lead_id = %s AND status <> 'released'", (lead,)
            ).fetchall()
            assert len(open_to) <= 1
    assert heard.total() == ROUNDS
    kept, moved = heard["redeliver"], heard["assign"]
    assert conn.execute("SELECT count(*) FROM audit_logs").fetchone() == (ROUNDS,)
    for buyer, leads in ((first, kept), (second, moved)):
        counted = market.claimed(buyer)
        assert counted[0] == f"{45 * leads}.00"
        assert set(counted[1]) <= {leads, None}
        assert conn.execute(
            "SELECT count(*) FROM leads WHERE status = 'delivered' AND buyer_id = %s", (buyer,)
        ).fetchone() == (leads,)


def test_a_verdict_and_retention_at_once_leave_nothing_half_done(
    conn: Connection[Any], functions: Functions, market: Market
) -> None:
    lead, delivery = market.in_review(functions)
    with ThreadPoolExecutor(2) as pool:
        said = pool.submit(decide, functions, delivery, "return")
        erased = pool.submit(functions.module("retain").run, clock.now() + timedelta(days=4 * 365))
        status, _ = said.result()
        assert erased.result()["leads_erased"] + (status == 200) >= 1
    row = lead_row(conn, lead)
    assert row[0] in ("delivered", "validated", "rejected")
    assert (row[1] is None) == (market.claimed(market.buyers[0]) == NOTHING)


def test_the_number_of_statements_does_not_grow_with_the_queue(
    conn: Connection[Any], functions: Functions, market: Market, statements: list[str]
) -> None:
    counts = []
    for _ in range(2):
        for _ in range(5):
            market.in_review(functions)
        statements.clear()
        found = ask(functions, "/api/review")["deliveries"]
        counts.append((len(found), len(statements)))
    assert counts[0][0] == 5
    assert counts[1] == (10, counts[0][1])


def test_the_queue_tells_what_an_operator_needs(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    config = {"strategy": "priority_based", "refusal": {"action": "review"}}
    market = Market(conn, buyer_endpoint.url("/first"), config=config)
    conn.execute(
        "UPDATE buyer_offers SET delivery = %s",
        ('{"answer": {"type": "json", "refused_when": [{"path": "r", "equals": "no"}], "reason": "why"}}',),
    )
    buyer_endpoint.bodies = {"/first": b'{"r": "no", "why": "not in our area"}'}
    lead = market.lead(functions)
    assert deliver(functions, lead) == ["in_review"]
    (found,) = ask(functions, "/api/review")["deliveries"]
    last = found.pop("last_attempt")
    assert (last["channel"], last["outcome"], last["http_status"]) == ("webhook", "refused", 200)
    assert last["started_at"]
    assert {**found, "delivery_id": "", "since": ""} == {
        "delivery_id": "", "lead_id": lead, "buyer_id": market.buyers[0], "buyer": found["buyer"],
        "status": "in_review", "since": "", "reason": "refused",
        "words": "waits for a person: the buyer refused it, and the policy leaves the rest to a person",
        "channel": "webhook", "next_attempt_at": None, "in_doubt": False, "refusal": "not in our area",
        "reference": None, "attempts": 1, "verdicts": list(NAMES),
    }  # fmt: skip


def test_what_a_buyer_says_after_doubt_is_kept_for_the_operator(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    market = Market(conn, buyer_endpoint.url("/first"))
    conn.execute(
        "UPDATE buyer_offers SET delivery = %s",
        ('{"answer": {"type": "text", "refused_when": [{"contains": "duplicate"}]}}',),
    )
    buyer_endpoint.bodies = {"/first": b"a duplicate of 17"}
    lead = market.lead(functions)
    conn.execute("UPDATE deliveries SET in_doubt = true")
    assert deliver(functions, lead) == ["in_review"]
    (found,) = ask(functions, "/api/review")["deliveries"]
    assert (found["reason"], found["refusal"], found["in_doubt"]) == ("refused_in_doubt", "a duplicate of 17", True)


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
    shown = ask(functions, f"/api/deliveries/{delivery}")
    assert [(one["attempt"], one["outcome"], one["http_status"]) for one in shown["timeline"]] == [
        (1, "failed", 503), (2, "taken", 200),
    ]  # fmt: skip
    assert shown["timeline"][0]["words"] == "failed: the buyer does not have it"
    assert shown["endpoint"]["url"] == buyer_endpoint.url("/hook")
    assert shown["endpoint"]["state"] == "closed"
    assert (shown["content_type"], shown["body_bytes"]) == ("application/json", len(buyer_endpoint.received[0].body))
    assert "Sentinel" not in str(shown)
    assert "geheim" not in str(shown)
    of_lead = ask(functions, f"/api/leads/{lead}")
    assert of_lead["deliveries"] == [shown]
    missing = functions.client("api").get(
        f"/api/deliveries/{uuid4()}", headers={"Authorization": f"Bearer {a_token()}"}
    )
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")


def test_nothing_that_is_said_of_a_person_is_logged(
    conn: Connection[Any], functions: Functions, market: Market, output: Callable[[], str]
) -> None:
    lead, delivery = market.in_review(functions, "refused", refusal="Jane Roe is known")
    ask(functions, f"/api/deliveries/{delivery}")
    decide(functions, delivery, "reject", reason="called Jane Roe at 555 0100")
    said = output()
    assert f'"lead_id":{lead}' in said.replace(" ", "")
    assert "reject" in said
    for personal in ("Jane", "Roe", "0100", "Sentinel"):
        assert personal not in said


@pytest.mark.parametrize("verdict", ["return", "reject"])
def test_a_replay_of_what_is_taken_back_is_not_sent(
    conn: Connection[Any], functions: Functions, market: Market, buyer_endpoint: BuyerEndpoint, verdict: str
) -> None:
    _, delivery = market.in_review(functions, body=b"{}", content_type="application/json")
    with conn.transaction():
        replaying.replay(conn, delivery, Actor("op"), now=clock.now())
    decide(functions, delivery, verdict)
    functions.drain()
    assert conn.execute("SELECT status, error FROM notices").fetchall() == [("given_up", "taken back")]
    assert "/first" not in {request.path for request in buyer_endpoint.received}
    with pytest.raises(ReplayImpossible), conn.transaction():
        replaying.replay(conn, delivery, Actor("op"), now=clock.now())


def test_a_worker_that_comes_back_late_finds_the_verdict_standing(
    conn: Connection[Any], functions: Functions, market: Market, now: datetime
) -> None:
    lead, delivery = market.in_review(functions, "unknown", in_doubt=True)
    decide(functions, delivery, "return")
    late = Settlement(delivery, 3, "taken", "webhook")
    assert deliveries.settle(conn, [late], now=now) == set()
    assert lead_row(conn, lead)[0] == "validated"
