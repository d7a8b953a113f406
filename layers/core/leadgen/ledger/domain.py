"""The ledger's language: accounts, the kinds of transactions, and what each of them moves. An entry names both its
accounts, so a transaction always balances; which two may face each other is the table ``ledger_pairs``.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

Account = Literal[
    "receivable",  # what buyers owe: un-invoiced leads and open invoices
    "wallet",  # prepaid money of buyers
    "cash",
    "revenue",
    "tax",  # to be handed on to the tax office
    "adjustments",  # revenue given back: returns and credit notes
    "bad_debt",
    "refunds_due",  # on its way back to a buyer
    "publisher_cost",
    "publisher_payable",
    "opening",  # what there was before the ledger
]

Kind = Literal[
    "opening",
    "lead_billed",
    "wallet_drawn",
    "tax_charged",
    "payment",
    "payment_undone",
    "lead_returned",
    "credit_note",
    "refund_requested",
    "refund_paid",
    "refund_failed",
    "chargeback",
    "chargeback_won",
    "debt_settled",
    "write_off",
    "write_off_undone",
    "lead_earned",
    "earning_reversed",
    "payout",
]


@dataclass(frozen=True)
class Entry:
    """``amount``, above zero, from the credited account to the debited one."""

    debit: Account
    credit: Account
    amount: Decimal


@dataclass(frozen=True)
class Transaction:
    """A movement of money that is made once for its ``key``: of one buyer, or of one publisher.

    ``actor`` is the stage, the provider or the person who made it; ``reverses_id`` the transaction it takes back.
    """

    key: str
    kind: Kind
    currency: str
    occurred_at: datetime
    actor: str
    entries: tuple[Entry, ...]
    buyer_id: int | None = None
    publisher_id: int | None = None
    lead_id: int | None = None
    invoice_id: int | None = None
    payment_id: int | None = None
    credit_note_id: int | None = None
    reverses_id: int | None = None
    note: str | None = field(default=None, kw_only=True)

    @property
    def fingerprint(self) -> str:
        """SHA-256 in hex of all that the transaction moves: the same key with another is a mistake."""
        entries = sorted(f"{entry.debit}>{entry.credit}:{entry.amount.normalize():f}" for entry in self.entries)
        whose = f"{self.buyer_id}/{self.publisher_id}/{self.lead_id}/{self.invoice_id}/{self.payment_id}"
        return hashlib.sha256("\n".join([self.kind, self.currency, whose, *entries]).encode()).hexdigest()

    def net(self, account: Account) -> Decimal:
        """What it adds to an account: debits above zero, credits below."""
        debits = sum((e.amount for e in self.entries if e.debit == account), Decimal(0))
        return debits - sum((e.amount for e in self.entries if e.credit == account), Decimal(0))


def entries(*parts: tuple[Account, Account, Decimal]) -> tuple[Entry, ...]:
    """The entries (debit, credit, amount) of which something moves: those of nothing are left out."""
    return tuple(Entry(debit, credit, amount) for debit, credit, amount in parts if amount > 0)
