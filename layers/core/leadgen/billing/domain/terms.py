"""What is agreed with a buyer about invoices, as it stands in ``buyers.billing``, and who sells, as in ``seller``.

Typed once: what these models refuse is refused when it is written and again when it is read.
"""

import json
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.model import Model
from leadgen.kernel.model_errors import describe
from leadgen.kernel.money import Amount

Line = Annotated[str, Field(min_length=1, max_length=200)]
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Days = Annotated[int, Field(ge=-60, le=365)]


class Address(Model):
    """Where somebody is, as on an envelope."""

    line1: Line
    line2: Line | None = None
    postal_code: Annotated[str, Field(min_length=1, max_length=16)]
    city: Line
    region: Line | None = None
    country: CountryCode


class Tax(Model):
    """What is added to a buyer's invoices; ``rate`` in percent. With ``reverse_charge`` nothing is, and the note states
    why: the buyer accounts for it (Art. 196 of the VAT directive).
    """

    name: Annotated[str, Field(min_length=1, max_length=50)] = "Tax"
    rate: Annotated[Decimal, Field(ge=0, le=100, decimal_places=3, allow_inf_nan=False)] = Decimal(0)
    reverse_charge: bool = False
    note: Annotated[str, Field(min_length=1, max_length=500)] | None = None

    @model_validator(mode="after")
    def _reverse_charge_is_of_nothing(self) -> Self:
        if self.reverse_charge and self.rate != 0:
            raise ValueError("reverse_charge goes with a rate of 0: the buyer accounts for the tax")
        return self


class AutoTopUp(Model):
    """Prepaid money not spoken for falls below ``below``: charge ``amount`` to the saved payment method."""

    below: Amount
    amount: Amount


class Dunning(Model):
    """Reminders, in days from the due date (-3 is before it), and when deliveries stop: None is never."""

    reminders: Annotated[tuple[Days, ...], Field(max_length=12)] = (-3, 0, 3, 7, 14)
    pause_after_days: Annotated[int, Field(ge=0, le=365)] | None = None

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if list(self.reminders) != sorted(set(self.reminders)):
            raise ValueError("reminders must rise, each day once")
        return self


class BuyerBilling(Model):
    """How a buyer is invoiced. What is not set is the buyer's ``company`` or ``name``, its ``email``, or the seller's
    terms.
    """

    legal_name: Line | None = None
    address: Address | None = None
    tax_id: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    tax: Tax = Tax()
    po_number: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    email: Annotated[str, Field(min_length=3, max_length=200)] | None = None
    terms_days: Annotated[int, Field(ge=0, le=180)] | None = None
    approval: bool = False
    auto_top_up: AutoTopUp | None = None
    dunning: Dunning | None = None


class Bank(Model):
    """Where a transfer goes to."""

    name: Line | None = None
    account_holder: Line | None = None
    iban: Annotated[str, Field(pattern=r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}$")] | None = None
    bic: Annotated[str, Field(pattern=r"^[A-Z0-9]{8}([A-Z0-9]{3})?$")] | None = None
    routing_number: Annotated[str, Field(pattern=r"^[0-9]{9}$")] | None = None
    account_number: Annotated[str, Field(min_length=4, max_length=34)] | None = None


class Seller(Model):
    """Whose invoices these are, and the terms of buyers that have none of their own."""

    legal_name: Line = "The seller"
    address: Address | None = None
    tax_id: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    registration: Line | None = None
    email: Annotated[str, Field(min_length=3, max_length=200)] | None = None
    phone: Annotated[str, Field(min_length=3, max_length=30)] | None = None
    website: Line | None = None
    bank: Bank | None = None
    terms_days: Annotated[int, Field(ge=0, le=180)] = 14
    dunning: Dunning = Dunning()
    footer: Annotated[str, Field(min_length=1, max_length=500)] | None = None


def parse_buyer(billing: object, *, label: str) -> BuyerBilling:
    """``buyers.billing``. Raises PolicyInvalid; ``label`` names the buyer in its message."""
    try:
        return BuyerBilling.model_validate_json(json.dumps(billing))
    except ValidationError as error:
        raise PolicyInvalid(f"the billing terms of {label}: {describe(error, whole='billing')}") from None


def parse_seller(details: object) -> Seller:
    """``seller.details``; None is a seller of default terms. Raises PolicyInvalid."""
    try:
        return Seller.model_validate_json(json.dumps(details or {}))
    except ValidationError as error:
        raise PolicyInvalid(f"the seller: {describe(error, whole='seller')}") from None
