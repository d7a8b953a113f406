"""The facts of a claimed lead that a buyer's format may refer to."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal

from leadgen.kernel.trace import Json

_ATTRIBUTE = "attributes."


@dataclass(frozen=True)
class LeadFacts:
    """A claimed lead with all that its buyer pays for. ``offer`` and ``market`` are names, ``vertical`` is a slug;
    ``timezone`` is the market's.
    """

    delivery_id: str
    lead_id: int
    buyer_id: int
    received_at: datetime
    delivered_at: datetime
    name: str
    email: str
    phone: str
    country_code: str
    postal_code: str
    city: str | None
    region_code: str | None
    message: str | None
    source: str
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    attributes: Mapping[str, Json]
    price: Decimal
    currency: str
    offer: str
    market: str
    vertical: str
    timezone: str

    @property
    def first_name(self) -> str | None:
        """The first word of the name."""
        return next(iter(self.name.split()), None)

    @property
    def last_name(self) -> str | None:
        """All words of the name after the first."""
        return " ".join(self.name.split()[1:]) or None

    @property
    def region(self) -> str | None:
        """The region's code without its country: TX."""
        return self.region_code and self.region_code.removeprefix(f"{self.country_code}-")


FIELDS = (
    *(field.name for field in fields(LeadFacts) if field.name != "attributes"), "first_name", "last_name", "region"
)  # fmt: skip
INSTANTS = ("received_at", "delivered_at")


def attribute(field: str) -> str | None:
    """The name of the vertical's own field that ``attributes.<name>`` is; None for a field of every lead."""
    return (field.removeprefix(_ATTRIBUTE) or None) if field.startswith(_ATTRIBUTE) else None


def value(facts: LeadFacts, field: str) -> object:
    """The value of one of ``FIELDS`` or of an attribute; None where the lead has none, or a blank."""
    name = attribute(field)
    found = getattr(facts, field) if name is None else facts.attributes.get(name)
    return None if isinstance(found, str) and not found.strip() else found
