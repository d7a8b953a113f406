"""Debts from chargebacks, and how they are repaid."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from leadgen.kernel.money import NOTHING


@dataclass(frozen=True)
class Debt:
    """What a chargeback left open of a buyer, on no invoice; ``paid`` is what of it was paid since."""

    chargeback_id: int
    open: Decimal
    paid: Decimal = NOTHING


@dataclass(frozen=True)
class Repaid:
    """By how much a chargeback's debt becomes less; below zero it becomes more."""

    chargeback_id: int
    amount: Decimal


def repay(amount: Decimal, debts: Sequence[Debt]) -> tuple[Repaid, ...]:
    """What an amount pays of debts, in their order."""
    parts: list[Repaid] = []
    for debt in debts:
        part = min(amount, debt.open)
        if part > 0:
            parts.append(Repaid(debt.chargeback_id, part))
            amount -= part
    return tuple(parts)
