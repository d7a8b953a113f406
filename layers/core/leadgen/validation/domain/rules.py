"""The validation rules, in their order: each one checked and reported."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.trace import Check, Json, limited, plain, read
from leadgen.leads.domain import conditions, consent, normalization
from leadgen.leads.domain.lead import filled_name
from leadgen.validation.domain import fraud, scoring
from leadgen.validation.domain import policy as validation_policy
from leadgen.validation.domain.observations import Observations
from leadgen.validation.domain.policy import ValidationPolicy
from leadgen.validation.domain.scoring import Score

# What a person has to look at, by the rule that needs it.
_REVIEWED = {"fraud_detection": "fraud_score", "lead_scoring": "lead_score"}


@dataclass(frozen=True)
class Validated:
    """Every rule passed. ``flags`` are the rules that let the lead pass and mark it."""

    checks: tuple[Check, ...]
    flags: tuple[str, ...] = ()
    fraud_score: int | None = None
    lead_score: int | None = None


@dataclass(frozen=True)
class Rejected:
    """At least one rule failed; the first one is the reason."""

    reason: str
    checks: tuple[Check, ...]
    fraud_score: int | None = None
    lead_score: int | None = None


@dataclass(frozen=True)
class Held:
    """No rule failed, but a person looks at the lead first. ``detail`` is the reason, without personal data."""

    reason: str
    detail: str
    checks: tuple[Check, ...] = ()
    fraud_score: int | None = None
    lead_score: int | None = None


Decision = Validated | Rejected | Held


def validate(policy: ValidationPolicy, seen: Observations) -> Decision:
    """Decide on a lead that is not a rejected duplicate."""
    scores: dict[str, Score] = {}
    if policy.fraud_detection is not None:
        scores["fraud_detection"] = fraud.score(policy.fraud_detection, seen)
    if policy.lead_scoring is not None:
        scores["lead_scoring"] = scoring.score(policy.lead_scoring, seen.scored)
    checks = (
        *_form_checks(policy, seen),
        *_allowed_checks(policy, seen),
        *_person_checks(policy, seen),
        *(_score_check(rule, score) for rule, score in scores.items()),
    )
    totals = (
        scores["fraud_detection"].total if "fraud_detection" in scores else None,
        scores["lead_scoring"].total if "lead_scoring" in scores else None,
    )
    failed = [check.rule for check in checks if not check.passed]
    if failed:
        return Rejected(failed[0], checks, *totals)
    held = {rule: score for rule, score in scores.items() if score.level == "review" and not seen.is_released}
    if held:
        rule, score = next(iter(held.items()))
        return Held(_REVIEWED[rule], str(score), checks, *totals)
    return Validated(checks, tuple(rule for rule, score in scores.items() if score.level != "pass"), *totals)


def unreadable(problem: PolicyInvalid) -> Held:
    """What becomes of the leads of a stored policy that no longer parses: a person mends it, then releases them."""
    return Held("policy_invalid", str(problem))


def is_known_to_take_mail(policy: ValidationPolicy, seen: Observations) -> bool:
    """Whether the policy can be decided by now: the one thing that may be unknown is whether a domain takes mail."""
    return (
        not policy.mx_lookup_enabled
        or seen.email is None
        or seen.email.domain is None
        or seen.email.accepts_mail is not None
    )


@dataclass(frozen=True)
class Inputs:
    """What the record of a decision keeps: enough to decide again."""

    policy: Json
    observations: Observations


@dataclass(frozen=True)
class UnreadableInputs:
    """The same for a policy that does not parse. ``rules`` are the text of it: it may hold anything."""

    label: str
    rules: str


def inputs(policy: ValidationPolicy, seen: Observations) -> Inputs:
    """The inputs of a decision, for its record."""
    return Inputs(plain(policy.model_dump(mode="json", exclude_unset=True)), seen)


def unreadable_inputs(rules: object, *, label: str) -> UnreadableInputs:
    """The inputs where the policy, of this label, does not parse."""
    return UnreadableInputs(label, json.dumps(rules, sort_keys=True))


def decide_recorded(recorded: Json) -> Decision:
    """The decision that recorded inputs lead to. Raises PolicyInvalid or ValidationError on inputs that are none."""
    if not isinstance(recorded, Mapping) or "rules" not in recorded:
        again = read(Inputs, recorded)
        return validate(validation_policy.parse_validation(again.policy, label="as recorded"), again.observations)
    broken = read(UnreadableInputs, recorded)
    try:
        validation_policy.parse_validation(json.loads(broken.rules), label=broken.label)
    except PolicyInvalid as problem:
        return unreadable(problem)
    raise PolicyInvalid(f"validation policy {broken.label}: it parses now, and was held because it did not")


def _form_checks(policy: ValidationPolicy, seen: Observations) -> Iterator[Check]:
    lead = seen.lead
    if policy.email_validation:
        yield Check("email_validation", _facts(seen.email), None, seen.email is None or seen.email.valid)
    if policy.phone_validation:
        phone = seen.phone
        passed = phone is None or (phone.valid and not phone.fictional and not phone.patterned)
        yield Check("phone_validation", _facts(phone), None, passed)
    if policy.zip_validation:
        code = seen.postal_code
        passed = code is None or (code.fits_country is not False and code.fits_region is not False)
        yield Check("zip_validation", {"postal_code": lead.postal_code, **_facts(code)}, lead.country_code, passed)
    if policy.required_fields:
        missing = [field for field in policy.required_fields if filled_name(field) not in lead.filled]
        yield Check("required_fields", missing, list(policy.required_fields), not missing)


def _allowed_checks(policy: ValidationPolicy, seen: Observations) -> Iterator[Check]:
    lead = seen.lead
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
    if policy.phone_region is not None:
        region = seen.phone.region if seen.phone else None
        yield Check("phone_region", region, policy.phone_region, seen.phone is None or region == policy.phone_region)


def _person_checks(policy: ValidationPolicy, seen: Observations) -> Iterator[Check]:
    email = seen.email
    domain = email.domain if email else None
    if policy.disposable_email_blocklist_enabled:
        yield Check("disposable_email", domain, None, email is None or not email.disposable)
    if policy.mx_lookup_enabled:
        yield Check("mx_lookup", domain, None, email is None or email.accepts_mail is True)
    if policy.conditions is not None:
        shown = conditions.shown(policy.conditions, seen.conditions)
        limit = plain(policy.conditions.model_dump(mode="json", exclude_unset=True))
        yield Check("conditions", shown, limit, conditions.holds(policy.conditions, seen.conditions))
    if policy.consent is not None:
        unmet = consent.unmet(policy.consent, seen.consent, now=seen.lead.created_at)
        limit = plain(policy.consent.model_dump(mode="json", exclude_unset=True))
        yield Check("consent", list(unmet), limit, not unmet)
    yield Check("suppression", list(seen.suppressed), [], not seen.suppressed)


def _score_check(rule: str, score: Score) -> Check:
    value = {"score": score.total, "parts": plain(score.parts), "level": score.level}
    return Check(rule, value, plain(score.limits), score.level != "reject")


def _facts(facts: object) -> dict[str, Json]:
    return {} if facts is None else read(dict[str, Json], plain(facts))
