"""When a buyer may give a lead back after the sale, as it stands in ``offers.returns`` and, in place of that, in
``buyer_offers.returns``. Where neither says anything, nothing is taken back but by an operator.
"""

import json
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.model import Model
from leadgen.kernel.model_errors import describe
from leadgen.receivables.domain.return_reasons import Reason

# What the platform's own records can prove.
Provable = Literal["duplicate", "invalid_phone", "invalid_email", "wrong_area"]


class Quota(Model):
    """At most so many returns approved a billing cycle: a count, or percent of the leads billed in it, rounded down."""

    type: Literal["count", "percent"]
    value: Annotated[Decimal, Field(ge=0, le=10_000, decimal_places=2, allow_inf_nan=False)]


class ReturnPolicy(Model):
    """``window_hours`` from the delivery; ``auto_approve`` are the reasons that need no person where the platform's own
    records prove them.
    """

    window_hours: Annotated[int, Field(gt=0, le=8760)] = 72
    reasons: Annotated[tuple[Reason, ...], Field(min_length=1)]
    auto_approve: tuple[Provable, ...] = ()
    quota: Quota | None = None

    @model_validator(mode="after")
    def _approves_only_what_it_takes(self) -> Self:
        if strange := [reason for reason in self.auto_approve if reason not in self.reasons]:
            raise ValueError(f"auto_approve has {', '.join(strange)}, which reasons does not")
        return self


def parse(policy: object, *, label: str) -> ReturnPolicy:
    """Raises PolicyInvalid; ``label`` names the offer or the enrollment in its message."""
    try:
        return ReturnPolicy.model_validate_json(json.dumps(policy))
    except ValidationError as error:
        raise PolicyInvalid(f"the returns of {label}: {describe(error, whole='returns')}") from None
