"""Mail handed to a real server, good or bad: what is sent, and what is known of it afterwards."""

import email
import email.policy
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from leadgen.delivery.domain.lead_mail import compose
from leadgen.platform import settings
from leadgen.platform.mail import mail
from leadgen.platform.mail.mail import MailFailed, MailNotSent, MailPutOff, MailRefused, MailUnknown
from tests.support.domain_values import facts
from tests.support.servers.buyer_endpoint import Mailbox
from tests.support.servers.mail_server import DRIP, DROP, HANG, ScriptedMailServer
from tests.support.servers.receivers import Peer, Receiver

SOON, LONG = 0.5, 20.0  # seconds; nothing waits for LONG


def send(to: str = "buyer@example.com", *, timeout_seconds: float = LONG, **values: Any) -> None:
    settings.current.cache_clear()
    ordinary = {"subject": "New lead #7", "text": "A lead\n", "html": "<p>A lead</p>\n", "message_id": "the-delivery"}
    mail.send(to=to, timeout_seconds=timeout_seconds, **ordinary | values)


@pytest.fixture
def scripted(environment: pytest.MonkeyPatch) -> Iterator[ScriptedMailServer]:
    with ScriptedMailServer() as server:
        environment.setenv("SMTP_HOST", "127.0.0.1")
        environment.setenv("SMTP_PORT", str(server.port))
        environment.setenv("SMTP_STARTTLS", "false")
        environment.setenv("FROM_EMAIL", "leads@leadgen.example")
        yield server


def test_a_mail_is_plain_text_and_html_of_the_same(mailbox: Mailbox) -> None:
    send(text="Grüße\n", html="<p>Grüße</p>\n")
    (taken,) = mailbox.mails
    assert taken.get_content_type() == "multipart/alternative"
    assert [(part.get_content_type(), part.get_content().rstrip()) for part in taken.iter_parts()] == [
        ("text/plain", "Grüße"),
        ("text/html", "<p>Grüße</p>"),
    ]


def test_its_headers_say_who_it_is_from_and_that_no_person_wrote_it(mailbox: Mailbox) -> None:
    send()
    (taken,) = mailbox.mails
    headers = dict(taken.items())
    assert headers.pop("Date").endswith("+0000")
    assert headers.pop("Content-Type").startswith("multipart/alternative; boundary=")
    assert headers == {
        "From": "leads@leadgen.example",
        "To": "buyer@example.com",
        "Subject": "New lead #7",
        "Message-ID": "<the-delivery@leadgen.example>",
        "X-LeadGen-Message-Id": "the-delivery",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "MIME-Version": "1.0",
    }


def test_a_repeat_has_the_same_message_id(mailbox: Mailbox) -> None:
    send()
    send()
    assert [taken["Message-ID"] for taken in mailbox.mails] == ["<the-delivery@leadgen.example>"] * 2


@pytest.mark.parametrize("text", ["x" * 10_000 + "\n.\nQUIT\nZoë 😀\n", "Zoë 😀\n", ".\n.\n", "\n"])
def test_every_line_is_short_and_of_seven_bits_and_a_dot_ends_nothing(scripted: ScriptedMailServer, text: str) -> None:
    send(text=text, html=f"<p>{text}</p>")
    (raw,) = scripted.mails
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) < 998
    taken = email.message_from_bytes(raw, policy=email.policy.default)
    body = taken.get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == text.splitlines()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "no address",
        "a@b..example",
        "a@[b.example",
        "a@x.example\r\nBcc: c@x.example",
        "a@x.example, b@y.example",
        "zoë@x.example",
    ],
)
def test_what_is_no_address_is_refused_before_anything_is_sent(mailbox: Mailbox, address: str) -> None:
    with pytest.raises(MailRefused, match=r"^the address is none$"):
        send(address)
    assert mailbox.mails == []


def test_a_subject_cannot_bring_a_header(mailbox: Mailbox) -> None:
    with pytest.raises(ValueError, match="Header values"):
        send(subject="New lead\r\nBcc: other@example.com")
    assert mailbox.mails == []


def test_a_domain_of_other_letters_is_spelt_as_dns_does(mailbox: Mailbox) -> None:
    send("buyer@bücher.example")
    assert mailbox.mails[0]["To"] == "buyer@xn--bcher-kva.example"


def test_a_domain_is_never_spelt_as_somebody_else_s(mailbox: Mailbox) -> None:
    """By the codec of the standard library this one is strasse.example."""
    send("buyer@straße.example")
    assert mailbox.mails[0]["To"] == "buyer@xn--strae-oqa.example"


def test_a_lead_of_hostile_text_comes_through_as_text(mailbox: Mailbox) -> None:
    hostile = "<script>{{7*7}}\r\nBcc: other@example.com\r\n.\r\n\u202e\x00\ud800" + "x" * 10_000
    written = compose(facts(name=hostile, email=hostile, phone=hostile, message=hostile, attributes={hostile: hostile}))
    send(subject=written.subject, text=written.text, html=written.html)
    (taken,) = mailbox.mails
    assert "Bcc" not in taken
    assert taken["Subject"] == "New lead #12345: Emergency plumbing, Austin"
    plain, html = taken.iter_parts()
    assert (plain.get_content().splitlines(), html.get_content().splitlines()) == (
        written.text.splitlines(), written.html.splitlines(),
    )  # fmt: skip


