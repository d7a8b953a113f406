"""Splits received money: its invoice first, then debts from chargebacks; the rest is prepaid."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args

from leadgen.kernel import money
from leadgen.kernel.errors import Refusal
from leadgen.kernel.money import NOTHING
from leadgen.ledger import domain as ledger_domain
from leadgen.ledger.domain import Entry
from leadgen.receivables.domain.debts import Debt, Repaid, repay

EnteredMethod = Literal["manual", "bank_transfer", "check"]
"""How money came, as a person enters it."""

Method = Literal["stripe"] | EnteredMethod
"""How money came; the provider's payments are ``stripe``."""

METHODS: tuple[EnteredMethod, ...] = get_args(EnteredMethod)


@dataclass(frozen=True)
class Split:
    """The parts of an amount that came in. Together they are the amount."""

    to_invoice: Decimal
    to_wallet: Decimal
    repaid: tuple[Repaid, ...] = ()

    @property
    def to_debt(self) -> Decimal:
        """What pays debts."""
        return sum((part.amount for part in self.repaid), NOTHING)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What it moves."""
        return ledger_domain.entries(
            ("cash", "receivable", self.to_invoice + self.to_debt), ("cash", "wallet", self.to_wallet)
        )


def split(amount: Decimal, *, invoice_takes: Decimal, debts: Sequence[Debt]) -> Split:
    """Pay the invoice what it takes, then debts, oldest first; the rest is prepaid."""
    to_invoice = min(amount, invoice_takes)
    repaid = repay(amount - to_invoice, debts)
    return Split(to_invoice, amount - to_invoice - sum((part.amount for part in repaid), NOTHING), repaid)


@dataclass(frozen=True)
class Payment:
    """A payment as its buyer's lock keeps it. ``refunded`` and ``charged_back`` are what of it went back, or is about
    to; ``reopened`` is what chargebacks took back of what it had given its invoice.
    """

    payment_id: int
    buyer_id: int
    invoice_id: int | None
    method: str
    status: str
    amount: Decimal
    currency: str
    to_invoice: Decimal
    to_debt: Decimal
    to_wallet: Decimal
    provider_id: str | None
    refunded: Decimal
    refunds_pending: Decimal
    charged_back: Decimal
    reopened: Decimal


@dataclass(frozen=True)
class Undoing:
    """What a payment that is taken back gives back: its invoice is owed it again, debts are open again, and the wallet
    gives the rest.
    """

    from_invoice: Decimal
    from_wallet: Decimal
    reopened: tuple[Repaid, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What it moves."""
        owed_again = self.from_invoice - sum((part.amount for part in self.reopened), NOTHING)
        return ledger_domain.entries(("receivable", "cash", owed_again), ("wallet", "cash", self.from_wallet))


def undo(payment: Payment, *, invoice_status: str | None, debts: Sequence[Debt], wallet: Decimal) -> Undoing:
    """Take a payment back that a person entered. ``debts`` are those that may be open again, the latest first.

    Raises Refusal 409 ``payment_not_undoable``, and ``wallet_too_low`` where its prepaid part is spent.
    """
    label = f"payment {payment.payment_id}"
    if payment.status != "succeeded":
        raise _not_undoable(f"{label} is {payment.status}", payment)
    if payment.method == "stripe":
        raise _not_undoable(f"{label} is the provider's: give it back with a refund", payment)
    if payment.refunded + payment.refunds_pending > 0:
        back = money.shown(payment.refunded + payment.refunds_pending, payment.currency)
        raise _not_undoable(f"{back} of {label} went back already", payment)
    if payment.to_invoice > 0 and invoice_status == "cancelled":
        raise _not_undoable(
            f"the invoice that {label} paid is cancelled since; what was paid can be given back with a refund", payment
        )
    left, reopened = payment.to_debt, []
    for debt in debts:
        part = min(left, debt.paid)
        if part > 0:
            reopened.append(Repaid(debt.chargeback_id, -part))
            left -= part
    needed = payment.to_wallet + left
    if needed > wallet:
        raise Refusal(
            409,
            "wallet_too_low",
            f"{money.shown(needed, payment.currency)} of {label} was prepaid, of which the wallet still has "
            f"{money.shown(wallet, payment.currency)}",
            {"needed": str(needed), "wallet": str(wallet)},
        )
    return Undoing(payment.to_invoice, needed, tuple(reopened))


def _not_undoable(message: str, payment: Payment) -> Refusal:
    return Refusal(409, "payment_not_undoable", message, {"status": payment.status, "method": payment.method})


def refuse_refund(payment: Payment, amount: Decimal, *, wallet: Decimal, pending: Decimal) -> None:
    """Refuse to give back more than the payment was, less what went back of it, or than the wallet has that is not
    spoken for (``pending``). Raises Refusal 409.
    """
    if payment.status != "succeeded":
        raise Refusal(
            409,
            "payment_not_succeeded",
            f"payment {payment.payment_id} is {payment.status}: only what was received can be given back",
            {"status": payment.status},
        )
    left = payment.amount - payment.refunded - payment.refunds_pending - payment.charged_back
    if amount > left:
        raise Refusal(
            409,
            "refund_exceeds_payment",
            f"of payment {payment.payment_id}, {money.shown(left, payment.currency)} is left to be given back",
            {"most": str(left)},
        )
    free = max(wallet - pending, NOTHING)
    if amount > free:
        raise Refusal(
            409,
            "refund_exceeds_wallet",
            f"the wallet has {money.shown(free, payment.currency)} that is not spoken for: what an invoice was paid is "
            "given back by crediting its leads first",
            {"most": str(min(left, free)), "wallet": str(wallet), "pending": str(pending)},
        )
