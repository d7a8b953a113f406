"""Finds delivery terms that do not fit their market."""

from collections.abc import Iterator

from leadgen.configuration.domain.files import ConfigurationFile
from leadgen.configuration.domain.yaml_reader import Problem
from leadgen.delivery.domain.formats import payload
from leadgen.leads.domain import phone_formats


def misfits(file: ConfigurationFile) -> Iterator[Problem]:
    """Spellings of telephone numbers that the market's country does not have."""
    market = file.configuration.market
    if market.country_code in phone_formats.NORTH_AMERICA:
        return
    for position, buyer in enumerate(file.configuration.buyers):
        for at, enrollment in enumerate(buyer.offers):
            if enrollment.delivery is None or enrollment.delivery.format is None:
                continue
            for place, spelling in payload.phone_spellings(enrollment.delivery.format):
                if spelling in phone_formats.NORTH_AMERICAN:
                    yield file.problem(
                        ("buyers", position, "offers", at, "delivery", "format", *place),
                        f"{spelling} is for numbers of North America, and the market is in {market.country_code}: "
                        "choose e164 or digits",
                    )
