"""Hands a mail to the configured SMTP server. The whole conversation has one deadline."""

import contextlib
import smtplib
import socket
import ssl
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from email.message import EmailMessage
from functools import lru_cache
from typing import Any, BinaryIO

from leadgen.platform import clock, settings
from leadgen.platform.mail.failures import MailFailed, MailNotSent, MailPutOff, MailRefused, MailUnknown

_READY = 220
_LONGEST_REPLIES = 64 * 1024
_GOING_DOWN = 421
_TOO_LARGE = 552  # of the refusals of a sender the one that is about the mail, not about us


def hand_over(message: EmailMessage, *, timeout_seconds: float) -> None:
    """Raises MailNotSent, MailPutOff, MailRefused or MailUnknown."""
    configured = settings.current()
    if not configured.smtp_host:
        raise MailNotSent("SMTP_HOST is not set")
    deadline = clock.seconds() + timeout_seconds
    conversation = _Conversation(deadline)
    # A socket's time-out begins anew with every byte; this ends a server that drips.
    watchdog = threading.Timer(timeout_seconds, conversation.abort)
    watchdog.start()
    try:
        _begin(conversation, configured.smtp_host, configured)
        conversation.send_message(message)
        conversation.leave()
    except OSError as error:  # smtplib's own among them
        raise _failure(error, conversation, late=clock.seconds() >= deadline) from error
    finally:
        watchdog.cancel()
        conversation.close()


def _begin(conversation: "_Conversation", host: str, configured: settings.Settings) -> None:
    code, _ = conversation.connect(host, configured.smtp_port)
    if code != _READY:
        raise smtplib.SMTPConnectError(code, b"")
    if configured.smtp_starttls:
        conversation.starttls(context=_tls())
    if configured.smtp_user:
        conversation.login(configured.smtp_user, configured.smtp_password or "")


class _Replies:
    """The server's reply, as far as it is read: the library would keep every line of a reply without end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = _LONGEST_REPLIES

    def readline(self, size: int) -> bytes:
        """The next line. Raises OSError when there were too many."""
        line = self._file.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise OSError
        return line

    def close(self) -> None:
        """No more is read."""
        self._file.close()


class _Conversation(smtplib.SMTP):
    """One that ends at its deadline, and keeps how far it came."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._leash: socket.socket | None = None
        self.handed_over = False
        super().__init__(local_hostname="localhost")  # left out, it would be looked up in DNS, however long that takes

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        left = max(0.0, self._deadline - clock.seconds())
        opening = _openers().submit(socket.create_connection, (host, port), left)
        try:
            wire = opening.result(timeout=left)
        except TimeoutError:
            opening.add_done_callback(_hang_up)
            raise
        self._leash = wire.dup()  # holds the same connection whatever becomes of `wire`: TLS takes it over
        if (left := self._deadline - clock.seconds()) <= 0:  # it was too early for the watchdog
            wire.close()
            raise TimeoutError
        wire.settimeout(left)
        address = str(wire.getsockname()[0]).partition("%")[0]
        self.local_hostname = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
        return wire

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Replies(self.sock.makefile("rb"))
        return super().getreply()

    def send(self, s: Any) -> None:
        super().send(s)
        # Commands are text. The mail comes as one piece of bytes, and now all of it is on its way.
        self.handed_over |= isinstance(s, bytes)

    def leave(self) -> None:
        """Say goodbye without waiting for the answer: it changes nothing any more."""
        with contextlib.suppress(OSError):
            self.putcmd("quit")

    def abort(self) -> None:
        """End whatever the conversation is waiting for; safe from another thread."""
        if self._leash is not None:
            with contextlib.suppress(OSError):
                self._leash.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        super().close()
        if self._leash is not None:
            self._leash.close()


def _hang_up(opening: "Future[socket.socket]") -> None:
    if opening.exception() is None:
        opening.result().close()


def _failure(error: OSError, conversation: _Conversation, *, late: bool) -> MailFailed:
    match error:
        case smtplib.SMTPRecipientsRefused():
            ((code, _),) = error.recipients.values()
            # By 421 the server ends the connection, whoever the recipient is.
            put_off = MailNotSent if code == _GOING_DOWN else MailPutOff
            return _answered("the mail server refused the recipient", code, put_off)
        case smtplib.SMTPDataError(smtp_code=int(code)) if code >= 400:
            return _answered("the mail server refused the mail", code)
        case smtplib.SMTPSenderRefused(smtp_code=code) if code == _TOO_LARGE:
            return _answered("the mail server refused the mail", code)
    cause = "timeout" if late else _cause(error)
    return MailUnknown(cause) if conversation.handed_over else MailNotSent(cause)


def _answered(cause: str, code: int, for_now: type[MailFailed] = MailNotSent) -> MailFailed:
    return (MailRefused if 500 <= code <= 599 else for_now)(f"{cause} ({code})")


def _cause(error: OSError) -> str:
    match error:
        case smtplib.SMTPServerDisconnected():
            return "the mail server ended the conversation"
        case smtplib.SMTPAuthenticationError():
            return "the mail server refused SMTP_USER"
        case smtplib.SMTPSenderRefused(smtp_code=code):
            return f"the mail server refused FROM_EMAIL ({code})"
        case smtplib.SMTPNotSupportedError():
            return "the mail server lacks what SMTP_STARTTLS or SMTP_USER asks for"
        case smtplib.SMTPResponseException(smtp_code=code):
            return f"the mail server did not go on ({code})"
        case TimeoutError():
            return "timeout"
        case ConnectionRefusedError():
            return "connection refused"
        case ssl.SSLError():
            return "the TLS handshake failed"
        case socket.gaierror():
            return "SMTP_HOST does not resolve"
        case _:
            return type(error).__name__


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


@lru_cache(maxsize=1)
def _openers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=16, thread_name_prefix="smtp")
