"""The types of a configuration file's fields: each checks its value and stores one spelling of it."""

import re
from datetime import datetime
from decimal import Decimal
from email.errors import MessageError
from email.headerregistry import Address
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from leadgen.intake.domain import classification
from leadgen.kernel import money
from leadgen.kernel.errors import Refusal
from leadgen.leads.domain import normalization
from leadgen.routing.domain.pricing import rounded

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOSTNAME = re.compile(rf"{_LABEL}(\.{_LABEL})*|\[[0-9a-f:.]+\]")
_WEBHOOK_URL = rf"(?i:https?://({_LABEL}(\.{_LABEL})*|\[[0-9a-f:.]+\]))(:\d{{1,5}})?([/?][^\s#]*)?"
_DEGREE = Decimal("0.00001")
_HOST_AND_PORT = re.compile(r"(\[[^\]]+\]|[^:/\s]+)(:\d{1,5})?")


def _matching(pattern: str, expected: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"must be {expected}")
        return text

    return AfterValidator(check)


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be an IANA time zone such as America/New_York") from None
    return name


def email(written: str) -> str:
    """The address in its one spelling. Raises ValueError."""
    address = normalization.email(written)
    try:
        Address(addr_spec=address or "")
    except (ValueError, MessageError, AttributeError, IndexError):  # all that its parser is known to raise
        address = None
    if not address:
        raise ValueError("must be an e-mail address")
    return address


def _phone(written: str) -> str:
    if normalization.phone(written) is None:
        raise ValueError("must be a telephone number of at least seven digits")
    return written


def _kept(currency: str) -> str:
    try:
        money.digits(currency)
    except money.CurrencyUnknown as unknown:
        raise ValueError(f"cannot be kept exactly: {unknown}") from None
    return currency


def _hostname(written: str) -> str:
    hostname = classification.strip_port(written)
    if not _HOST_AND_PORT.fullmatch(written) or not _HOSTNAME.fullmatch(hostname):
        raise ValueError("must be a host name such as www.example.com, without a scheme or a path")
    return hostname


def _source_key(written: str) -> str:
    try:
        return classification.canonical_source_key(written)
    except Refusal as refusal:
        raise ValueError(refusal.message.removeprefix("source_key ")) from None


def _instant(written: object) -> datetime:
    try:
        instant = datetime.fromisoformat(str(written))
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ValueError("must be a date and time with its offset, such as 2030-01-31T18:00:00-06:00")
    # In no zone may it fall out of the years there are: whoever read it would fail.
    if not 1 < instant.year < 9999:
        raise ValueError("must lie in the years 2 to 9998")
    return instant


def _located(degrees: Decimal) -> Decimal:
    return degrees.quantize(_DEGREE)


Name = Annotated[str, Field(min_length=1, max_length=200)]
Slug = Annotated[
    str, Field(max_length=64), _matching(r"[a-z0-9]+(-[a-z0-9]+)*", "lower-case letters, digits and hyphens")
]
Country = Annotated[str, _matching(r"[A-Z]{2}", "an ISO 3166-1 country code such as US")]
Region = Annotated[str, _matching(r"[A-Z]{2}-[A-Z0-9]{1,3}", "an ISO 3166-2 region code such as US-NY")]
Currency = Annotated[str, _matching(r"[A-Z]{3}", "an ISO 4217 currency code such as USD"), AfterValidator(_kept)]
Timezone = Annotated[str, Field(max_length=64), AfterValidator(_timezone)]
SourceKey = Annotated[str, AfterValidator(_source_key)]
Hostname = Annotated[str, Field(max_length=255), AfterValidator(_hostname)]
PathPrefix = Annotated[
    str, Field(max_length=255), _matching(r"/[^\s?#]*", "a path that begins with / and holds no ? or #")
]
Email = Annotated[str, Field(max_length=200), AfterValidator(email)]
Phone = Annotated[str, Field(max_length=20), AfterValidator(_phone)]
WebhookUrl = Annotated[
    str, Field(max_length=500), _matching(_WEBHOOK_URL, "a URL such as https://crm.example.com/leads")
]
Secret = Annotated[str, Field(min_length=16, max_length=200)]
PostalCode = Annotated[str, Field(min_length=1, max_length=16), AfterValidator(normalization.postal_code)]
City = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(normalization.city)]
Price = Annotated[Decimal, Field(gt=0, max_digits=10, decimal_places=2), AfterValidator(rounded)]
Amount = Annotated[Decimal, Field(ge=0, max_digits=10, decimal_places=2), AfterValidator(rounded)]
Capacity = Annotated[int, Field(ge=0, le=1_000_000)]
Kilometres = Annotated[Decimal, Field(gt=0, le=1000, decimal_places=3)]
Latitude = Annotated[Decimal, Field(ge=-90, le=90, decimal_places=5), AfterValidator(_located)]
Longitude = Annotated[Decimal, Field(ge=-180, le=180, decimal_places=5), AfterValidator(_located)]
Version = Annotated[int, Field(ge=1, le=1_000_000)]
Fingerprint = Annotated[
    str, _matching(r"[0-9a-f]{64}", "a SHA-256 fingerprint as `leadgen config export` writes it, 64 hexadecimal digits")
]
Instant = Annotated[datetime, BeforeValidator(_instant)]
