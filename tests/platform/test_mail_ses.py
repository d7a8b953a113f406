"""Mail through Amazon SES: real calls of boto3, to moto and to endpoints that fail."""

import email
import email.policy
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import trustme
from moto import mock_aws
from moto.ses.models import ses_backends

from leadgen.platform.mail import mail, ses
from leadgen.platform.mail.mail import MailFailed, MailNotSent, MailRefused, MailUnknown
from tests.support.servers.buyer_endpoint import BuyerEndpoint
from tests.support.servers.mail_server import DRIP, ScriptedMailServer
from tests.support.servers.receivers import Peer, Receiver

REGION, ACCOUNT = "us-east-1", "123456789012"


@pytest.fixture
def account(environment: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The process has credentials of an account, and sends by SES."""
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "testing"), ("AWS_SECRET_ACCESS_KEY", "testing"), ("AWS_DEFAULT_REGION", REGION),
        ("MAIL_TRANSPORT", "ses"), ("FROM_EMAIL", "leads@leadgen.example"),
    ):  # fmt: skip
        environment.setenv(name, value)
    ses._client.cache_clear()
    yield environment
    ses._client.cache_clear()


def send(*, timeout_seconds: float = 20.0) -> None:
    mail.send(
        to="buyer@example.com", subject="New lead #7", text="Grüße", html="<p>Grüße</p>", message_id="the-delivery",
        timeout_seconds=timeout_seconds,
    )  # fmt: skip


def test_a_mail_is_handed_over_as_it_stands(account: pytest.MonkeyPatch) -> None:
    with mock_aws():
        boto3.client("sesv2").create_email_identity(EmailIdentity="leads@leadgen.example")
        send()
        (sent,) = ses_backends[ACCOUNT][REGION].sent_messages
    assert (sent.source, set(sent.destinations)) == ("leads@leadgen.example", {"buyer@example.com"})
    taken = email.message_from_string(sent.raw_data, policy=email.policy.default)
    assert isinstance(taken, email.message.EmailMessage)
    assert taken.get_content_type() == "multipart/alternative"
    assert (taken["To"], taken["X-LeadGen-Message-Id"]) == ("buyer@example.com", "the-delivery")
    assert [part.get_content().strip() for part in taken.iter_parts()] == ["Grüße", "<p>Grüße</p>"]


def test_a_sender_that_was_not_verified_is_refused(account: pytest.MonkeyPatch) -> None:
    with mock_aws(), pytest.raises(MailRefused, match=r"^SES: MessageRejected$"):
        send()


@pytest.mark.parametrize(
    ("status", "kind", "headers"),
    [
        (400, MailRefused, {"x-amzn-ErrorType": "BadRequestException"}),
        (429, MailNotSent, {"x-amzn-ErrorType": "TooManyRequestsException"}),
        (403, MailNotSent, {"x-amzn-ErrorType": "AccessDeniedException"}),
        (500, MailNotSent, {"x-amzn-ErrorType": "InternalFailure"}),
    ],
)
def test_an_answer_of_the_service_is_told_by_its_code_and_asked_for_once(
    account: pytest.MonkeyPatch, buyer_endpoint: BuyerEndpoint, status: int, kind: type[MailFailed], headers: Any
) -> None:
    account.setenv("AWS_ENDPOINT_URL_SESV2", buyer_endpoint.origin)
    buyer_endpoint.statuses = [status] * 5
    buyer_endpoint.headers = headers
    with pytest.raises(kind) as failed:
        send()
    assert type(failed.value) is kind
    assert len(buyer_endpoint.received) == 1


def test_a_service_that_never_answers_leaves_it_unknown(
    account: pytest.MonkeyPatch, buyer_endpoint: BuyerEndpoint
) -> None:
    account.setenv("AWS_ENDPOINT_URL_SESV2", buyer_endpoint.origin)
    buyer_endpoint.gate.clear()
    with pytest.raises(MailUnknown):
        send(timeout_seconds=1.0)
    assert len(buyer_endpoint.received) == 1


@pytest.fixture
def authority(account: pytest.MonkeyPatch, tmp_path: Path) -> trustme.CA:
    """One that boto3 trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "trusted.pem"))
    account.setenv("AWS_CA_BUNDLE", str(tmp_path / "trusted.pem"))
    return authority


def a_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def test_tls_that_breaks_after_the_whole_mail_has_gone_leaves_it_unknown(
    account: pytest.MonkeyPatch, authority: trustme.CA
) -> None:
    def takes_it_and_breaks(peer: Peer) -> None:
        peer.read()
        os.write(peer.socket.fileno(), b"no record of TLS" * 100)

    with Receiver(takes_it_and_breaks, a_context(authority)) as breaking:
        account.setenv("AWS_ENDPOINT_URL_SESV2", breaking.origin)
        with pytest.raises(MailUnknown, match=r"^SSLError$"):
            send()


def test_a_service_whose_certificate_nobody_vouches_for_got_nothing(
    account: pytest.MonkeyPatch, authority: trustme.CA
) -> None:
    with Receiver(lambda peer: None, a_context(trustme.CA())) as false:
        account.setenv("AWS_ENDPOINT_URL_SESV2", false.origin)
        with pytest.raises(MailNotSent, match=r"^SSLError$"):
            send()


def test_a_service_that_drips_is_left_at_the_deadline(account: pytest.MonkeyPatch) -> None:
    with ScriptedMailServer({"greeting": DRIP}) as dripping:  # each byte begins boto3's own time-out anew
        account.setenv("AWS_ENDPOINT_URL_SESV2", f"http://127.0.0.1:{dripping.port}")
        with pytest.raises(MailUnknown, match=r"^timeout$"):
            send(timeout_seconds=1.0)


def test_a_service_that_is_not_there_got_nothing(account: pytest.MonkeyPatch, closed_port: int) -> None:
    account.setenv("AWS_ENDPOINT_URL_SESV2", f"http://127.0.0.1:{closed_port}")
    with pytest.raises(MailNotSent, match=r"^EndpointConnectionError$"):
        send()


def test_without_credentials_nothing_is_sent(account: pytest.MonkeyPatch, closed_port: int) -> None:
    account.delenv("AWS_ACCESS_KEY_ID")
    account.setenv("AWS_EC2_METADATA_DISABLED", "true")
    account.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    account.setenv("AWS_CONFIG_FILE", "/nonexistent")
    account.setenv("AWS_ENDPOINT_URL_SESV2", f"http://127.0.0.1:{closed_port}")
    with pytest.raises(MailNotSent, match=r"^NoCredentialsError$"):
        send()
