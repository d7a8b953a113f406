"""What a draft of the validation would have said to leads on record."""

from dataclasses import dataclass

from pydantic import TypeAdapter

from leadgen.domain.lead import Lead
from leadgen.domain.policies import ValidationPolicy
from leadgen.domain.validation import Rejected, validate


@dataclass(frozen=True)
class _Inputs:
    """What is on record of a validation, as far as it is needed here."""

    lead: Lead


_INPUTS: TypeAdapter[_Inputs] = TypeAdapter(_Inputs)


def validate_again(inputs: str | bytes, draft: ValidationPolicy) -> str | None:
    """The rule of the draft that turns the lead away, None where it passes. Duplicates are left as they were found.

    ``inputs`` are those of a recorded decision of the stage ``validation``. Raises pydantic's ValidationError where
    they cannot be read.
    """
    decision = validate(draft, _INPUTS.validate_json(inputs).lead)
    return decision.reason if isinstance(decision, Rejected) else None
