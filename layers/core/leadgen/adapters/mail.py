"""Mail, by SMTP (Amazon SES speaks it too)."""

import smtplib
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage

from leadgen.adapters import settings

# All that the standard library's parser is known to raise for an address that is none.
_BAD_ADDRESS = (ValueError, MessageError, AttributeError, IndexError)


class MailFailed(Exception):
    """The mail was not handed over; the message is a short cause without addresses."""


class MailNotSent(MailFailed):
    """May be tried again."""


class MailRefused(MailFailed):
    """For good."""


class MailUnknown(MailFailed):
    """No answer came."""


def send(*, to: str, subject: str, text: str, html: str | None = None, message_id: str, timeout_seconds: float) -> None:
    """Hand a mail over. ``message_id`` makes a repeat recognizable. Raises MailFailed."""
    configured = settings.current()
    if not configured.smtp_host:
        raise MailNotSent("SMTP_HOST is not set")
    try:
        message = EmailMessage()
        message["From"] = configured.from_email
        message["To"] = Address(addr_spec=to)
        message["Subject"] = subject
        message["Message-ID"] = f"<{message_id}@{configured.from_email.rpartition('@')[2]}>"
        message.set_content(text)
        with smtplib.SMTP(configured.smtp_host, configured.smtp_port, timeout=timeout_seconds) as smtp:
            if configured.smtp_starttls:
                smtp.starttls(context=ssl.create_default_context())
            if configured.smtp_user:
                smtp.login(configured.smtp_user, configured.smtp_password or "")
            smtp.send_message(message)
    except (OSError, smtplib.SMTPException, *_BAD_ADDRESS) as error:
        raise MailNotSent(type(error).__name__) from error
