"""Typed outcomes: a rejected lead goes on as the policy says, one of unknown outcome goes nowhere else."""

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from leadgen.delivery.domain.steps import MOST_LOST
from leadgen.platform import clock
from tests.support.factories import a_buyer, a_lead, a_source, an_enrollment, an_offer
from tests.support.servers.buyer_endpoint import BuyerEndpoint, Mailbox
from tests.support.stages.deliveries import a_routed_lead, attempts, deliver, make_due, state
from tests.support.stages.functions import Functions
from tests.support.stages.messages import messages, sent

SAYS_DUPLICATE = {"answer": {"type": "json", "rejected_when": [{"path": "result", "equals": "duplicate"}]}}
NOT_JSON = {"answer": {"type": "json", "accepted_when": [{"path": "ok", "equals": "yes"}]}}


def a_market_of(
    conn: Connection[Any], *urls: str, rejection: dict[str, Any] | None = None, **terms: Any
) -> tuple[list[int], int]:
    """Buyers of one offer, the first one preferred, whose answers may say "duplicate"; and a lead for them."""
    offer = an_offer(
        conn, config={"strategy": "priority_based", **({} if rejection is None else {"rejection": rejection})}
    )
    buyers = [a_buyer(conn, webhook_url=url) for url in urls]
    for place, buyer in enumerate(buyers):
        an_enrollment(conn, buyer, offer, routing_priority=100 - place, delivery=SAYS_DUPLICATE, **terms)
    return buyers, a_lead(conn, a_source(conn, offer), status="validated")


def route(functions: Functions, lead: int, at: datetime | None = None) -> None:
    functions.module("route").process(messages("lead.validated", [lead]), at or clock.now())


def lead_row(conn: Connection[Any], lead: int) -> tuple[Any, ...]:
    row = conn.execute("SELECT status::text, buyer_id, delivered_price FROM leads WHERE id = %s", (lead,)).fetchone()
    assert row is not None
    return tuple(row)


def claimed(conn: Connection[Any], buyer: int) -> tuple[Any, ...]:
    """A buyer's pending money, and its places and money of every period."""
    row = conn.execute(
        """
        SELECT b.pending_amount, array_agg(c.claimed ORDER BY c.period), array_agg(c.amount ORDER BY c.period)
          FROM buyers b JOIN buyer_offers bo ON bo.buyer_id = b.id
          LEFT JOIN capacity_counters c ON c.buyer_offer_id = bo.id WHERE b.id = %s GROUP BY b.id
        """,
        (buyer,),
    ).fetchone()
    assert row is not None
    return str(row[0]), row[1], [None if amount is None else str(amount) for amount in row[2]]


NOTHING_CLAIMED = ("0.00", [0] * 4, ["0.00"] * 4)
ONE_CLAIMED = ("45.00", [1] * 4, ["45.00"] * 4)


