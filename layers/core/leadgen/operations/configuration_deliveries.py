"""Delivery terms that do not go with their market."""

from collections.abc import Iterator

from leadgen.domain import formats, phone_formats
from leadgen.operations.configuration_files import ConfigurationFile
from leadgen.operations.documents import Problem


def misfits(file: ConfigurationFile) -> Iterator[Problem]:
    """Spellings of telephone numbers that the market's country does not have."""
    market = file.configuration.market
    if market.country_code in phone_formats.NORTH_AMERICA:
        return
    for position, buyer in enumerate(file.configuration.buyers):
        for at, enrolment in enumerate(buyer.offers):
            if enrolment.delivery is None or enrolment.delivery.format is None:
                continue
            for place, spelling in formats.phone_spellings(enrolment.delivery.format):
                if spelling in phone_formats.NORTH_AMERICAN:
                    yield file.problem(
                        ("buyers", position, "offers", at, "delivery", "format", *place),
                        f"{spelling} is for numbers of North America, and the market is in {market.country_code}: "
                        "choose e164 or digits",
                    )
