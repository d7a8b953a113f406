"""What invoices, credit notes and payouts share: tax, numbers, payment terms and parties."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import Field, ValidationError

from leadgen.billing.domain.terms import Address, BuyerBilling, Seller
from leadgen.kernel import money
from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.model import Model
from leadgen.kernel.model_errors import describe

SERIES = "INV"


def days_to_pay(billing: BuyerBilling, seller: Seller) -> int:
    """The buyer's own terms, or the seller's."""
    return seller.terms_days if billing.terms_days is None else billing.terms_days


def tax(net: Decimal, rate: Decimal, currency: str) -> Decimal:
    """What a rate in percent adds to a net amount: rounded once for a document, half up."""
    return money.rounded(net * rate / 100, currency)


@dataclass(frozen=True)
class Party:
    """A buyer as the configuration names it, for the snapshot on its documents."""

    name: str
    company: str | None
    email: str
    phone: str


def bill_to(party: Party, billing: BuyerBilling) -> dict[str, object]:
    """The buyer's side of a document, as it is copied when the document is issued."""
    return {
        "legal_name": billing.legal_name or party.company or party.name,
        "name": party.name,
        "email": billing.email or party.email,
        "phone": party.phone,
        "address": None if billing.address is None else billing.address.model_dump(mode="json"),
        "tax_id": billing.tax_id,
        "po_number": billing.po_number,
        "reverse_charge": billing.tax.reverse_charge,
    }


def number(series: str, sequence: int) -> str:
    """A document's number: gapless within its series."""
    return f"{series}-{sequence:06d}"


class BillTo(Model):
    """Whom a document bills, as ``invoices.buyer`` and ``credit_notes.buyer`` keep it; before there were billing terms
    only name and e-mail were kept.
    """

    name: str
    email: str
    legal_name: str | None = None
    phone: str | None = None
    address: Address | None = None
    tax_id: str | None = None
    po_number: Annotated[str, Field(max_length=50)] | None = None
    reverse_charge: bool = False

    @property
    def called(self) -> str:
        """Its legal name, as far as that is known."""
        return self.legal_name or self.name


def parse_bill_to(snapshot: object, *, label: str) -> BillTo:
    """Raises PolicyInvalid; ``label`` names the document in its message."""
    try:
        return BillTo.model_validate_json(json.dumps(snapshot))
    except ValidationError as error:
        raise PolicyInvalid(f"the buyer of {label}: {describe(error, whole='buyer')}") from None
