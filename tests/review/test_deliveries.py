"""An operator's verdicts on deliveries: each does what it says."""

from datetime import datetime
from typing import Any

import pytest
from psycopg import Connection

from leadgen.audit_trail.domain import Actor
from leadgen.delivery.domain.steps import MOST_LOST
from leadgen.delivery.store import deliveries
from leadgen.delivery.store.deliveries import DeliveryResult
from leadgen.notifications.service import replays
from leadgen.notifications.service.replays import ReplayImpossible
from leadgen.platform import clock
from tests.support.factories import a_buyer, an_enrollment
from tests.support.servers.buyer_endpoint import BuyerEndpoint, Mailbox
from tests.support.stages.deliveries import deliver, make_due
from tests.support.stages.functions import Functions
from tests.support.stages.messages import sent, waiting
from tests.support.stages.reviews import NOTHING, ONE, Market, audits, decide, delivery_row, lead_row, route


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
         "lead_status": "delivered", "outcome_unknown": False, "repeated": False},
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
    lead, delivery = market.in_review(functions, "outcome_unknown", outcome_unknown=True)
    decide(functions, delivery, "redeliver")
    assert deliver(functions, lead) == ["in_review"]  # neither mailed nor sold to the second
    assert delivery_row(conn, delivery)[4:6] == (True, "outcome_unknown")


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
    an_enrollment(conn, third, market.offer, routing_priority=99)
    lead, delivery = market.in_review(functions)
    assert market.claimed(first) == ONE
    status, answer = decide(functions, delivery, "assign", buyer_id=second)
    assert (status, answer["status"], answer["lead_status"]) == (200, "released", "validated")
    assert lead_row(conn, lead) == ("validated", None, None, second, None)
    assert delivery_row(conn, delivery)[5:] == (None, "operator", "assign")
    assert market.claimed(first) == NOTHING
    assert ("lead.validated", lead) in sent(conn, "route")
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


@pytest.mark.parametrize("verdict", ["succeeded", "taken"], ids=["of now", "of before"])
def test_what_the_buyer_says_it_has_is_billed_like_any_other(
    conn: Connection[Any], functions: Functions, market: Market, buyer_endpoint: BuyerEndpoint, verdict: str
) -> None:
    lead, delivery = market.in_review(functions, "outcome_unknown", outcome_unknown=True)
    assert decide(functions, delivery, verdict, reason="they read it out to me")[0] == 200
    assert delivery_row(conn, delivery)[0] == "succeeded"
    assert ("lead.delivered", lead) in sent(conn, "bill")
    functions.drain()
    assert conn.execute("SELECT billing_status::text, price::text FROM leads").fetchall() == [("billed", "45.00")]
    assert buyer_endpoint.received == []


def test_everything_that_is_said_is_in_the_audit_trail(
    conn: Connection[Any], functions: Functions, market: Market
) -> None:
    lead, delivery = market.in_review(functions, "rejected", rejection="Zoë Sentinel is a customer")
    decide(functions, delivery, "assign", buyer_id=market.buyers[1], reason="by telephone")
    assert audits(conn) == [
        (
            "delivery.review", "lead", lead,
            {"delivery_id": delivery, "buyer_id": market.buyers[0], "status": "in_review", "reason": "rejected",
             "outcome_unknown": False, "lead_status": "delivered"},
            {"delivery_id": delivery, "status": "released", "lead_status": "validated", "verdict": "assign",
             "assigned_to": market.buyers[1], "reason": "by telephone", "by": "op"},
            "desk/1",
        )
    ]  # fmt: skip


@pytest.mark.parametrize("verdict", ["return", "reject"])
def test_a_replay_of_what_is_taken_back_is_not_sent(
    conn: Connection[Any], functions: Functions, market: Market, buyer_endpoint: BuyerEndpoint, verdict: str
) -> None:
    _, delivery = market.in_review(functions, body=b"{}", content_type="application/json")
    with conn.transaction():
        replays.replay(conn, delivery, Actor("op"), now=clock.now())
    decide(functions, delivery, verdict)
    functions.drain()
    assert conn.execute("SELECT status, error FROM notices").fetchall() == [("given_up", "taken back")]
    assert "/first" not in {request.path for request in buyer_endpoint.received}
    with pytest.raises(ReplayImpossible), conn.transaction():
        replays.replay(conn, delivery, Actor("op"), now=clock.now())


def test_a_worker_that_comes_back_late_finds_the_verdict_standing(
    conn: Connection[Any], functions: Functions, market: Market, now: datetime
) -> None:
    lead, delivery = market.in_review(functions, "outcome_unknown", outcome_unknown=True)
    decide(functions, delivery, "return")
    late = DeliveryResult(delivery, 3, "succeeded", "webhook")
    assert deliveries.settle(conn, [late], now=now) == set()
    assert lead_row(conn, lead)[0] == "validated"
