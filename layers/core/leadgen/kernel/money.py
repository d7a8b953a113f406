"""Amounts of money: exact decimals of one currency, rounded half up."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated

from pydantic import AfterValidator, Field

NOTHING = Decimal(0)
MOST = Decimal("99999999.99")
"""Of one thing, such as a lead."""
MOST_OF_MANY = Decimal("9999999999.99")
"""Of what many things come to, such as a payment of an invoice."""

# Those that do not have two decimals (ISO 4217): of none, rounded to whole units; of three, which cannot be kept.
_WHOLE = frozenset(
    (
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    )
)
_FINER = frozenset(("BHD", "CLF", "IQD", "JOD", "KWD", "LYD", "OMR", "TND", "UYW"))


class CurrencyUnknown(ValueError):
    """A currency whose amounts cannot be kept exactly."""


def digits(currency: str) -> int:
    """How many decimals amounts of a currency have: two, or none. Raises CurrencyUnknown for those that have more."""
    if currency in _FINER:
        raise CurrencyUnknown(f"{currency} has more than two decimals, which amounts here cannot have")
    return 0 if currency in _WHOLE else 2


def rounded(amount: Decimal, currency: str) -> Decimal:
    """To the currency's smallest unit, half up."""
    return amount.quantize(Decimal(1).scaleb(-digits(currency)), ROUND_HALF_UP)


def is_exact(amount: Decimal, currency: str) -> bool:
    """Whether an amount has no more decimals than its currency."""
    return amount == rounded(amount, currency)


def shown(amount: Decimal, currency: str) -> str:
    """``1,234.50 USD``, as people read it."""
    return f"{amount:,.{digits(currency)}f} {currency}"


def _to_the_cent(amount: Decimal) -> Decimal:
    if amount != amount.quantize(Decimal("0.01")):
        raise ValueError("must have at most two decimals")
    return amount


# An amount above zero that the tables can keep.
Amount = Annotated[Decimal, Field(gt=0, le=MOST, allow_inf_nan=False), AfterValidator(_to_the_cent)]
