"""A stored lead as the stages see it, without the name, address or number that a decision could leak."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ContactKey = Literal["phone", "email"]

LeadStatus = Literal["received", "validated", "delivered", "accepted", "rejected"]
"""The specification's states. ``delivered`` is *claimed for one buyer at a fixed price*: routing's commit. Whether the
buyer has the lead is the state of its delivery (``deliveries.status``), and only one that succeeded is billed.
"""


# A lead's own fields that a policy may require; any other name is looked for in its attributes.
LEAD_FIELDS = (
    "name", "email", "phone", "postal_code", "city", "region_code", "message",
    "utm_source", "utm_medium", "utm_campaign", "consent", "gdpr_consent",
)  # fmt: skip


@dataclass(frozen=True)
class Contact:
    """What duplicate detection matches by; never part of a decision's record."""

    normalized_phone: str | None
    normalized_email: str | None


@dataclass(frozen=True)
class Lead:
    """A lead under decision. ``filled`` names the fields and attributes that hold something."""

    lead_id: int
    created_at: datetime
    offer_id: int
    source_id: int
    market_id: int
    country_code: str
    postal_code: str
    city: str | None
    filled: frozenset[str]


def filled_fields(fields: Mapping[str, object], attributes: Mapping[str, object]) -> frozenset[str]:
    """Which of a lead's fields, and which ``attributes.<name>``, are neither absent nor blank nor false."""
    named = {**fields, **{f"attributes.{name}": value for name, value in attributes.items()}}
    return frozenset(name for name, value in named.items() if not _is_blank(value))


def filled_name(field: str) -> str:
    """The name ``filled`` has for a field of a policy: one of the lead's own, or ``attributes.<name>``."""
    return field if field in LEAD_FIELDS or field.startswith("attributes.") else f"attributes.{field}"


def _is_blank(value: object) -> bool:
    return value is None or value is False or (isinstance(value, str) and not value.strip()) or value in ({}, [])