def test_a_lead_that_its_buyer_calls_a_duplicate_goes_to_the_next_and_everything_is_given_back(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.bodies = {"/first": b'{"result": "Duplicate"}', "/second": b"{}"}
    (first, second), lead = a_market_of(
        conn, buyer_endpoint.url("/first"), buyer_endpoint.url("/second"), capacity_per_day=1
    )
    route(functions, lead)
    assert (lead_row(conn, lead)[1], claimed(conn, first)) == (first, ONE_CLAIMED)
    assert deliver(functions, lead) == ["rejected"]
    assert lead_row(conn, lead) == ("validated", None, None)
    assert claimed(conn, first) == NOTHING_CLAIMED
    assert attempts(conn) == [("webhook", 1, "rejected", 200, None)]
    assert conn.execute("SELECT status, release_reason FROM deliveries").fetchall() == [("released", "rejected")]
    assert ("delivery.rejected", lead) in sent(conn, "notify")
    route(functions, lead)
    assert (lead_row(conn, lead)[1], claimed(conn, second)) == (second, ONE_CLAIMED)
    assert deliver(functions, lead) == ["delivered"]
    functions.drain()
    assert conn.execute("SELECT id, balance::text FROM buyers ORDER BY id").fetchall() == [
        (first, "0.00"), (second, "45.00"),
    ]  # fmt: skip
    assert [request.path for request in buyer_endpoint.received] == ["/first", "/second"]
    ids = [request.headers["X-LeadGen-Delivery-Id"] for request in buyer_endpoint.received]
    assert ids[0] != ids[1]


def test_why_the_next_buyer_got_it_is_on_record(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.bodies = {"/first": b'{"result": "duplicate"}'}
    (first, second), lead = a_market_of(conn, buyer_endpoint.url("/first"), buyer_endpoint.url("/second"))
    route(functions, lead)
    deliver(functions, lead)
    route(functions, lead)
    ((trace,),) = conn.execute(
        "SELECT trace FROM lead_decisions WHERE stage = 'routing' ORDER BY id DESC LIMIT 1"
    ).fetchall()
    failed = {v["buyer_id"]: [c["rule"] for c in v["checks"] if not c["passed"]] for v in trace["verdicts"]}
    assert failed == {first: ["not_refused"], second: []}


def test_when_every_buyer_has_refused_it_the_lead_waits_and_asks_none_of_them_again(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, now: datetime
) -> None:
    buyer_endpoint.bodies = {"/first": b'{"result": "duplicate"}'}
    _, lead = a_market_of(conn, buyer_endpoint.url("/first"))
    for hours in range(3):
        route(functions, lead, at=now + timedelta(hours=hours))
        deliver(functions, lead)
    assert lead_row(conn, lead) == ("validated", None, None)
    assert len(buyer_endpoint.received) == 1


@pytest.mark.parametrize(
    ("rejection", "lead_status", "delivery"),
    [
        ({"action": "review"}, "delivered", ("in_review", "rejected")),
        ({"action": "next_buyer", "most_buyers": 1}, "delivered", ("in_review", "rejected")),
        ({"action": "reject"}, "rejected", ("released", None)),
    ],
    ids=str,
)
def test_the_policy_says_what_becomes_of_a_refused_lead(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, rejection: dict[str, Any],
    lead_status: str, delivery: tuple[str, str | None],
) -> None:  # fmt: skip
    buyer_endpoint.bodies = {"/first": b'{"result": "duplicate"}'}
    (first, _), lead = a_market_of(
        conn, buyer_endpoint.url("/first"), buyer_endpoint.url("/second"), rejection=rejection
    )
    route(functions, lead)
    assert deliver(functions, lead) == ["in_review" if delivery[0] == "in_review" else "rejected"]
    assert lead_row(conn, lead)[0] == lead_status
    assert conn.execute("SELECT status, review_reason FROM deliveries").fetchall() == [delivery]
    assert claimed(conn, first) == (ONE_CLAIMED if delivery[0] == "in_review" else NOTHING_CLAIMED)
    functions.drain()
    assert conn.execute("SELECT count(*) FROM leads WHERE billing_status = 'billed'").fetchone() == (0,)


def test_a_lead_in_doubt_is_asked_again_under_its_id_and_then_waits_for_a_person(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, mailbox: Mailbox,
    environment: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    environment.setenv("WEBHOOK_TIMEOUT_SECONDS", "0.2")
    buyer_endpoint.gate.clear()
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url(), email="buyer@example.com")
    outcomes = []
    for _ in range(3):
        outcomes += deliver(functions, lead)
        conn.execute("UPDATE endpoints SET state = 'closed', failures = 0, open_until = NULL")
        make_due(conn)
    assert outcomes == ["retry", "retry", "in_review"]
    assert state(conn, lead)[:4] == ("in_review", "webhook", 3, "outcome_unknown")
    assert [attempt[2] for attempt in attempts(conn)] == ["unknown"] * 3
    assert mailbox.mails == []
    assert len({request.headers["X-LeadGen-Delivery-Id"] for request in buyer_endpoint.received}) == 1
    assert len({request.body for request in buyer_endpoint.received}) == 1
    functions.drain()
    assert lead_row(conn, lead)[0] == "delivered"


def test_a_refusal_after_doubt_sells_the_lead_to_nobody_else(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.bodies = {"/first": b'{"result": "duplicate"}'}
    (first, _), lead = a_market_of(conn, buyer_endpoint.url("/first"), buyer_endpoint.url("/second"))
    route(functions, lead)
    conn.execute("UPDATE deliveries SET outcome_unknown = true")
    assert deliver(functions, lead) == ["in_review"]
    assert state(conn, lead)[3] == "rejected_outcome_unknown"
    assert (lead_row(conn, lead)[1], claimed(conn, first)) == (first, ONE_CLAIMED)


@pytest.mark.parametrize("failure", [500, 502, 504])
def test_a_refusal_after_the_buyer_s_side_broke_down_sells_the_lead_to_nobody_else(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, failure: int
) -> None:
    """It took the lead, failed to say so, and calls it a duplicate when it is asked again."""
    buyer_endpoint.statuses = [failure]
    buyer_endpoint.bodies = {"/first": b'{"result": "duplicate"}'}
    (first, _), lead = a_market_of(conn, buyer_endpoint.url("/first"), buyer_endpoint.url("/second"))
    route(functions, lead)
    assert deliver(functions, lead) == ["retry"]
    make_due(conn)
    assert deliver(functions, lead) == ["in_review"]
    assert state(conn, lead)[3] == "rejected_outcome_unknown"
    assert conn.execute("SELECT outcome_unknown FROM deliveries").fetchall() == [(True,)]
    functions.drain()
    assert (lead_row(conn, lead)[1], claimed(conn, first)) == (first, ONE_CLAIMED)
    assert [received.path for received in buyer_endpoint.received] == ["/first", "/first"]


@pytest.mark.parametrize("failure", [400, 429, 503])
def test_a_refusal_after_a_failure_that_did_nothing_goes_on_to_the_next(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, failure: int
) -> None:
    buyer_endpoint.statuses = [failure]
    buyer_endpoint.bodies = {"/first": b'{"result": "duplicate"}'}
    (_, second), lead = a_market_of(conn, buyer_endpoint.url("/first"), buyer_endpoint.url("/second"))
    route(functions, lead)
    assert deliver(functions, lead) == ["retry"]
    make_due(conn)
    assert deliver(functions, lead) == ["rejected"]
    functions.drain()
    assert lead_row(conn, lead)[1] == second


def test_an_answer_that_says_neither_is_doubt(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url(), enrollment={"delivery": NOT_JSON})
    assert deliver(functions, lead) == ["retry"]
    assert [(row[2], row[3]) for row in attempts(conn)] == [("unknown", 200)]


def test_an_endpoint_that_is_gone_is_not_called_again_and_its_leads_are_mailed(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, mailbox: Mailbox
) -> None:
    buyer_endpoint.statuses = [410]
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url(), email="buyer@example.com")
    assert deliver(functions, lead) == ["retry"]
    assert attempts(conn) == [("webhook", 1, "failed_for_good", 410, "status 410")]
    assert deliver(functions, lead) == ["delivered"]
    assert conn.execute("SELECT state FROM endpoints WHERE url <> 'mail:'").fetchall() == [("gone",)]
    conn.execute("UPDATE deliveries SET status = 'pending', channel = 'webhook', next_attempt_at = '-infinity'")
    assert deliver(functions, lead) == ["held_back"]
    assert len(buyer_endpoint.received) == 1


def test_what_is_sent_is_what_is_stored_and_stays_so_whatever_is_configured_meanwhile(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    buyer_endpoint.statuses = [500]
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    deliver(functions, lead)
    conn.execute(
        "UPDATE buyer_offers SET delivery = %s",
        ('{"format": {"type": "json", "fields": {"only": "lead_id"}}}',),
    )
    make_due(conn)
    assert deliver(functions, lead) == ["delivered"]
    ((stored, content_type),) = conn.execute("SELECT body, content_type FROM deliveries").fetchall()
    assert {request.body for request in buyer_endpoint.received} == {bytes(stored)}
    assert content_type == "application/json"


def test_terms_that_do_not_parse_are_a_persons_to_mend(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url(), enrollment={"delivery": {"format": {"type": "fax"}}})
    assert deliver(functions, lead) == ["in_review"]
    assert state(conn, lead)[3] == "format_invalid"
    assert buyer_endpoint.received == []


def test_a_lead_over_which_worker_after_worker_dies_is_looked_at_by_a_person(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, now: datetime
) -> None:
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    conn.execute(
        "UPDATE deliveries SET claimed_at = %s, claimed_until = %s, attempts = %s, lost_attempts = %s, uncounted = %s",
        (now, now, MOST_LOST, MOST_LOST - 1, MOST_LOST - 1),
    )
    assert deliver(functions, lead, at=now + timedelta(seconds=1)) == ["in_review"]
    assert state(conn, lead)[3] == "workers_died"
    assert attempts(conn) == [("webhook", MOST_LOST, "unknown", None, "interrupted")]
    assert buyer_endpoint.received == []


def test_a_dead_workers_attempt_does_not_count_against_the_schedule(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, now: datetime
) -> None:
    buyer_endpoint.statuses = [500]
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url())
    conn.execute("UPDATE deliveries SET claimed_at = %s, claimed_until = %s, attempts = 3, uncounted = 2", (now, now))
    later = now + timedelta(seconds=1)
    assert deliver(functions, lead, at=later) == ["retry"]
    ((status, pause),) = conn.execute("SELECT status, next_attempt_at - updated_at FROM deliveries").fetchall()
    assert (status, pause) == ("pending", timedelta(seconds=5))


def test_both_secrets_sign_during_a_rotation(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, now: datetime
) -> None:
    lead = a_routed_lead(
        conn, webhook_url=buyer_endpoint.url(), webhook_secret="new one", previous_webhook_secret="old one",
        previous_secret_until=now + timedelta(hours=1),
    )  # fmt: skip
    late = a_routed_lead(
        conn, webhook_url=buyer_endpoint.url(), webhook_secret="new one", previous_webhook_secret="old one",
        previous_secret_until=now,
    )  # fmt: skip
    deliver(functions, lead, at=now)
    deliver(functions, late, at=now)
    during, after = (request.headers["webhook-signature"].split(" ") for request in buyer_endpoint.received)
    assert (len(during), len(after)) == (2, 1)


def test_leads_for_an_endpoint_that_hangs_wait_for_it_and_go_by_mail_when_it_takes_too_long(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, mailbox: Mailbox, now: datetime
) -> None:
    lead = a_routed_lead(conn, webhook_url=buyer_endpoint.url(), email="buyer@example.com")
    conn.execute(
        "INSERT INTO endpoints (owner, url, state, open_until)"
        " SELECT 'buyer:' || id, webhook_url, 'open', %s FROM buyers",
        (now + timedelta(seconds=80),),
    )
    assert deliver(functions, lead, at=now) == ["held_back"]
    ((status, held_since, due),) = conn.execute("SELECT status, held_since, next_attempt_at FROM deliveries").fetchall()
    assert (status, held_since, due) == ("pending", now, now + timedelta(seconds=80))
    conn.execute("UPDATE endpoints SET open_until = %s", (now + timedelta(seconds=100),))
    assert deliver(functions, lead, at=now + timedelta(seconds=80)) == ["held_back"]
    assert state(conn, lead)[1] == "email"
    assert deliver(functions, lead, at=now + timedelta(seconds=81)) == ["delivered"]
    assert (len(mailbox.mails), buyer_endpoint.received) == (1, [])


def test_one_call_at_a_time_probes_an_endpoint_that_was_open(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint, now: datetime
) -> None:
    (buyer,), first = a_market_of(conn, buyer_endpoint.url("/first"))
    buyer_endpoint.bodies = {"/first": b"{}"}
    ((source,),) = conn.execute("SELECT source_id FROM leads").fetchall()
    leads = [first, *(a_lead(conn, source, status="validated") for _ in range(4))]
    functions.module("route").process(messages("lead.validated", leads), now)
    conn.execute(
        "INSERT INTO endpoints (owner, url, state, open_until) VALUES (%s, %s, 'open', %s)",
        (f"buyer:{buyer}", buyer_endpoint.url("/first"), now),
    )
    assert sorted(deliver(functions, *leads, at=now)) == ["delivered", *["held_back"] * 4]
    assert conn.execute("SELECT state FROM endpoints").fetchall() == [("closed",)]
    make_due(conn)
    assert sorted(deliver(functions, *leads)) == [*["delivered"] * 4, "nothing_due"]


@pytest.mark.usefixtures("own_database_url")
def test_what_a_call_came_to_is_not_lost_over_one_that_cannot_be_recorded(
    conn: Connection[Any], functions: Functions, buyer_endpoint: BuyerEndpoint
) -> None:
    """The outcome would be unknown, though the buyer has accepted the lead."""
    leads = [a_routed_lead(conn, webhook_url=buyer_endpoint.url(f"/{number}")) for number in range(6)]
    conn.execute(f"ALTER TABLE delivery_attempts ADD CHECK (delivery_id <> '{delivery_of(conn, leads[2])}')".encode())
    with pytest.raises(psycopg.errors.IntegrityError):
        deliver(functions, *leads)
    assert [state(conn, lead)[0] for lead in leads] == [
        "succeeded",
        "succeeded",
        "pending",
        "succeeded",
        "succeeded",
        "succeeded",
    ]
    functions.drain()
    assert conn.execute("SELECT count(*) FROM leads WHERE billing_status = 'billed'").fetchone() == (5,)


def delivery_of(conn: Connection[Any], lead: int) -> str:
    row = conn.execute("SELECT id::text FROM deliveries WHERE lead_id = %s", (lead,)).fetchone()
    assert row is not None
    return str(row[0])
