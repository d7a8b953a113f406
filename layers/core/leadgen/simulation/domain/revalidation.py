"""What a draft of the validation would have decided on leads on record, as far as the record answers it.

A record holds what the policy of the time checked, and no personal data to check anew. A rule of the draft that it
does not answer is left out, and named. Duplicates are left as they were found.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import TypeAdapter

from leadgen.leads.domain import conditions
from leadgen.leads.domain.conditions import Condition, Observed
from leadgen.validation.domain import policy
from leadgen.validation.domain.extraction import needs_email
from leadgen.validation.domain.observations import Observations
from leadgen.validation.domain.policy import FraudDetection, ValidationPolicy
from leadgen.validation.domain.rules import Inputs, Validated, validate

_INPUTS: TypeAdapter[Inputs] = TypeAdapter(Inputs)
_THRESHOLDS = ("flag_at", "review_at", "reject_at")


@dataclass(frozen=True)
class Revalidated:
    """Why the draft keeps the lead from being routed, None where it passes; the rules that the record cannot answer."""

    refused: str | None
    unanswered: tuple[str, ...]


def validate_again(inputs: str | bytes, draft: ValidationPolicy) -> Revalidated:
    """Decide by the inputs of a recorded validation. Raises ValidationError or PolicyInvalid where they are none."""
    recorded = _INPUTS.validate_json(inputs)
    then = policy.parse_validation(recorded.policy, label="as recorded")
    unanswered = tuple(_unanswered(draft, then, recorded.observations))
    absent = {rule: ValidationPolicy.model_fields[rule].default for rule in unanswered}
    decision = validate(draft.model_copy(update=absent), recorded.observations)
    return Revalidated(None if isinstance(decision, Validated) else decision.reason, unanswered)


def _unanswered(draft: ValidationPolicy, then: ValidationPolicy, seen: Observations) -> Iterator[str]:
    asked_phone = then.phone_validation or then.phone_region is not None
    answered = {
        "email_validation": needs_email(then),
        "phone_validation": asked_phone,
        "phone_region": asked_phone,
        "zip_validation": then.zip_validation,
        "disposable_email_blocklist_enabled": then.disposable_email_blocklist_enabled,
        "mx_lookup_enabled": then.mx_lookup_enabled,
        "consent": _answers_consent(draft, then),
        "conditions": _answers([draft.conditions], [then.conditions], seen.conditions),
        "fraud_detection": _signs(draft.fraud_detection) == _signs(then.fraud_detection),
        "lead_scoring": _answers(
            [part.when for part in draft.lead_scoring.parts] if draft.lead_scoring else [],
            [part.when for part in then.lead_scoring.parts] if then.lead_scoring else [],
            seen.scored,
        ),
    }
    for rule, is_answered in answered.items():
        if not is_answered and getattr(draft, rule):
            yield rule


def _answers_consent(draft: ValidationPolicy, then: ValidationPolicy) -> bool:
    """What is on record of consent holds for every demand; that its text has certain words, for recorded ones."""
    words = then.consent.text_contains if then.consent else None
    return draft.consent is None or draft.consent.text_contains in (None, words)


def _answers(asked: Iterable[Condition | None], then: Iterable[Condition | None], seen: Observed) -> bool:
    """Whether each test was answered then, or is about a value that is shown."""
    known = [test for condition in then if condition is not None for test in conditions.tests(condition)]
    tests = [test for condition in asked if condition is not None for test in conditions.tests(condition)]
    return all(test in known or test.name in seen.values for test in tests)


def _signs(detection: FraudDetection | None) -> object:
    """What a detection looks at, whatever follows from it."""
    return None if detection is None else detection.model_copy(update=dict.fromkeys(_THRESHOLDS))