CASES: list[tuple[Any, str, type[MailFailed], str]] = [
    ("greeting", "554 no", MailNotSent, "the mail server did not go on (554)"),
    ("greeting", HANG, MailNotSent, "timeout"),
    ("greeting", DRIP, MailNotSent, "timeout"),
    ("greeting", DROP, MailNotSent, "the mail server ended the conversation"),
    ("ehlo", DRIP, MailNotSent, "timeout"),
    ("mail", "550 who are you", MailNotSent, "the mail server refused FROM_EMAIL (550)"),
    ("mail", "552 too large", MailRefused, "the mail server refused the mail (552)"),
    ("mail", DRIP, MailNotSent, "timeout"),
    ("rcpt", "550 no such user", MailRefused, "the mail server refused the recipient (550)"),
    ("rcpt", "450 come again", MailPutOff, "the mail server refused the recipient (450)"),
    ("rcpt", "421 closing", MailNotSent, "the mail server refused the recipient (421)"),
    ("rcpt", DROP, MailNotSent, "the mail server ended the conversation"),
    ("data", "451 not now", MailNotSent, "the mail server refused the mail (451)"),
    ("data", "554 never", MailRefused, "the mail server refused the mail (554)"),
    ("data", HANG, MailNotSent, "timeout"),
    ("data", DROP, MailNotSent, "the mail server ended the conversation"),
    ("message", "554 spam", MailRefused, "the mail server refused the mail (554)"),
    ("message", "452 full", MailNotSent, "the mail server refused the mail (452)"),
    ("message", HANG, MailUnknown, "timeout"),
    ("message", DRIP, MailUnknown, "timeout"),
    ("message", DROP, MailUnknown, "the mail server ended the conversation"),
    ("message", "what?", MailUnknown, "the mail server did not go on (-1)"),
    ("message", "250-" + "x" * 10_000, MailUnknown, "the mail server did not go on (500)"),
]


@pytest.mark.parametrize(("step", "line", "kind", "cause"), CASES, ids=[f"{c[0]}-{c[1][:12]}" for c in CASES])
def test_what_is_known_of_a_mail_depends_on_how_far_it_came(
    scripted: ScriptedMailServer, step: Any, line: str, kind: type[MailFailed], cause: str
) -> None:
    scripted.script[step] = line
    with pytest.raises(MailFailed) as failed:
        send(timeout_seconds=SOON if line in (HANG, DRIP) else LONG)
    assert (type(failed.value), str(failed.value)) == (kind, cause)
    assert "example" not in str(failed.value)


def test_a_mail_that_was_taken_waits_for_no_goodbye(scripted: ScriptedMailServer) -> None:
    send()  # this server never answers QUIT
    assert len(scripted.mails) == 1


def test_a_server_that_is_not_there_got_nothing(environment: pytest.MonkeyPatch, closed_port: int) -> None:
    environment.setenv("SMTP_HOST", "127.0.0.1")
    environment.setenv("SMTP_PORT", str(closed_port))
    with pytest.raises(MailNotSent, match=r"^connection refused$"):
        send()


def test_a_server_that_takes_no_connection_is_waited_for_until_the_deadline(environment: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_connection(full.getsockname()):
        environment.setenv("SMTP_HOST", "127.0.0.1")
        environment.setenv("SMTP_PORT", str(full.getsockname()[1]))
        with pytest.raises(MailNotSent, match=r"^timeout$"):
            send(timeout_seconds=SOON)


def test_without_tls_nothing_is_sent_where_tls_is_asked_for(
    scripted: ScriptedMailServer, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("SMTP_STARTTLS", "true")
    with pytest.raises(MailNotSent, match=r"^the mail server lacks what SMTP_STARTTLS or SMTP_USER asks for$"):
        send()
    assert scripted.mails == []


@pytest.mark.parametrize("greeting", [b"", b"220 welcome\r\n"])
def test_a_server_that_says_on_and_on_is_not_listened_to(environment: pytest.MonkeyPatch, greeting: bytes) -> None:
    def talks(peer: Peer) -> None:
        if greeting:
            peer.send(greeting)
            peer.socket.recv(1000)
        peer.for_ever(b"250-and\r\n" * 1000)

    with Receiver(talks) as server:
        for name, value in (
            ("SMTP_HOST", "127.0.0.1"), ("SMTP_PORT", str(server.port)), ("SMTP_STARTTLS", "false"),
            ("FROM_EMAIL", "leads@leadgen.example"),
        ):  # fmt: skip
            environment.setenv(name, value)
        with pytest.raises(MailNotSent, match=r"^the mail server ended the conversation$"):
            send(timeout_seconds=2.0)
