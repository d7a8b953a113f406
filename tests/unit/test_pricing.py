"""The Offer-Based Pricing Contract: one price, rounded once, its parts adding up."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadgen.domain import pricing
from leadgen.domain.pricing import Component


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("45", "45.00"),
        ("0.005", "0.01"),
        ("0.015", "0.02"),
        ("2.675", "2.68"),
        ("2.674999", "2.67"),
        ("1.0049", "1.00"),
    ],
)
def test_amounts_are_rounded_half_up_to_the_cent(amount: str, expected: str) -> None:
    rounded = pricing.rounded(Decimal(amount))
    assert (rounded, str(rounded)) == (Decimal(expected), expected)


def test_the_offers_price_stands_unless_the_buyer_has_its_own() -> None:
    default = pricing.price(offer_price=Decimal("45"), buyer_price=None)
    own = pricing.price(offer_price=Decimal("45"), buyer_price=Decimal("39.995"))
    assert default.components == (Component("offer_default", Decimal("45.00")),)
    assert own.components == (Component("buyer_price", Decimal("40.00")),)
    assert (default.amount, own.amount) == (Decimal("45.00"), Decimal("40.00"))


AMOUNTS = st.decimals("0.01", "99999999.99", places=4)


@settings(deadline=None, max_examples=100)
@given(AMOUNTS, st.none() | AMOUNTS)
def test_the_parts_of_a_price_add_up_to_it(offer_price: Decimal, buyer_price: Decimal | None) -> None:
    price = pricing.price(offer_price=offer_price, buyer_price=buyer_price)
    assert sum(part.amount for part in price.components) == price.amount
    assert price.amount == price.amount.quantize(pricing.CENT)
