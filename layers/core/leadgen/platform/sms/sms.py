"""Sends SMS through Twilio."""

from leadgen.platform import settings
from leadgen.platform.egress import http_client

# About this number or this text. 401, 403 and 404 are about the account, 429 and 5xx about now.
_REFUSED = 400


class SmsFailed(Exception):
    """The SMS was not handed over, or that is unknown; the message is a short cause without numbers of anybody."""


class SmsNotSent(SmsFailed):
    """It was not taken, and may be tried again."""


class SmsRefused(SmsFailed):
    """It is refused for good: no such number, unsubscribed, …"""


class SmsUnknown(SmsFailed):
    """The call went out, and no answer came on whether it was taken."""


def send(*, to: str, text: str, timeout_seconds: float) -> None:
    """Hand an SMS over within ``timeout_seconds``. Raises SmsFailed: SmsNotSent, SmsRefused or SmsUnknown."""
    configured = settings.current()
    if configured.twilio_account_sid is None:
        raise SmsNotSent("TWILIO_ACCOUNT_SID is not set")
    # A fifth of a second at import: only where something is sent.
    from twilio.base.exceptions import TwilioRestException, TwilioServiceException
    from twilio.rest import Client

    from leadgen.platform.sms.twilio_transport import TwilioCalls

    calls = TwilioCalls(timeout_seconds)
    client = Client(configured.twilio_account_sid, configured.twilio_auth_token, http_client=calls)
    try:
        client.messages.create(to=to, from_=configured.twilio_phone_number or "", body=text)
    except http_client.NotSent as failure:
        raise SmsNotSent(str(failure)) from failure
    except http_client.NoAnswer as failure:
        raise SmsUnknown(str(failure)) from failure
    except (TwilioRestException, TwilioServiceException) as answer:
        # Its text repeats the number: only its code is kept.
        kind = SmsRefused if answer.status == _REFUSED else SmsNotSent
        raise kind(f"Twilio: {answer.status}, code {answer.code}") from answer
    except (ValueError, AttributeError, TypeError) as error:  # a 2xx whose JSON is cut short, or not as agreed
        raise SmsUnknown("Twilio's answer does not read") from error
