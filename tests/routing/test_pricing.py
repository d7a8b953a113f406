"""The Offer-Based Pricing Contract: one price, rounded once, its parts adding up."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadgen.kernel.errors import PolicyInvalid
from leadgen.routing.domain import policy, pricing
from leadgen.routing.domain.policy import Pricing
from leadgen.routing.domain.pricing import Component, Price

WEDNESDAY_NOON = datetime(2026, 6, 17, 12, 0, tzinfo=ZoneInfo("America/Denver"))
EVENINGS = {"days": ["wed"], "start": "18:00", "end": "08:00", "type": "flat", "value": "5"}


def premiums(**values: Any) -> Pricing:
    return policy.parse_routing({"strategy": "priority_based", "pricing": values}, label="test").pricing


def price(offer: str = "45", buyer: str | None = None, *, exclusive: bool = False, at: datetime = WEDNESDAY_NOON,
          currency: str = "USD", **values: Any) -> Price:  # fmt: skip
    return pricing.price(
        offer_price=Decimal(offer), buyer_price=None if buyer is None else Decimal(buyer), premiums=premiums(**values),
        is_exclusive=exclusive, local_time=at, digits=pricing.digits_of(currency),
    )  # fmt: skip


def percent(value: str) -> dict[str, Any]:
    """A premium that applies at whatever time it is asked."""
    return {"type": "percent", "value": value, "days": ["wed"], "start": "00:00", "end": "24:00"}


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-06-{clock}:00").replace(tzinfo=ZoneInfo("America/Denver"))


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
    assert price("45").components == (Component("offer_default", Decimal("45.00")),)
    assert price("45", "39.995").components == (Component("buyer_price", Decimal("40.00")),)


def test_the_exclusive_buyer_pays_the_exclusivity_premium_on_the_base_it_has() -> None:
    premium = {"type": "percent", "value": "20"}
    assert price("45", "50", exclusivity_premium=premium).amount == Decimal("50.00")
    paid = price("45", "50", exclusive=True, exclusivity_premium=premium)
    assert (paid.amount, paid.components[1]) == (
        Decimal("60.00"), Component("exclusivity_premium", Decimal("10.00")),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("clock", "is_paid"),
    [("17T17:59", False), ("17T18:00", True), ("18T00:00", True), ("18T07:59", True), ("18T08:00", False),
     ("17T07:00", False), ("18T18:00", False)],
)  # fmt: skip
def test_a_window_past_midnight_belongs_to_the_day_it_begins_on(clock: str, is_paid: bool) -> None:
    assert price(at=at(clock), time_of_day_premiums=[EVENINGS]).amount == Decimal(50 if is_paid else 45)


def test_edge_3_a_window_goes_by_the_wall_clock_when_the_clocks_change() -> None:
    sunday = {"days": ["sun"], "start": "01:00", "end": "02:00", "type": "flat", "value": "1"}
    zone = ZoneInfo("America/Denver")
    for fold in (0, 1):  # the hour from one to two comes twice
        assert (
            price(at=datetime(2026, 11, 1, 1, 30, fold=fold, tzinfo=zone), time_of_day_premiums=[sunday]).amount == 46
        )
    assert price(at=datetime(2026, 11, 1, 2, 0, tzinfo=zone), time_of_day_premiums=[sunday]).amount == 45


@pytest.mark.parametrize(
    "wrong",
    [
        {"exclusivity_premium": {"type": "percent", "value": "100001"}},
        {"exclusivity_premium": {"type": "percent", "value": "0"}},
        {"exclusivity_premium": {"type": "share", "value": "1"}},
        {"time_of_day_premiums": [EVENINGS | {"end": "18:00"}]},
        {"time_of_day_premiums": [EVENINGS | {"start": "24:00"}]},
        {"time_of_day_premiums": [EVENINGS | {"days": []}]},
        {"time_of_day_premiums": [EVENINGS | {"days": ["monday"]}]},
    ],
    ids=str,
)
def test_a_premium_that_means_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(PolicyInvalid):
        premiums(**wrong)


def test_edge_24_a_third_three_times_is_a_cent_short_and_stays_so() -> None:
    assert sum(price("33.33").amount for _ in range(3)) == Decimal("99.99")
    thirds = price("33.33", time_of_day_premiums=[percent("33.3333")] * 3)
    assert [str(part.amount) for part in thirds.components] == ["33.33", "11.11", "11.11", "11.11"]
    assert thirds.amount == Decimal("66.66")


@pytest.mark.parametrize(
    ("premium", "paid"), [("49.9999", "0.01"), ("50", "0.02"), ("149.9999", "0.02"), ("150", "0.03")]
)
def test_edge_24_a_percentage_of_a_cent_counts_from_half_a_cent_on(premium: str, paid: str) -> None:
    charged = price("0.01", time_of_day_premiums=[percent(premium)])
    assert str(charged.amount) == paid
    assert sum(part.amount for part in charged.components) == charged.amount


def test_edge_24_two_halves_of_a_cent_are_one_cent_and_not_two() -> None:
    charged = price("0.01", time_of_day_premiums=[percent("50"), percent("50")])
    assert [str(part.amount) for part in charged.components] == ["0.01", "0.01", "0.00"]


def test_edge_24_a_premium_that_takes_away_is_refused() -> None:
    with pytest.raises(PolicyInvalid, match="must be greater than 0"):
        premiums(exclusivity_premium={"type": "flat", "value": "-1"})


def test_edge_26_a_price_in_yen_is_rounded_to_whole_yen_part_by_part() -> None:
    charged = price("333", currency="JPY", time_of_day_premiums=[percent("12.5"), percent("0.2"), percent("0.1")])
    assert [str(part.amount) for part in charged.components] == ["333", "42", "0", "1"]  # 41.625, 0.666, 0.333
    assert str(charged.amount) == "376"


def test_edge_26_a_currency_of_three_decimals_that_was_configured_once_is_charged_to_the_cent() -> None:
    assert str(price("45.005", currency="KWD").amount) == "45.01"


AMOUNTS = st.decimals("0.01", "99999.99", places=4).map(str)
RATES = st.fixed_dictionaries(
    {"type": st.sampled_from(["flat", "percent"]), "value": st.decimals("0.0001", "100000", places=4).map(str)}
)


@given(AMOUNTS, st.none() | AMOUNTS, RATES, st.lists(RATES, max_size=3), st.booleans())
def test_the_parts_of_a_price_add_up_to_the_once_rounded_sum(
    offer: str, buyer: str | None, exclusivity: dict[str, str], windows: list[dict[str, str]], exclusive: bool
) -> None:
    always = [window | {"days": ["wed"], "start": "00:00", "end": "23:59"} for window in windows]
    paid = price(offer, buyer, exclusive=exclusive, exclusivity_premium=exclusivity, time_of_day_premiums=always)
    base = Decimal(buyer or offer)
    applied = [*([exclusivity] if exclusive else []), *windows]
    added = sum(
        (Decimal(rate["value"]) if rate["type"] == "flat" else base * Decimal(rate["value"]) / 100 for rate in applied),
        Decimal(0),
    )
    assert paid.amount == pricing.rounded(base + added)
    assert sum(part.amount for part in paid.components) == paid.amount
    assert [len(applied) + 1, True] == [len(paid.components), all(part.amount >= 0 for part in paid.components)]
