"""What a credit note credits: some leads of an invoice, and the tax on them, so that the whole ends at exactly the
invoice's own figures in whatever pieces it is credited.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal, get_args

from pydantic import Field, ValidationError

from leadgen.billing.domain import documents
from leadgen.kernel.errors import Refusal
from leadgen.kernel.model import Model
from leadgen.kernel.model_errors import describe
from leadgen.kernel.money import NOTHING
from leadgen.kernel.text import StorableText
from leadgen.ledger import domain as ledger_domain
from leadgen.ledger.domain import Entry
from leadgen.receivables.domain import return_reasons

SERIES = "CN"
Reason = Literal[return_reasons.Reason, "dispute", "billing_error", "goodwill", "cancelled"]
REASONS: tuple[str, ...] = get_args(Reason)


class WantedCredit(Model):
    """What is to be credited."""

    lead_ids: Annotated[tuple[int, ...], Field(min_length=1, max_length=1000)]
    reason: Reason
    note: Annotated[StorableText, Field(min_length=1, max_length=1000)] | None = None


def read(fields: Mapping[str, object]) -> WantedCredit:
    """A posted credit. Raises Refusal 400."""
    given = fields.get("lead_ids")
    try:
        return WantedCredit.model_validate({**fields, "lead_ids": tuple(given) if isinstance(given, list) else given})
    except ValidationError as error:
        raise Refusal(400, "invalid_request", describe(error, whole="the credit"), {"reasons": list(REASONS)}) from None


@dataclass(frozen=True)
class CreditableLine:
    """A lead on an issued invoice."""

    lead_id: int
    amount: Decimal
    is_credited: bool


@dataclass(frozen=True)
class Billed:
    """The figures of an invoice, and what was credited of them before. ``due`` is what is left to be paid of it."""

    subtotal: Decimal
    tax: Decimal
    tax_rate: Decimal
    currency: str
    credited_net: Decimal
    credited_tax: Decimal
    due: Decimal


@dataclass(frozen=True)
class Credit:
    """A credit note's figures: off what is due first; what was paid already is prepaid money now."""

    net: Decimal
    tax: Decimal
    to_due: Decimal
    to_wallet: Decimal

    @property
    def total(self) -> Decimal:
        """With tax."""
        return self.net + self.tax

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What it moves."""
        net_of_due = min(self.net, self.to_due)
        tax_of_due = self.to_due - net_of_due
        return ledger_domain.entries(
            ("adjustments", "receivable", net_of_due),
            ("tax", "receivable", tax_of_due),
            ("adjustments", "wallet", self.net - net_of_due),
            ("tax", "wallet", self.tax - tax_of_due),
        )


def credit(billed: Billed, lines: Sequence[CreditableLine]) -> Credit:
    """Credit lines that were not credited before. The tax is that of all credited so far, rounded once, less what was
    credited before.
    """
    net = sum((line.amount for line in lines), NOTHING)
    credited = billed.credited_net + net
    # The last piece takes what is left, whatever rate an invoice of before the ledger names.
    of_all = billed.tax if credited == billed.subtotal else documents.tax(credited, billed.tax_rate, billed.currency)
    tax = of_all - billed.credited_tax
    to_due = min(net + tax, billed.due)
    return Credit(net, tax, to_due, net + tax - to_due)


def chosen(lead_ids: Sequence[int], lines: Sequence[CreditableLine], invoice: str) -> list[CreditableLine]:
    """The lines of these leads. Raises Refusal 400 for none, 404 for a lead that is not on the invoice, and 409
    ``already_credited``.
    """
    wanted = sorted(set(lead_ids))
    if not wanted:
        raise Refusal(400, "invalid_request", "lead_ids: name the leads that are to be credited")
    by_lead = {line.lead_id: line for line in lines}
    strange = [lead_id for lead_id in wanted if lead_id not in by_lead]
    if strange:
        raise Refusal(
            404,
            "lead_not_on_invoice",
            f"not on invoice {invoice}: lead {', '.join(map(str, strange[:10]))}",
            {"lead_ids": strange[:100]},
        )
    before = [lead_id for lead_id in wanted if by_lead[lead_id].is_credited]
    if before:
        raise Refusal(
            409,
            "already_credited",
            f"credited before: lead {', '.join(map(str, before[:10]))} of invoice {invoice}",
            {"lead_ids": before[:100]},
        )
    return [by_lead[lead_id] for lead_id in wanted]


def refuse_reason(reason: str) -> None:
    """Refuse what is no reason of a credit note. Raises Refusal 400."""
    if reason not in REASONS:
        raise Refusal(
            400, "invalid_request", f"reason: must be one of {', '.join(REASONS)}", {"reasons": list(REASONS)}
        )
