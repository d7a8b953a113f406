"""Finds places and service areas that contradict each other."""

from collections.abc import Iterator

from leadgen.configuration.domain.files import ConfigurationFile
from leadgen.configuration.domain.yaml_reader import Location, Problem


def contradictions(file: ConfigurationFile) -> Iterator[Problem]:
    """Places that stand twice, areas outside the market's country, and radiuses around what has no place."""
    yield from _places_twice(file)
    for position, buyer in enumerate(file.configuration.buyers):
        location = ("buyers", position, "service_areas")
        yield from _elsewhere(file, location, buyer.service_areas.regions)
        yield from _radiuses(file, (*location, "radius"), [area.postal_code for area in buyer.service_areas.radius])


def _places_twice(file: ConfigurationFile) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for position, place in enumerate(file.configuration.market.places):
        known = first.setdefault(place.postal_code, position)
        if known != position:
            line = file.document.line(("market", "places", known))
            yield file.problem(
                ("market", "places", position, "postal_code"), f"{place.postal_code} has a place on line {line} already"
            )


def _elsewhere(file: ConfigurationFile, location: Location, regions: tuple[str, ...]) -> Iterator[Problem]:
    country = file.configuration.market.country_code
    for at, region in enumerate(regions):
        if not region.startswith(f"{country}-"):
            yield file.problem((*location, "regions", at), f"must begin with {country}-, the market's country")


def _radiuses(file: ConfigurationFile, location: Location, centers: list[str]) -> Iterator[Problem]:
    known = {place.postal_code for place in file.configuration.market.places}
    for at, center in enumerate(centers):
        here = (*location, at, "postal_code")
        if center not in known:
            # A center that has a place is within its own radius: no radius covers nothing.
            yield file.problem(
                here, f"the market has no place {center}: add it to market.places, or choose one of them"
            )
        if center in centers[:at]:
            yield file.problem(here, f"has a radius already: of two around {center} the larger covers the smaller")
