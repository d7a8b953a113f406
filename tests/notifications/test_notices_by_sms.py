"""A buyer that wants SMS gets one for a lead that came by e-mail or could not be delivered, and for no other."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from psycopg import Connection

from tests.support.factories import a_buyer, a_delivery, a_lead, a_source, an_enrollment, an_offer
from tests.support.servers.buyer_endpoint import BuyerEndpoint
from tests.support.stages.functions import Functions
from tests.support.stages.messages import body
from tests.support.stages.notices import make_due, notices, notify, open_endpoints

NUMBER, OVERRIDE = "+13035550177", "+13035550188"
AS_CONFIGURED = "(303) 555-0177"


@pytest.fixture
def twilio(environment: pytest.MonkeyPatch, buyer_endpoint: BuyerEndpoint) -> BuyerEndpoint:
    """Twilio, as it answers an SMS that it takes."""
    environment.setenv("TWILIO_ACCOUNT_SID", "AC" + "0" * 32)
    environment.setenv("TWILIO_AUTH_TOKEN", "t0ken")
    environment.setenv("TWILIO_PHONE_NUMBER", "+15125550100")
    environment.setenv("TWILIO_API_URL", buyer_endpoint.origin)
    buyer_endpoint.answer = json.dumps({"sid": "SM" + "0" * 32, "status": "queued"}).encode()
    return buyer_endpoint


def a_settled_lead(conn: Connection[Any], *, override: str | None = None, wants: bool = True, **delivery: Any) -> int:
    offer = an_offer(conn)
    buyer = a_buyer(conn, sms_notifications=wants, phone=AS_CONFIGURED)
    an_enrollment(conn, buyer, offer, sms_override=override)
    lead = a_lead(
        conn, a_source(conn, offer), status="delivered", buyer_id=buyer, delivered_price="45.00", price_components={},
        delivered_at="2026-06-17T12:00:00Z", name="Sentinel Person", phone="+13035550199",
    )  # fmt: skip
    a_delivery(conn, lead, buyer, **delivery)
    return lead


def sent(twilio: BuyerEndpoint) -> list[tuple[str, str]]:
    said = [parse_qs(one.body.decode()) for one in twilio.received]
    return [(one["To"][0], one["Body"][0]) for one in said]


MAILED: dict[str, Any] = {"status": "succeeded", "channel": "email"}
FAILED: dict[str, Any] = {"status": "in_review", "channel": "email", "review_reason": "email_failed"}


def test_a_mailed_lead_is_told_by_sms_once(conn: Connection[Any], functions: Functions, twilio: BuyerEndpoint) -> None:
    lead = a_settled_lead(conn, **MAILED)
    delivered = body("lead.delivered", lead, buyer_id=1)
    assert notify(functions, delivered) == ["noted", "notice_succeeded"]
    assert notify(functions, delivered) == ["noted"]
    ((to, text),) = sent(twilio)
    assert to == NUMBER
    assert f"#{lead}" in text
    assert "e-mailed" in text


def test_a_lead_that_could_not_be_delivered_is_told_to_the_offer_s_own_number(
    conn: Connection[Any], functions: Functions, twilio: BuyerEndpoint
) -> None:
    lead = a_settled_lead(conn, override=OVERRIDE, **FAILED)
    notify(functions, body("delivery.failed", lead, buyer_id=1, attempt=4))
    ((to, text),) = sent(twilio)
    assert to == OVERRIDE
    assert "not confirmed" in text


@pytest.mark.parametrize(
    ("event", "values"),
    [
        ("lead.delivered", {"status": "succeeded", "channel": "webhook"}),
        ("lead.delivered", MAILED | {"wants": False}),
        ("delivery.failed", FAILED | {"wants": False}),
        ("delivery.failed", {"status": "pending", "channel": "webhook"}),  # an operator has sent it on its way again
        ("delivery.failed", FAILED | {"review_reason": "rejected"}),
        ("delivery.failed", FAILED | {"review_reason": "rejected_outcome_unknown"}),
        ("delivery.failed", FAILED | {"review_reason": "format_invalid"}),
        ("lead.billed", MAILED),
        ("delivery.rejected", FAILED),
    ],
)
def test_of_nothing_else_an_sms_is_sent(
    conn: Connection[Any], functions: Functions, twilio: BuyerEndpoint, event: str, values: dict[str, Any]
) -> None:
    lead = a_settled_lead(conn, **values)
    assert notify(functions, body(event, lead, buyer_id=1)) == ["noted"]
    assert twilio.received == []


def test_an_sms_that_may_have_gone_out_is_not_sent_twice(
    conn: Connection[Any], functions: Functions, twilio: BuyerEndpoint
) -> None:
    twilio.answer = b"{"
    notify(functions, body("lead.delivered", a_settled_lead(conn, **MAILED), buyer_id=1))
    assert [(status, attempts) for _, _, status, attempts, _ in notices(conn)] == [("given_up", 1)]


def test_whoever_changes_its_mind_meanwhile_gets_none(
    conn: Connection[Any], functions: Functions, twilio: BuyerEndpoint
) -> None:
    twilio.statuses = [500]
    notify(functions, body("lead.delivered", a_settled_lead(conn, **MAILED), buyer_id=1))
    conn.execute("UPDATE buyers SET sms_notifications = false")
    make_due(conn)
    open_endpoints(conn)
    functions.module("sweep").handler({}, None)
    functions.drain()
    assert len(twilio.received) == 1
    assert [(status, error) for _, _, status, _, error in notices(conn)] == [
        ("given_up", "the buyer wants no SMS any more")
    ]


def test_the_number_is_in_no_notice_and_no_log(
    conn: Connection[Any], functions: Functions, twilio: BuyerEndpoint, output: Callable[[], str]
) -> None:
    twilio.statuses = [500]
    notify(functions, body("lead.delivered", a_settled_lead(conn, **MAILED), buyer_id=1))
    rows = conn.execute(
        "SELECT n::text, a::text FROM notices n JOIN notice_attempts a ON a.notice_id = n.id"
    ).fetchall()
    for secret in (NUMBER[1:], "3035550199", "Sentinel", "t0ken"):
        assert secret not in str(rows) + output()
