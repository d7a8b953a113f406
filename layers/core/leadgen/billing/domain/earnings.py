"""Computes what a billed lead earns its source's owner."""

import json
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from leadgen.kernel import money
from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.model import Model
from leadgen.kernel.model_errors import describe
from leadgen.kernel.money import Amount


class Flat(Model):
    """The same for every lead."""

    type: Literal["flat"]
    value: Amount


class Share(Model):
    """A part of the lead's price, in percent."""

    type: Literal["share"]
    value: Annotated[Decimal, Field(gt=0, le=100, decimal_places=3, allow_inf_nan=False)]


Earning = Annotated[Flat | Share, Field(discriminator="type")]
_EARNING: TypeAdapter[Flat | Share] = TypeAdapter(Earning)


def parse(earning: object, *, label: str) -> Flat | Share:
    """``sources.earning``. Raises PolicyInvalid; ``label`` names the source in its message."""
    try:
        return _EARNING.validate_json(json.dumps(earning))
    except ValidationError as error:
        raise PolicyInvalid(f"the earning of {label}: {describe(error, whole='earning')}") from None


def earned(terms: Flat | Share, price: Decimal, currency: str) -> Decimal:
    """What a lead billed at ``price`` earns its source's owner, rounded once, half up."""
    match terms:
        case Flat(value=value):
            return money.rounded(value, currency)
        case Share(value=percent):
            return money.rounded(price * percent / 100, currency)
