"""Converts amounts to the payment provider's units: whole numbers of a currency's smallest unit, by its own list.

https://docs.stripe.com/currencies#zero-decimal
"""

from decimal import Decimal

from leadgen.kernel import money

# Not ISO's list: it counts the ariary in whole units, and ISK and UGX in hundredths that are always 00.
_WHOLE = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
)


def minor(amount: Decimal, currency: str) -> int:
    """An amount in the provider's units. Raises ValueError for one that has no such number."""
    units = amount.scaleb(0 if currency in _WHOLE else 2)
    if units != units.to_integral_value() or not money.is_exact(amount, currency):
        raise ValueError(f"{amount} {currency} is no amount that can be paid by card")
    return int(units)


def amount(minor: int, currency: str) -> Decimal:
    """The provider's units as an amount. Raises ValueError for a currency of more than two decimals."""
    money.digits(currency)
    return Decimal(minor) if currency in _WHOLE else Decimal(minor).scaleb(-2)
