"""Hands a mail to Amazon SES, version 2 of its API."""

from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from leadgen.platform import settings
from leadgen.platform.mail.failures import MailFailed, MailNotSent, MailRefused, MailUnknown

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

# About this mail, not about the account, its quota or its permissions.
_REFUSALS = frozenset({"MessageRejected", "BadRequestException"})

_making_the_client = Lock()


def hand_over(message: EmailMessage, *, to: str, timeout_seconds: float) -> None:
    """Raises MailNotSent, MailRefused or MailUnknown."""
    from botocore.exceptions import BotoCoreError, ClientError

    with _making_the_client:  # once, and before the time begins: a cold start is slow, and sends nothing yet
        client = _client(timeout_seconds)
    # boto3 bounds a connection and each read, but neither the look-ups before nor a read that drips.
    call = _callers().submit(_send, client, message.as_bytes(), to)
    try:
        call.result(timeout=timeout_seconds)
    except TimeoutError:
        raise (MailNotSent if call.cancel() else MailUnknown)("timeout") from None
    except (BotoCoreError, ClientError) as error:
        raise _failure(error) from error


def _send(client: "SESV2Client", mail: bytes, to: str) -> None:
    client.send_email(
        FromEmailAddress=settings.current().from_email,
        Destination={"ToAddresses": [to]},
        Content={"Raw": {"Data": mail}},
    )


def _failure(error: Exception) -> MailFailed:
    from botocore.exceptions import ClientError, HTTPClientError, SSLError
    from botocore.parsers import ResponseParserError

    match error:
        case ClientError(response={"Error": {"Code": str(code)}}):
            return (MailRefused if code in _REFUSALS else MailNotSent)(f"SES: {code}")
        case (
            HTTPClientError() | ResponseParserError()
        ):  # once connected; what keeps it from connecting is none of these
            return MailUnknown(type(error).__name__)
        # TLS may fail when it begins, and also after all of the mail has gone.
        case SSLError() if not _is_of_certificate(error):
            return MailUnknown(type(error).__name__)
        case _:
            return MailNotSent(type(error).__name__)


def _is_of_certificate(error: BaseException | None) -> bool:
    """Whether a certificate was not accepted: then nothing was sent after it."""
    while error is not None and type(error).__name__ != "SSLCertVerificationError":
        error = error.__cause__ or error.__context__
    return error is not None


@lru_cache(maxsize=1)
def _client(timeout_seconds: float) -> "SESV2Client":
    import boto3  # half a second at import: only where something is sent
    from botocore.config import Config

    bounds = Config(
        connect_timeout=timeout_seconds / 2,
        read_timeout=timeout_seconds / 2,
        retries={"total_max_attempts": 1},  # when to try again is on our schedule
    )
    return boto3.session.Session().client("sesv2", config=bounds)  # one's own: threads may not share the default one


@lru_cache(maxsize=1)
def _callers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=16, thread_name_prefix="ses")
