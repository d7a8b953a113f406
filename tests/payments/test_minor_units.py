"""Amounts as the payment provider counts them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.kernel import money
from leadgen.kernel.money import CurrencyUnknown
from leadgen.payments.domain import minor_units

CURRENCIES = ["USD", "EUR", "JPY", "ISK", "UGX", "MGA", "CLP"]


@given(st.sampled_from(CURRENCIES), st.decimals(Decimal("0.01"), money.MOST, places=2))
def test_an_amount_comes_back_as_it_was_or_has_no_number(currency: str, amount: Decimal) -> None:
    try:
        units = minor_units.minor(amount, currency)
    except ValueError:
        assert amount % 1 != 0  # of a currency that the provider or ISO counts in whole units
        assert currency not in ("USD", "EUR")
        return
    assert minor_units.amount(units, currency) == amount


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [("45.00", "USD", 4500), ("0.01", "EUR", 1), ("500", "JPY", 500), ("500", "ISK", 50000), ("500", "MGA", 500)],
)
def test_the_units_are_the_providers(amount: str, currency: str, units: int) -> None:
    assert minor_units.minor(Decimal(amount), currency) == units


@pytest.mark.parametrize(
    ("amount", "currency"), [("500.50", "JPY"), ("500.50", "ISK"), ("0.50", "MGA"), ("1.005", "USD")]
)
def test_edge_26_an_amount_between_the_units_has_none(amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match="paid by card"):
        minor_units.minor(Decimal(amount), currency)


def test_edge_26_a_currency_of_three_decimals_is_not_counted() -> None:
    with pytest.raises(CurrencyUnknown):
        minor_units.amount(45000, "KWD")
