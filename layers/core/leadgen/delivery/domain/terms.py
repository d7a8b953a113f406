"""The terms on which a buyer of an offer is sent its leads (``buyer_offers.delivery``)."""

import json
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from leadgen.delivery.domain.formats.payload import BuyerFormat
from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.model import Model
from leadgen.kernel.model_errors import describe
from leadgen.outbound.domain.response_mapping import AnswerMapping

_LONGEST_HOURS = 72

Seconds = Annotated[int, Field(ge=1, le=86_400)]


def _ends_in_time(schedule: tuple[int, ...]) -> tuple[int, ...]:
    if sum(schedule) > _LONGEST_HOURS * 3600:
        raise ValueError(f"lasts longer than {_LONGEST_HOURS} hours in all")
    return schedule


Schedule = Annotated[tuple[Seconds, ...], Field(min_length=1, max_length=10), AfterValidator(_ends_in_time)]


class DeliveryTerms(Model):
    """What is absent is as the specification has it.

    ``schedule`` are the seconds before each further attempt, ``format`` is how the lead is written, and ``answer`` how
    the buyer's answer is read.
    """

    schedule: Schedule | None = None
    format: BuyerFormat | None = None
    answer: AnswerMapping | None = None


def parse(raw: object, *, label: str) -> DeliveryTerms:
    """The terms as stored, None where there are none. Raises PolicyInvalid; ``label`` names the enrollment in it."""
    if raw is None:
        return DeliveryTerms()
    try:
        return DeliveryTerms.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        raise PolicyInvalid(f"the delivery of {label}: {describe(error)}") from None
