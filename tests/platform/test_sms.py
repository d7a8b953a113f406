"""SMS handed to a real HTTP server that answers as Twilio does."""

import base64
import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from leadgen.platform import settings
from leadgen.platform.sms import sms
from leadgen.platform.sms.sms import SmsFailed, SmsNotSent, SmsRefused, SmsUnknown
from tests.support.servers.buyer_endpoint import BuyerEndpoint
from tests.support.servers.mail_server import DRIP, DROP, ScriptedMailServer

SID = "AC" + "0" * 32
TEXT = "LeadGen: lead #123 (Plumbing, Zürich) was e-mailed to you."


@pytest.fixture
def account(environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    environment.setenv("TWILIO_ACCOUNT_SID", SID)
    environment.setenv("TWILIO_AUTH_TOKEN", "t0ken")
    environment.setenv("TWILIO_PHONE_NUMBER", "+15125550100")
    return environment


@pytest.fixture
def twilio(account: pytest.MonkeyPatch, buyer_endpoint: BuyerEndpoint) -> BuyerEndpoint:
    account.setenv("TWILIO_API_URL", buyer_endpoint.origin)
    buyer_endpoint.answer = json.dumps({"sid": "SM" + "0" * 32, "status": "queued"}).encode()
    buyer_endpoint.statuses = [201]
    return buyer_endpoint


def send(*, to: str = "+15125550123", timeout_seconds: float = 20.0) -> None:
    settings.current.cache_clear()
    sms.send(to=to, text=TEXT, timeout_seconds=timeout_seconds)


def test_an_sms_is_one_call_of_the_account(twilio: BuyerEndpoint) -> None:
    send()
    (call,) = twilio.received
    assert call.path == f"/2010-04-01/Accounts/{SID}/Messages.json"
    assert parse_qs(call.body.decode()) == {"To": ["+15125550123"], "From": ["+15125550100"], "Body": [TEXT]}
    assert call.headers["Authorization"] == "Basic " + base64.b64encode(f"{SID}:t0ken".encode()).decode()
    assert call.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert call.headers["User-Agent"].startswith("twilio-python/")
    assert "X-Twilio-Client" not in call.headers


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 21211, SmsRefused),  # no such number
        (400, 21610, SmsRefused),  # unsubscribed
        (401, 20003, SmsNotSent),
        (404, 20404, SmsNotSent),
        (429, 20429, SmsNotSent),
        (500, 20500, SmsNotSent),
        (307, 307, SmsNotSent),
    ],
)
def test_what_twilio_says_no_to_is_told_by_its_code(
    twilio: BuyerEndpoint, status: int, code: int, kind: type[SmsFailed]
) -> None:
    twilio.statuses = [status]
    twilio.headers = {"Location": twilio.url("/elsewhere")}
    twilio.answer = json.dumps(
        {"code": code, "message": "The 'To' number +15125550123 is not valid.", "status": status}
    ).encode()
    with pytest.raises(SmsFailed) as failed:
        send()
    assert (type(failed.value), str(failed.value)) == (kind, f"Twilio: {status}, code {code}")
    assert len(twilio.received) == 1


def test_a_refusal_in_the_newer_form_is_understood_too(twilio: BuyerEndpoint) -> None:
    twilio.statuses = [400]
    twilio.answer = json.dumps({"type": "x", "title": "+15125550123", "status": 400, "code": 21211}).encode()
    with pytest.raises(SmsRefused, match=r"^Twilio: 400, code 21211$"):
        send()


@pytest.mark.parametrize("answer", [b'{"sid": "SM', b"<html>", b"[]", b"\xff"])
def test_a_taken_that_does_not_read_leaves_it_unknown(twilio: BuyerEndpoint, answer: bytes) -> None:
    twilio.answer = answer
    with pytest.raises(SmsUnknown):
        send()


@pytest.mark.parametrize("line", [DROP, DRIP])
def test_a_service_that_never_answers_leaves_it_unknown(account: pytest.MonkeyPatch, line: str) -> None:
    with ScriptedMailServer({"greeting": line}) as server:
        account.setenv("TWILIO_API_URL", f"http://127.0.0.1:{server.port}")
        account.setenv("EGRESS_ALLOWED_ORIGINS", f"http://127.0.0.1:{server.port}")
        with pytest.raises((SmsUnknown, SmsNotSent) if line == DROP else SmsUnknown):
            send(timeout_seconds=0.5)


def test_a_service_that_is_not_there_got_nothing(account: pytest.MonkeyPatch, closed_port: int) -> None:
    account.setenv("TWILIO_API_URL", f"http://127.0.0.1:{closed_port}")
    account.setenv("EGRESS_ALLOWED_ORIGINS", f"http://127.0.0.1:{closed_port}")
    with pytest.raises(SmsNotSent):
        send()


def test_an_address_that_is_not_allowed_is_not_called(twilio: BuyerEndpoint, account: pytest.MonkeyPatch) -> None:
    account.setenv("EGRESS_ALLOWED_ORIGINS", "")
    with pytest.raises(SmsNotSent):
        send()
    assert twilio.received == []


def test_without_an_account_nothing_is_sent(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(SmsNotSent, match=r"^TWILIO_ACCOUNT_SID is not set$"):
        send()


def test_the_library_never_opens_a_connection_of_its_own(
    twilio: BuyerEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*args: Any, **options: Any) -> None:
        raise AssertionError("a call beside the egress client")

    monkeypatch.setattr("requests.Session.send", forbidden)
    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", forbidden)
    send()
    assert len(twilio.received) == 1
