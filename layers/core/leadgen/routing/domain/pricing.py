"""The Offer-Based Pricing Contract: one price, computed when the lead is claimed and never again."""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import assert_never

from leadgen.kernel import calendar, money
from leadgen.routing.domain.policy import Premium, Pricing

CENTS = 2


@dataclass(frozen=True)
class Component:
    """A part of a price; the parts of a price add up to it."""

    component: str
    amount: Decimal


@dataclass(frozen=True)
class Price:
    """``delivered_price`` and what it is made of, in the market's currency."""

    amount: Decimal
    components: tuple[Component, ...]


def price(
    *,
    offer_price: Decimal,
    buyer_price: Decimal | None,
    premiums: Pricing,
    is_exclusive: bool,
    local_time: datetime,
    digits: int = CENTS,
) -> Price:
    """The contract's order: the offer's default or the buyer's own price in its place, then each premium that applies.

    ``is_exclusive`` is whether the buyer is the exclusive one of the lead's place, ``local_time`` the claim in the
    market's time zone. A percentage is one of the base. Rounded once: the sum, half up, to so many ``digits`` after the
    point; each part is what it adds to the rounded sum of those before it.
    """
    base = Component("offer_default", offer_price) if buyer_price is None else Component("buyer_price", buyer_price)
    exact = [base]
    if is_exclusive and premiums.exclusivity_premium is not None:
        exact.append(Component("exclusivity_premium", _added(premiums.exclusivity_premium, base.amount)))
    exact += [
        Component("time_of_day_premium", _added(premium, base.amount))
        for premium in premiums.time_of_day_premiums
        if calendar.is_open(local_time, days=premium.days, start=premium.start, end=premium.end)
    ]
    parts: list[Component] = []
    total = so_far = Decimal(0)
    for part in exact:
        total += part.amount
        parts.append(Component(part.component, rounded(total, digits) - so_far))
        so_far = rounded(total, digits)
    return Price(so_far, tuple(parts))


def _added(premium: Premium, base: Decimal) -> Decimal:
    match premium.type:
        case "flat":
            return premium.value
        case "percent":
            return base * premium.value / 100
        case _:
            assert_never(premium.type)


def rounded(amount: Decimal, digits: int = CENTS) -> Decimal:
    """To so many digits after the point, half up; without a number, to the cent."""
    return amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def digits_of(currency: str) -> int:
    """How many digits after the point the prices of a currency have. Of a currency that is not configured any more,
    since its own are too many to be kept: two, as they always were.
    """
    try:
        return money.digits(currency)
    except money.CurrencyUnknown:
        return CENTS
