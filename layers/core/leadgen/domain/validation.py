"""Validation: the rules of an offer's policy held against a lead, in the specification's order, every one reported."""

from collections.abc import Iterator
from dataclasses import dataclass

from leadgen.domain import normalization
from leadgen.domain.lead import Lead
from leadgen.domain.policies import LEAD_FIELDS, ValidationPolicy
from leadgen.domain.trace import Check, limited


@dataclass(frozen=True)
class Validated:
    """Every rule passed."""

    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Rejected:
    """At least one rule failed; the first one is the reason."""

    reason: str
    checks: tuple[Check, ...]


def validate(policy: ValidationPolicy, lead: Lead) -> Validated | Rejected:
    """Decide on a lead that is not a rejected duplicate."""
    checks = tuple(_checks(policy, lead))
    failed = [check.rule for check in checks if not check.passed]
    return Rejected(failed[0], checks) if failed else Validated(checks)


def _checks(policy: ValidationPolicy, lead: Lead) -> Iterator[Check]:
    if policy.required_fields:
        missing = [field for field in policy.required_fields if _field_name(field) not in lead.filled]
        yield Check("required_fields", missing, list(policy.required_fields), not missing)
    if policy.allowed_country_codes is not None:
        allowed = policy.allowed_country_codes
        yield Check("allowed_country_codes", lead.country_code, list(allowed), lead.country_code in allowed)
    if policy.allowed_postal_codes is not None:
        codes = [normalization.postal_code(code) for code in policy.allowed_postal_codes]
        yield Check("allowed_postal_codes", lead.postal_code, limited(codes), lead.postal_code in codes)
    if policy.allowed_cities is not None:
        cities = [normalization.folded(city) for city in policy.allowed_cities]
        city = normalization.folded(lead.city or "")
        yield Check("allowed_cities", city or None, limited(cities), city in cities)


def _field_name(field: str) -> str:
    return field if field in LEAD_FIELDS or field.startswith("attributes.") else f"attributes.{field}"
