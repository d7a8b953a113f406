"""Consent rules: what an offer or a buyer demands to be on record before a lead is sold."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, ValidationError

from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.model import Model
from leadgen.kernel.model_errors import describe


class ConsentDemand(Model):
    """What must be recorded of a lead's consent before it is sold.

    ``given`` is the post's ``consent``; the rest are the attributes ``consent_text``, ``consent_at`` (an instant with
    its offset) and ``consent_certificate_url``.
    """

    given: bool = True
    text: bool = False
    text_contains: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    max_age_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    certificate: bool = False
    certificate_hosts: (
        Annotated[tuple[Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,253}$")], ...], Field(min_length=1)] | None
    ) = None


def parse_consent(demand: object, *, label: str) -> ConsentDemand:
    """What a buyer demands. Raises PolicyInvalid; ``label`` names the enrollment in its message."""
    try:
        return ConsentDemand.model_validate_json(json.dumps(demand))
    except ValidationError as error:
        raise PolicyInvalid(f"the consent of {label}: {describe(error)}") from None


@dataclass(frozen=True)
class Evidence:
    """What is on record of a lead's consent. ``contains`` are those of the demanded words that its text has."""

    given: bool = False
    text: bool = False
    contains: tuple[str, ...] = ()
    at: datetime | None = None
    certificate_host: str | None = None


NO_EVIDENCE = Evidence()


def evidence(fields: Mapping[str, object], demands: Iterable[ConsentDemand]) -> Evidence:
    """Look at a lead's own fields, and its attributes as ``attributes.<name>``, for what these demands need."""
    text = _text(fields.get("attributes.consent_text"))
    words = {demand.text_contains for demand in demands if demand.text_contains is not None}
    return Evidence(
        given=fields.get("consent") is True,
        text=bool(text),
        contains=tuple(sorted(word for word in words if word.casefold() in text.casefold())),
        at=_instant(fields.get("attributes.consent_at")),
        certificate_host=_host(fields.get("attributes.consent_certificate_url")),
    )


def unmet(demand: ConsentDemand, found: Evidence, *, now: datetime) -> tuple[str, ...]:
    """The fields of a demand that the evidence does not meet, in the demand's order."""
    return tuple(_unmet(demand, found, now))


def _unmet(demand: ConsentDemand, found: Evidence, now: datetime) -> Iterator[str]:
    if demand.given and not found.given:
        yield "given"
    if demand.text and not found.text:
        yield "text"
    if demand.text_contains is not None and demand.text_contains not in found.contains:
        yield "text_contains"
    if demand.max_age_days is not None:
        aged = None if found.at is None else now - found.at
        # A time that has not come yet proves nothing; clocks may differ by minutes.
        if aged is None or not timedelta(minutes=-5) <= aged <= timedelta(days=demand.max_age_days):
            yield "max_age_days"
    if demand.certificate and found.certificate_host is None:
        yield "certificate"
    if demand.certificate_hosts is not None and found.certificate_host not in demand.certificate_hosts:
        yield "certificate_hosts"


def _text(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _instant(value: object) -> datetime | None:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
        # As the record has it: an offset can lie before the first year or after the last.
        return instant.astimezone(UTC) if instant is not None and instant.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _host(value: object) -> str | None:
    try:
        parts = urlsplit(value.strip() if isinstance(value, str) else "")
    except ValueError:
        return None
    return parts.hostname if parts.scheme == "https" else None
