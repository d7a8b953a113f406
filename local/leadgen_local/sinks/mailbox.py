"""The SMTP sink: takes every mail and keeps it to be read."""

import asyncio
import email
import email.policy
import socket
from datetime import UTC, datetime
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from leadgen_local.sinks.journal import Journal


class Mailbox:
    """Every mail taken: `{from, to, subject, headers, body, html, at}` in the journal."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    async def listen(self, listener: socket.socket) -> asyncio.Server:
        """Take mail on a socket that is already open."""
        return await asyncio.get_running_loop().create_server(
            lambda: SMTP(self, enable_SMTPUTF8=True, hostname="localhost"), sock=listener
        )

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd calls it so
        """Called by aiosmtpd with a whole mail."""
        self.journal.append(_entry(envelope))
        return "250 OK"


def _entry(envelope: Envelope) -> dict[str, Any]:
    content = envelope.content
    assert isinstance(content, bytes)
    mail = email.message_from_bytes(content, policy=email.policy.default)
    body, html = mail.get_body(("plain", "html")), mail.get_body(("html",))
    return {
        "from": envelope.mail_from,
        "to": list(envelope.rcpt_tos),
        "subject": str(mail.get("subject", "")),
        "headers": {name: str(value) for name, value in mail.items()},
        "body": body.get_content() if body is not None else "",
        "html": html.get_content() if html is not None else "",
        "at": datetime.now(UTC).isoformat(),
    }
