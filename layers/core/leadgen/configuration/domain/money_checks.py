"""Finds amounts and prices that a market's currency does not allow, or whose currency contradicts it."""

from collections.abc import Iterator
from decimal import Decimal

from leadgen.configuration.domain import fields
from leadgen.configuration.domain.files import ConfigurationFile
from leadgen.configuration.domain.model import Buyer, Offer
from leadgen.configuration.domain.yaml_reader import Location, Problem
from leadgen.kernel import money
from leadgen.routing.domain.policy import Premium, Pricing

LARGEST = Decimal("99999999.99")  # numeric(10,2)


def excesses(file: ConfigurationFile) -> Iterator[Problem]:
    """The offers' and the buyers' prices that could become too large."""
    premiums = {}
    for position, offer in enumerate(file.configuration.offers):
        premiums[offer.name] = offer.routing_policy.config.pricing
        yield from _excess(file, ("offers", position, "price"), offer.price, premiums[offer.name])
    for position, buyer in enumerate(file.configuration.buyers):
        for at, enrollment in enumerate(buyer.offers):
            if enrollment.price is not None and enrollment.offer in premiums:
                location = ("buyers", position, "offers", at, "price")
                yield from _excess(file, location, enrollment.price, premiums[enrollment.offer])


def _excess(
    file: ConfigurationFile, location: tuple[str | int, ...], price: Decimal, pricing: Pricing
) -> Iterator[Problem]:
    every: list[Premium] = [*pricing.time_of_day_premiums]
    if pricing.exclusivity_premium is not None:
        every.append(pricing.exclusivity_premium)
    most = price + sum(price * premium.value / 100 if premium.type == "percent" else premium.value for premium in every)
    if most > LARGEST:
        yield file.problem(
            location, f"could become {most:.2f} with all its premiums; a price is at most {LARGEST}: lower one of them"
        )


_BUDGETS = ("price", "budget_per_hour", "budget_per_day", "budget_per_week", "budget_per_month", "min_balance_required")


def misfits(file: ConfigurationFile) -> Iterator[Problem]:
    """Parts of a currency that has none, and addresses that no mail arrives at."""
    currency = file.configuration.market.currency
    for location, amount in _amounts(file):
        if money.digits(currency) == 0 and not money.is_exact(amount, currency):
            yield file.problem(location, f"must be a whole amount: {currency} has no smaller unit than 1")
    for location, address in _addresses(file):
        try:
            fields.email(address)
        except ValueError as fault:
            yield file.problem(location, str(fault))


def _amounts(file: ConfigurationFile) -> Iterator[tuple[Location, Decimal]]:
    for position, offer in enumerate(file.configuration.offers):
        for place, amount in _of_offer(offer):
            yield ("offers", position, *place), amount
    for position, buyer in enumerate(file.configuration.buyers):
        for place, amount in _of_buyer(buyer):
            yield ("buyers", position, *place), amount


def _of_offer(offer: Offer) -> Iterator[tuple[Location, Decimal]]:
    yield ("price",), offer.price
    if offer.invoice_threshold is not None:
        yield ("invoice_threshold",), offer.invoice_threshold
    pricing, place = offer.routing_policy.config.pricing, ("routing_policy", "config", "pricing")
    if pricing.exclusivity_premium is not None and pricing.exclusivity_premium.type == "flat":
        yield (*place, "exclusivity_premium", "value"), pricing.exclusivity_premium.value
    for at, premium in enumerate(pricing.time_of_day_premiums):
        if premium.type == "flat":
            yield (*place, "time_of_day_premiums", at, "value"), premium.value
    for at, source in enumerate(offer.sources):
        if source.earning is not None and source.earning.type == "flat":
            yield ("sources", at, "earning", "value"), source.earning.value


def _of_buyer(buyer: Buyer) -> Iterator[tuple[Location, Decimal]]:
    for field in ("credit_limit", "opening_wallet_balance"):
        if (amount := getattr(buyer, field)) is not None:
            yield (field,), amount
    if buyer.billing is not None and buyer.billing.auto_top_up is not None:
        yield ("billing", "auto_top_up", "below"), buyer.billing.auto_top_up.below
        yield ("billing", "auto_top_up", "amount"), buyer.billing.auto_top_up.amount
    for at, enrollment in enumerate(buyer.offers):
        for field in _BUDGETS:
            if (amount := getattr(enrollment, field)) is not None:
                yield ("offers", at, field), amount


def _addresses(file: ConfigurationFile) -> Iterator[tuple[Location, str]]:
    seller = file.configuration.seller
    if seller is not None and seller.email is not None:
        yield ("seller", "email"), seller.email
    for position, buyer in enumerate(file.configuration.buyers):
        if buyer.billing is not None and buyer.billing.email is not None:
            yield ("buyers", position, "billing", "email"), buyer.billing.email
