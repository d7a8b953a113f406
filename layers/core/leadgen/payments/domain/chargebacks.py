"""Splits a chargeback: its invoice is owed the money again, then the wallet pays, and the rest is a debt."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from leadgen.kernel import money
from leadgen.kernel.errors import Refusal
from leadgen.kernel.money import NOTHING
from leadgen.ledger import domain as ledger_domain
from leadgen.ledger.domain import Entry
from leadgen.payments.domain import payments
from leadgen.payments.domain.payments import Payment, Split
from leadgen.receivables.domain.debts import Debt


@dataclass(frozen=True)
class TakenBack:
    """The parts of an amount that the buyer's bank took back. Together they are the amount."""

    from_invoice: Decimal
    from_wallet: Decimal
    from_nothing: Decimal

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What it moves."""
        return ledger_domain.entries(
            ("receivable", "cash", self.from_invoice + self.from_nothing), ("wallet", "cash", self.from_wallet)
        )


def refuse(payment: Payment, amount: Decimal, currency: str) -> None:
    """Refuse a chargeback of more than is left of the payment. A refund that is only on its way does not count: it
    fails where the money is gone. Raises Refusal 409.
    """
    if payment.status != "succeeded":
        raise Refusal(
            409,
            "payment_not_succeeded",
            f"payment {payment.payment_id} is {payment.status}: there is nothing to take back",
            {"status": payment.status},
        )
    if currency != payment.currency:
        raise Refusal(
            409,
            "wrong_currency",
            f"payment {payment.payment_id} is in {payment.currency}, the chargeback in {currency}",
            {"currency": payment.currency},
        )
    left = payment.amount - payment.refunded - payment.charged_back
    if amount > left:
        raise Refusal(
            409,
            "chargeback_exceeds_payment",
            f"of payment {payment.payment_id}, {money.shown(left, currency)} is left to be taken back",
            {"most": str(left)},
        )


def take(payment: Payment, amount: Decimal, *, reopens: bool, wallet: Decimal) -> TakenBack:
    """Take money of a payment back. ``reopens`` is whether its invoice can be owed it again: a cancelled one cannot."""
    from_invoice = min(amount, payment.to_invoice - payment.reopened) if reopens else NOTHING
    from_wallet = min(amount - from_invoice, wallet)
    return TakenBack(from_invoice, from_wallet, amount - from_invoice - from_wallet)


def give_back(taken: TakenBack, *, invoice_due: Decimal, own: Debt, others: Sequence[Debt]) -> Split:
    """What a chargeback that was won gives, like money received again: the invoice what was taken of it, as far as
    nobody has paid that since; then the debt it left, then other debts; the rest is prepaid.
    """
    amount = taken.from_invoice + taken.from_wallet + taken.from_nothing
    return payments.split(amount, invoice_takes=min(taken.from_invoice, invoice_due), debts=(own, *others))
