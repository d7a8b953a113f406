"""The domain's values for tests, with ordinary contents for what a test does not care about."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from leadgen.delivery.domain.lead_facts import LeadFacts
from leadgen.kernel.calendar import PERIODS, Period
from leadgen.leads.domain.lead import Lead
from leadgen.routing.domain.decision import Offer
from leadgen.routing.domain.eligibility import Enrollment, Usage, Used
from leadgen.validation.domain.extraction import observe
from leadgen.validation.domain.observations import LookedUp, Observations
from leadgen.validation.domain.policy import DuplicateDetection, ValidationPolicy

NOON = datetime(2026, 6, 17, 12, 0, tzinfo=UTC)


def lead(**values: Any) -> Lead:
    defaults: dict[str, Any] = {
        "lead_id": 1,
        "created_at": NOON,
        "offer_id": 10,
        "source_id": 20,
        "market_id": 30,
        "country_code": "US",
        "postal_code": "80014",
        "city": "Aurora",
        "filled": frozenset({"name", "email", "phone", "postal_code", "city"}),
    }
    return Lead(**defaults | values)


def facts(**values: Any) -> LeadFacts:
    """What a buyer gets of a lead; the specification's own example, and attributes of every kind."""
    defaults: dict[str, Any] = {
        "delivery_id": "6f0e6f6e-3c1b-4b8e-9d2a-1f2e3d4c5b6a",
        "lead_id": 12345,
        "buyer_id": 7,
        "received_at": datetime(2024, 1, 15, 10, 30, 0, tzinfo=UTC),
        "delivered_at": datetime(2024, 1, 15, 10, 30, 5, tzinfo=UTC),
        "name": "John Smith",
        "email": "john@example.com",
        "phone": "+1 (512) 555-0123",
        "country_code": "US",
        "postal_code": "78701",
        "city": "Austin",
        "region_code": "TX",
        "message": "Emergency plumbing needed\nPrice: 0.00",
        "source": "landing_page",
        "utm_source": None,
        "utm_medium": None,
        "utm_campaign": None,
        "attributes": {"best_time": "evening", "owner": True, "rooms": [1, 2], "roof": {"age": 12}, "budget": None},
        "price": Decimal("45.00"),
        "currency": "USD",
        "offer": "Austin plumbing",
        "market": "Austin",
        "vertical": "emergency_plumbing",
        "timezone": "America/Chicago",
    }
    return LeadFacts(**defaults | values)


def enrollment(**values: Any) -> Enrollment:
    """An enrollment that nothing keeps from a lead; ``capacity_per_day`` and the like are its caps."""
    limits: dict[str, dict[str, Any]] = {"capacity": {}, "budget": {}}
    for name in [name for name in values if name.partition("_per_")[0] in limits]:
        kind, _, period = name.partition("_per_")
        if (limit := values.pop(name)) is not None:
            limits[kind][period] = limit
    defaults: dict[str, Any] = {
        "buyer_id": 1,
        "buyer_offer_id": 100 + values.get("buyer_id", 1),
        "buyer_active": True,
        "enrolled": True,
        "area": "postal_code 80014",
        "priority": 1,
        "buyer_price": None,
        "pause_until": None,
        **limits,
        "filter": None,
        "consent": None,
        "fault": None,
        "min_balance_required": None,
        "credit_limit": None,
        "currency": "USD",
        "reachable": True,
    }
    return Enrollment(**defaults | values)


def usage(
    *,
    hour: int = 0,
    day: int = 0,
    week: int = 0,
    month: int = 0,
    spent: Mapping[Period, str] | None = None,
    **values: Any,
) -> Usage:
    """A buyer who has taken so many leads in each period and owes nothing."""
    claimed: dict[Period, int] = {"hour": hour, "day": day, "week": week, "month": month}
    amounts = {period: Decimal(amount) for period, amount in (spent or {}).items()}
    defaults: dict[str, Any] = {
        "used": {period: Used(claimed[period], amounts.get(period, Decimal(0))) for period in PERIODS},
        "owed": Decimal("0.00"),
        "pending": Decimal("0.00"),
        "wallet": Decimal("0.00"),
    }
    return Usage(**defaults | values)


def offer(**values: Any) -> Offer:
    defaults: dict[str, Any] = {"offer_id": 10, "is_active": True, "default_price": Decimal("45.00"), "currency": "USD",
                                "timezone": "America/Denver"}  # fmt: skip
    return Offer(**defaults | values)


def detection(**values: Any) -> DuplicateDetection:
    """Duplicate detection, switched on."""
    return DuplicateDetection(**{"enabled": True} | values)


def seen(policy: ValidationPolicy, subject: Lead, **values: Any) -> Observations:
    """What validation sees of a lead: ``fields`` and ``is_duplicate`` as given, the rest is what was looked up."""
    fields = values.pop("fields", {})
    is_duplicate = values.pop("is_duplicate", False)
    return observe(policy, subject, fields, LookedUp(**values), is_duplicate=is_duplicate)


def validation_policy(**values: Any) -> ValidationPolicy:
    return ValidationPolicy(**values)
