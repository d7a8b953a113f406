"""The domain's values for tests, with ordinary contents for what a test does not care about."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from leadgen.domain.eligibility import Enrolment, Standing
from leadgen.domain.lead import Lead
from leadgen.domain.observations import LookedUp, Observations
from leadgen.domain.observing import observe
from leadgen.domain.policies import DuplicateDetection, ValidationPolicy
from leadgen.domain.routing import Offer

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


def enrolment(**values: Any) -> Enrolment:
    """An enrolment that nothing keeps from a lead."""
    defaults: dict[str, Any] = {
        "buyer_id": 1,
        "buyer_offer_id": 100 + values.get("buyer_id", 1),
        "buyer_active": True,
        "enrolled": True,
        "serves_area": True,
        "priority": 1,
        "buyer_price": None,
        "pause_until": None,
        "capacity_per_day": None,
        "capacity_per_hour": None,
        "min_balance_required": None,
        "credit_limit": None,
        "currency": "USD",
        "reachable": True,
    }
    return Enrolment(**defaults | values)


def standing(**values: Any) -> Standing:
    """A buyer who has taken nothing and owes nothing."""
    defaults: dict[str, Any] = {
        "claimed_today": 0,
        "claimed_this_hour": 0,
        "owed": Decimal("0.00"),
        "pending": Decimal("0.00"),
        "wallet": Decimal("0.00"),
    }
    return Standing(**defaults | values)


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
