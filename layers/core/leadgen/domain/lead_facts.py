"""What a buyer's format may name of a lead that was claimed for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from leadgen.domain.trace import Json


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
