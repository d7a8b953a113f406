"""Builds ``Observations`` from a lead: only the facts its policy needs, with no name, e-mail or phone in them."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from leadgen.leads.domain import conditions, consent, contacts, normalization, predicates
from leadgen.leads.domain.contacts import Email
from leadgen.leads.domain.lead import Lead, filled_name
from leadgen.validation.domain import disposable_domains, fraud, scoring
from leadgen.validation.domain.observations import LookedUp, Observations
from leadgen.validation.domain.policy import FraudDetection, ValidationPolicy

# Longer reveals no more, and a telephone number in that field is not kept.
_LONGEST_FILL_SECONDS = Decimal(3600)
_NO_SIGNS = FraudDetection()


def observe(
    policy: ValidationPolicy, lead: Lead, fields: Mapping[str, object], looked_up: LookedUp, *, is_duplicate: bool
) -> Observations:
    """``fields`` are the lead's own as they are stored, and its attributes as ``attributes.<name>``."""
    detection = policy.fraud_detection or _NO_SIGNS
    seen = Observations(
        lead=replace(lead, filled=_filled(policy, lead)),
        phone=contacts.phone(_text(fields.get("phone")), lead.country_code) if _needs_phone(policy) else None,
        email=_email(policy, _text(fields.get("email")), looked_up) if needs_email(policy) else None,
        postal_code=_postal_code(policy, lead, _text(fields.get("region_code"))),
        consent=consent.evidence(fields, [policy.consent] if policy.consent else []),
        suppressed=looked_up.suppressed,
        ip_posts=looked_up.ip_posts,
        phone_posts=looked_up.phone_posts,
        ip_country=looked_up.ip_country if detection.ip_country_mismatch else None,
        seconds_to_fill=(
            _seconds(fields.get(conditions.lead_field(detection.time_to_fill.field)))
            if detection.time_to_fill
            else None
        ),
        is_released=looked_up.is_released,
    )
    return _with_scores(policy, seen, {**fields, "is_duplicate": is_duplicate})


def _filled(policy: ValidationPolicy, lead: Lead) -> frozenset[str]:
    """The names of what is filled in. Whoever posts chooses those of attributes: what looks personal is kept only where
    the policy needs it.
    """
    honeypot = policy.fraud_detection.honeypot if policy.fraud_detection else None
    asked = {filled_name(field) for field in (*policy.required_fields, *([honeypot.field] if honeypot else ()))}
    return frozenset(name for name in lead.filled if name in asked or not predicates.looks_personal(name))


def _with_scores(policy: ValidationPolicy, seen: Observations, fields: Mapping[str, object]) -> Observations:
    # What is counted before may be tested after: fraud in a score's parts, both scores in the conditions.
    if policy.fraud_detection is not None:
        fields = {**fields, "fraud_score": fraud.score(policy.fraud_detection, seen).total}
    if policy.lead_scoring is not None:
        scored = conditions.observe([part.when for part in policy.lead_scoring.parts], fields)
        fields = {**fields, "lead_score": scoring.score(policy.lead_scoring, scored).total}
        seen = replace(seen, scored=scored)
    if policy.conditions is not None:
        seen = replace(seen, conditions=conditions.observe([policy.conditions], fields))
    return seen


def _needs_phone(policy: ValidationPolicy) -> bool:
    detection = policy.fraud_detection or _NO_SIGNS
    return (
        policy.phone_validation
        or policy.phone_region is not None
        or detection.phone_country_mismatch is not None
        or detection.phone_area_mismatch is not None
    )


def needs_email(policy: ValidationPolicy) -> bool:
    """Whether a policy has rules on the address itself."""
    return policy.email_validation or policy.mx_lookup_enabled or needs_disposable(policy)


def needs_disposable(policy: ValidationPolicy) -> bool:
    """Whether a policy tests if mail to the address is thrown away."""
    detection = policy.fraud_detection or _NO_SIGNS
    return policy.disposable_email_blocklist_enabled or detection.disposable_email is not None


def _email(policy: ValidationPolicy, raw: str, looked_up: LookedUp) -> Email | None:
    if not raw.strip():
        return None
    domain = contacts.email_domain(raw)
    return Email(
        valid=domain is not None,
        domain=domain if policy.mx_lookup_enabled or needs_disposable(policy) else None,
        disposable=domain is not None
        and needs_disposable(policy)
        and disposable_domains.is_disposable(domain, looked_up.disposable),
        accepts_mail=looked_up.accepts_mail if policy.mx_lookup_enabled else None,
    )


def _postal_code(policy: ValidationPolicy, lead: Lead, region_code: str) -> contacts.PostalCode | None:
    detection = policy.fraud_detection or _NO_SIGNS
    if not policy.zip_validation and detection.postal_region_mismatch is None:
        return None
    return contacts.postal_code(normalization.postal_code(lead.postal_code), lead.country_code, region_code)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _seconds(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        seconds = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    if not seconds.is_finite():
        return None
    return min(max(seconds, Decimal(0)), _LONGEST_FILL_SECONDS).quantize(Decimal("0.001"))
