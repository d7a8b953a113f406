"""Prices that with every premium they may get would be more than a price can be."""

from collections.abc import Iterator
from decimal import Decimal

from leadgen.routing.domain.policy import Premium, Pricing
from leadgen.configuration.domain.files import ConfigurationFile
from leadgen.configuration.domain.yaml_reader import Problem

LARGEST = Decimal("99999999.99")  # numeric(10,2)


def excesses(file: ConfigurationFile) -> Iterator[Problem]:
    """The offers' and the buyers' prices that could become too large."""
    premiums = {}
    for position, offer in enumerate(file.configuration.offers):
        premiums[offer.name] = offer.routing_policy.config.pricing
        yield from _excess(file, ("offers", position, "price"), offer.price, premiums[offer.name])
    for position, buyer in enumerate(file.configuration.buyers):
        for at, enrolment in enumerate(buyer.offers):
            if enrolment.price is not None and enrolment.offer in premiums:
                location = ("buyers", position, "offers", at, "price")
                yield from _excess(file, location, enrolment.price, premiums[enrolment.offer])


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
