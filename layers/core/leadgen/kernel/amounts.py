"""Reads amounts of money as people write them, exactly; refuses what is no amount."""

import re
from decimal import Decimal

from leadgen.kernel import money
from leadgen.kernel.errors import Refusal

_WRITTEN = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")


def read(written: object, currency: str, *, field: str = "amount") -> Decimal:
    """An amount above zero with no more decimals than its currency has, from a text or an exact number.

    Raises Refusal 400 ``invalid_amount``.
    """
    match written:
        case bool() | None | float():
            amount = None
        case int():
            amount = Decimal(written) if abs(written) <= money.MOST_OF_MANY else None
        case Decimal():
            amount = written
        case str():
            amount = Decimal(written) if _WRITTEN.fullmatch(written) else None
        case _:
            amount = None
    if amount is None or not amount.is_finite() or not 0 < amount <= money.MOST_OF_MANY:
        raise _invalid(field, f"must be an amount above 0 and at most {money.MOST_OF_MANY:,}, such as 45.00")
    return exact(amount, currency, field=field)


def exact(amount: Decimal, currency: str, *, field: str = "amount") -> Decimal:
    """An amount above zero, not too large and of whole smallest units. Raises Refusal 400 ``invalid_amount``."""
    if not amount.is_finite() or not 0 < amount <= money.MOST_OF_MANY:
        raise _invalid(field, f"must be above 0 and at most {money.MOST_OF_MANY:,}")
    try:
        digits = money.digits(currency)
    except money.CurrencyUnknown as unknown:
        raise _invalid(field, str(unknown)) from None
    if not money.is_exact(amount, currency):
        raise _invalid(field, f"must have at most {digits} decimals in {currency}")
    return money.rounded(amount, currency)


def _invalid(field: str, why: str) -> Refusal:
    return Refusal(400, "invalid_amount", f"{field}: {why}", {"field": field})
