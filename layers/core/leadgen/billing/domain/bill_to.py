"""The buyer's side of a document, as it was copied when the document was issued."""

import json
from typing import Annotated

from pydantic import Field, ValidationError

from leadgen.billing.domain.terms import Address
from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.model_errors import describe
from leadgen.kernel.model import Model


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
        """The name that the law knows it by, as far as that is known."""
        return self.legal_name or self.name


def parse(snapshot: object, *, label: str) -> BillTo:
    """Raises PolicyInvalid; ``label`` names the document in its message."""
    try:
        return BillTo.model_validate_json(json.dumps(snapshot))
    except ValidationError as error:
        raise PolicyInvalid(f"the buyer of {label}: {describe(error, whole='buyer')}") from None
