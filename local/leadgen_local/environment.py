"""The environment the stack's processes run in: the operator's own, what the stack provides, and defaults for one
machine. The template's own values come after all of these, when a function is loaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from leadgen.platform.settings import RECEIVER_PORT, Settings, receiver_origin
from leadgen_local.sinks import sms, stripe_account

# Their presence means AWS: announcements would be published there.
_AWS_ONLY = ("EVENTS_TOPIC_ARN", "DELIVER_QUEUE_URL", "NOTIFY_QUEUE_URL", "COLLECT_QUEUE_URL", "QUEUE_URLS")
_CONNECTIONS_PER_PROCESS = "20"


class ChoiceError(Exception):
    """A variable has a value the stack cannot use; the message names it."""


@dataclass(frozen=True)
class Choices:
    """What an operator chooses about the stack itself."""

    port: int
    state: Path
    database_url: str | None
    secret_key: str | None

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Choices":
        """From LEADGEN_PORT, LEADGEN_STATE, DATABASE_URL and SECRET_KEY; an empty variable is an unset one."""
        port = environ.get("LEADGEN_PORT") or "8000"
        if not port.isdecimal() or int(port) > 65535:
            raise ChoiceError(f"LEADGEN_PORT must be a port number, not {port!r}.")
        return cls(
            port=int(port),
            state=Path(environ.get("LEADGEN_STATE") or ".local"),
            database_url=environ.get("DATABASE_URL") or None,
            secret_key=environ.get("SECRET_KEY") or None,
        )


def of_children(
    environ: Mapping[str, str], *, database_url: str, secret_key: str, api_url: str, sink_url: str, smtp_port: int
) -> dict[str, str]:
    """The whole environment of a child process."""
    origins = [environ.get("EGRESS_ALLOWED_ORIGINS", ""), sink_url, receiver_origin(RECEIVER_PORT)]
    provided = {
        "DATABASE_URL": database_url,
        "SECRET_KEY": secret_key,
        "SINK_URL": sink_url,
        "PUBLIC_URL": environ.get("PUBLIC_URL") or api_url,
        "EGRESS_ALLOWED_ORIGINS": ",".join(origin for origin in origins if origin),
    }
    defaults = {
        "ENVIRONMENT": "development",
        "DATABASE_CONNECTIONS": _CONNECTIONS_PER_PROCESS,
        "DATABASE_PREPARED_STATEMENTS": "true",
        **{name.upper(): "0" for name in Settings.model_fields if name.startswith("rate_limit_")},
    }
    if not environ.get("SMTP_HOST"):
        provided |= {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(smtp_port), "SMTP_STARTTLS": "false"}
        provided |= {"SMTP_USER": "", "SMTP_PASSWORD": ""}
    if not environ.get("TWILIO_ACCOUNT_SID"):
        provided |= {"TWILIO_ACCOUNT_SID": sms.ACCOUNT_SID, "TWILIO_AUTH_TOKEN": sms.AUTH_TOKEN}
        provided |= {"TWILIO_PHONE_NUMBER": sms.PHONE_NUMBER, "TWILIO_API_URL": sink_url}
    if not environ.get("STRIPE_SECRET_KEY"):
        provided |= {"STRIPE_SECRET_KEY": stripe_account.SECRET_KEY, "STRIPE_API_BASE": sink_url}
        provided |= {"STRIPE_WEBHOOK_SECRET": stripe_account.WEBHOOK_SECRET}
    inherited = {name: value for name, value in environ.items() if name not in _AWS_ONLY}
    return defaults | inherited | provided
