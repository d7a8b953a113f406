"""The Offer-Based Pricing Contract: one price, computed when the lead is claimed and never again."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


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


def price(*, offer_price: Decimal, buyer_price: Decimal | None) -> Price:
    """The offer's default, or the buyer's own price in its place."""
    base = (
        Component("offer_default", rounded(offer_price))
        if buyer_price is None
        else Component("buyer_price", rounded(buyer_price))
    )
    components = (base,)
    return Price(sum((part.amount for part in components), Decimal(0)), components)


def rounded(amount: Decimal) -> Decimal:
    """To the cent, half up."""
    return amount.quantize(CENT, ROUND_HALF_UP)
