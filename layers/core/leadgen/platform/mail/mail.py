"""Sends mail through an SMTP server or Amazon SES, as ``MAIL_TRANSPORT`` chooses."""

import email.policy
from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import assert_never

from leadgen.platform import clock, settings
from leadgen.platform.mail import addresses, ses, smtp
from leadgen.platform.mail.failures import MailFailed, MailNotSent, MailPutOff, MailRefused, MailUnknown

__all__ = ["Attachment", "MailFailed", "MailNotSent", "MailPutOff", "MailRefused", "MailUnknown", "send"]

_SEVEN_BIT = email.policy.SMTP.clone(cte_type="7bit")  # any server takes it, and no line is longer than it may be


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a mail."""

    filename: str
    media_type: str
    content: bytes


def send(
    *,
    to: str,
    subject: str,
    text: str,
    html: str | None = None,
    message_id: str,
    attachments: Sequence[Attachment] = (),
    timeout_seconds: float,
) -> None:
    """Hand a mail over within ``timeout_seconds``. Raises MailFailed: MailNotSent (also as
    MailPutOff), MailRefused or MailUnknown.

    ``message_id`` makes a repeat recognizable: by the header of this name, or by X-LeadGen-Message-Id where SES has put
    a Message-ID of its own.
    """
    configured = settings.current()
    recipient = _address(to)
    message = EmailMessage(_SEVEN_BIT)
    message["From"] = configured.from_email
    message["To"] = recipient
    message["Subject"] = subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{message_id}@{configured.from_email.rpartition('@')[2]}>"
    message["X-LeadGen-Message-Id"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # no out-of-office answer to this one, please
    message["X-Auto-Response-Suppress"] = "All"  # the same for Exchange
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    for file in attachments:
        kind, _, subtype = file.media_type.partition("/")
        message.add_attachment(file.content, maintype=kind, subtype=subtype, filename=file.filename)
    match configured.mail_transport:
        case "smtp":
            smtp.hand_over(message, timeout_seconds=timeout_seconds)
        case "ses":
            ses.hand_over(message, to=recipient.addr_spec, timeout_seconds=timeout_seconds)
        case _:
            assert_never(configured.mail_transport)


def _address(text: str) -> Address:
    """An address as headers hold it, its domain as DNS spells it."""
    try:
        given = addresses.parse(text)
        return Address(username=given.username, domain=_in_ascii(given.domain))
    except ValueError as error:
        raise MailRefused("the address is none") from error


def _in_ascii(domain: str) -> str:
    if not domain.isascii():
        import idna  # few domains need it

        # By IDNA 2008. The standard library's codec is of the one before: by it straße.de is strasse.de, somebody else.
        domain = idna.encode(domain.lower()).decode("ascii")
    return domain.encode("idna").decode()  # refuses what no label can be
