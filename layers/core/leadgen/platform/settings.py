"""Reads settings from the environment into one typed object, and reports every problem at once."""

import ipaddress
import os
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from leadgen.platform.mail import addresses

# Where `leadgen event listen` listens on this machine without --port; the embedded stack may call it there.
RECEIVER_PORT = 8026


def receiver_origin(port: int) -> str:
    """The address at which a receiver on this machine is called, as EGRESS_ALLOWED_ORIGINS lists it."""
    return f"http://127.0.0.1:{port}"


class SettingsInvalid(Exception):
    """The environment does not make a working configuration; the message lists every problem."""


def _comma_list(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


CommaList = Annotated[tuple[str, ...], BeforeValidator(_comma_list)]


_ORIGIN = re.compile(r"https?://(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[1-9][0-9]{0,4})?")


def _origin(text: str) -> str:
    # It is held against the beginning of a URL letter by letter: written otherwise it would allow nothing.
    if not _ORIGIN.fullmatch(text):
        raise ValueError(f"{text!r} is no origin: write http://127.0.0.1:8026, in small letters and without a path")
    return text


Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], BeforeValidator(_comma_list)]


def _server(text: str) -> str:
    try:
        parts = urlsplit(f"//{text}")
        ipaddress.ip_address(parts.hostname or "")
        _ = parts.port  # refuses what is no port
    except ValueError:
        raise ValueError(f"{text!r} is no address of a server: write 127.0.0.1, 127.0.0.1:5353 or [::1]:5353") from None
    return text


Ports = Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], Field(min_length=1), BeforeValidator(_comma_list)]
Servers = Annotated[tuple[Annotated[str, AfterValidator(_server)], ...], BeforeValidator(_comma_list)]


def _mail_address(text: str) -> str:
    try:
        addresses.parse(text)
    except ValueError:
        raise ValueError(f"{text!r} is no address: write leads@example.com, without a name") from None
    return text


class Settings(BaseModel):
    """What an operator sets. Each field is the environment variable of its name in capitals."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    database_url: str = Field(pattern=r"^postgres(ql)?://", repr=False)
    database_connections: int = Field(default=1, ge=1, le=200)
    # Plans are kept on the server: half the time of a statement, but it pins a connection behind RDS Proxy.
    database_prepared_statements: bool = False
    secret_key: str = Field(min_length=32, repr=False)
    jwt_algorithm: Literal["HS256"] = "HS256"
    environment: Literal["development", "staging", "production", "test"] = "development"

    default_source_key: str | None = None
    default_duplicate_window_hours: int = Field(default=24, gt=0, le=8760)
    default_invoice_threshold: Decimal = Field(default=Decimal("500.00"), ge=0)

    # Posts a minute from one address; 0 switches the limit off.
    rate_limit_landing_page: int = Field(default=0, ge=0)
    rate_limit_embed_form: int = Field(default=0, ge=0)
    rate_limit_partner_api: int = Field(default=0, ge=0)

    # How long a batch's mail domains may be looked up in all, and the servers to use instead of the system's resolvers.
    # A batch that failed is done again lead by lead, and ten times this must fit into the stage's timeout.
    mx_lookup_seconds: float = Field(default=2.0, gt=0, le=2.5)
    dns_servers: Servers = ()

    webhook_timeout_seconds: float = Field(default=5.0, gt=0, le=20)
    webhook_max_retries: int = Field(default=3, ge=1, le=10)
    webhook_retry_delay: float = Field(default=1.0, ge=0, le=600)
    # Where calls may go beside https on 443: origins of our own network, and further ports of anybody.
    egress_allowed_origins: Origins = ()
    egress_ports: Ports = (443,)

    mail_transport: Literal["smtp", "ses"] = "smtp"
    from_email: Annotated[str, AfterValidator(_mail_address)] = "leads@localhost"
    smtp_host: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_user: str | None = None
    smtp_password: str | None = Field(default=None, repr=False)
    smtp_starttls: bool = True

    # For SMS notices: all three or none.
    twilio_account_sid: str | None = Field(default=None, pattern=r"^AC[0-9a-f]{32}$")
    twilio_auth_token: str | None = Field(default=None, repr=False)
    twilio_phone_number: str | None = Field(default=None, pattern=r"^\+[1-9][0-9]{6,14}$")
    twilio_api_url: str = Field(default="https://api.twilio.com", pattern=r"^https?://[^/?#@\s]+$")

    # Where payers reach our pages: what is before /pay/… in the links of mails and invoices.
    public_url: str = Field(default="http://localhost:8000", pattern=r"^https?://[^/?#@\s]+(/[A-Za-z0-9._~-]+)*$")

    # Payments by card: both secrets or none.
    stripe_secret_key: str | None = Field(default=None, repr=False)
    stripe_webhook_secret: str | None = Field(default=None, repr=False)
    stripe_api_base: str = Field(default="https://api.stripe.com", pattern=r"^https?://[^/?#@\s]+$")

    # AWS only: where announcements are published, and how full the queues are.
    events_topic_arn: str | None = None
    deliver_queue_url: str | None = None
    notify_queue_url: str | None = None
    collect_queue_url: str | None = None
    queue_urls: CommaList = ()

    migrations_dir: str | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"


_TWILIO = ("twilio_account_sid", "twilio_auth_token", "twilio_phone_number")
_STRIPE = ("stripe_secret_key", "stripe_webhook_secret")


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings. An empty variable is an unset one. Raises SettingsInvalid."""
    given = {name: value for name in Settings.model_fields if (value := environ.get(name.upper(), "")) != ""}
    problems = _missing(given)
    try:
        loaded = Settings.model_validate(given)
    except ValidationError as error:
        problems += [f"{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors()]
    if problems:
        raise SettingsInvalid("the environment needs mending:\n" + "\n".join(f"  {problem}" for problem in problems))
    return loaded


def _missing(given: Mapping[str, str]) -> list[str]:
    """What else must be set because of what is."""
    problems = []
    for what, needed in (("SMS notices", _TWILIO), ("payments by card", _STRIPE)):
        absent = [name.upper() for name in needed if name not in given]
        if 0 < len(absent) < len(needed):
            problems += [f"{name}: is missing; {what} need {', '.join(needed).upper()}" for name in absent]
    if given.get("mail_transport") == "ses" and "from_email" not in given:
        problems.append("FROM_EMAIL: is missing; SES sends from an address that was verified there")
    return problems


@lru_cache(maxsize=1)
def current() -> Settings:
    """The settings of this process, read once."""
    return load(os.environ)
