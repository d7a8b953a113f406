"""Checks files together: names that refer to nothing, and places that contradict each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from leadgen.configuration.domain import area_checks, delivery_checks, money_checks
from leadgen.configuration.domain.files import ConfigurationFile
from leadgen.configuration.domain.model import Buyer, Offer
from leadgen.configuration.domain.yaml_reader import Location, Problem
from leadgen.leads.domain import normalization


@dataclass(frozen=True)
class _Entry:
    """Something that the files hold, and where."""

    file: ConfigurationFile
    location: Location
    section: BaseModel

    @property
    def position(self) -> str:
        return f"{self.file.document.name}:{self.file.document.line(self.location)}"


def contradictions(files: Sequence[ConfigurationFile]) -> list[Problem]:
    """Every problem between the parts of the files."""
    return [
        *_disagreements(files),
        *_repetitions(files),
        *_dangling(files),
        *(problem for file in files for problem in area_checks.contradictions(file)),
        *(problem for file in files for problem in money_checks.excesses(file)),
        *(problem for file in files for problem in delivery_checks.misfits(file)),
        *(problem for file in files for problem in money_checks.misfits(file)),
    ]


def _disagreements(files: Sequence[ConfigurationFile]) -> Iterator[Problem]:
    """What several files may name must be the same in all: else the last one applied would win."""
    first: dict[tuple[str, ...], _Entry] = {}
    for file in files:
        for key, location, section in _shared(file):
            entry = _Entry(file, location, section)
            known = first.setdefault(key, entry)
            differing = _differing(known.section, section, apart_from=_OF_ONE_FILE)
            if differing:
                yield file.problem(
                    location, f"differs from {known.position} in {', '.join(differing)}; both name {key[-1]}"
                )


# The fields of a buyer that hold for the file's own market and offers only.
_OF_ONE_FILE = ("service_areas", "offers")


def _shared(file: ConfigurationFile) -> Iterator[tuple[tuple[str, ...], Location, BaseModel]]:
    configuration = file.configuration
    market = configuration.market
    yield ("market", market.name), ("market",), market
    yield ("vertical", configuration.vertical.slug), ("vertical",), configuration.vertical
    if configuration.seller is not None:
        yield ("seller", "the one seller of the installation"), ("seller",), configuration.seller
    for position, publisher in enumerate(configuration.publishers):
        yield ("publisher", publisher.name), ("publishers", position), publisher
        yield ("earned in", publisher.name), ("market",), _Currency(currency=market.currency)
    for location, offer in _offers(file):
        validation, routing = offer.validation_policy, offer.routing_policy
        yield (
            ("validation policy", str(validation.version), validation.name),
            (*location, "validation_policy"),
            validation,
        )
        yield ("routing policy", str(routing.version), routing.name), (*location, "routing_policy"), routing
    for location, buyer in _buyers(file):
        yield ("buyer", buyer.email), location, buyer
        yield ("areas", market.name, buyer.email), (*location, "service_areas"), buyer.service_areas
        yield ("currency", buyer.email), ("market",), _Currency(currency=market.currency)


class _Currency(BaseModel):
    """A buyer is billed, and a publisher paid, in one currency."""

    currency: str


def _differing(one: BaseModel, other: BaseModel, *, apart_from: Sequence[str]) -> list[str]:
    return [
        field
        for field in type(one).model_fields
        if field not in apart_from and getattr(one, field) != getattr(other, field)
    ]


def _repetitions(files: Sequence[ConfigurationFile]) -> Iterator[Problem]:
    """What stands for one thing may stand once."""
    first: dict[tuple[object, ...], _Entry] = {}
    for file in files:
        for what, key, location, section in _single(file):
            entry = _Entry(file, location, section)
            known = first.setdefault((what, *key), entry)
            if known is not entry:
                yield file.problem(location, f"{what} stands on {known.position} already")


def _single(file: ConfigurationFile) -> Iterator[tuple[str, tuple[object, ...], Location, BaseModel]]:
    market, vertical = file.configuration.market.name, file.configuration.vertical.slug
    for position, publisher in enumerate(file.configuration.publishers):
        yield "the publisher of this name", (file.document.name, publisher.name), ("publishers", position), publisher
    for location, offer in _offers(file):
        sold = (market, vertical, offer.name)
        yield "the offer of this market, vertical and name", sold, location, offer
        for at, source in enumerate(offer.sources):
            here = (*location, "sources", at)
            yield "this source_key", (source.source_key,), (*here, "source_key"), source
            if source.hostname and source.is_active:
                mapping = (source.hostname, source.path_prefix)
                yield "an active source of this hostname and path_prefix", mapping, (*here, "hostname"), source
        for at, exclusivity in enumerate(offer.exclusivities):
            scope, value = exclusivity.area
            here = (*location, "exclusivities", at)
            yield "an exclusivity of this area", (*sold, scope, normalization.folded(value)), here, exclusivity
    for location, buyer in _buyers(file):
        yield "the buyer of this e-mail address", (file.document.name, buyer.email), (*location, "email"), buyer
        for at, enrollment in enumerate(buyer.offers):
            enrolled = (market, vertical, enrollment.offer, buyer.email)
            yield "this buyer's enrollment in the offer", enrolled, (*location, "offers", at, "offer"), enrollment


def _dangling(files: Sequence[ConfigurationFile]) -> Iterator[Problem]:
    """Names that stand for nothing in the file."""
    for file in files:
        offers = [offer.name for _, offer in _offers(file)]
        enrolled = {(enrollment.offer, buyer.email) for _, buyer in _buyers(file) for enrollment in buyer.offers}
        for location, buyer in _buyers(file):
            for at, enrollment in enumerate(buyer.offers):
                if enrollment.offer not in offers:
                    here = (*location, "offers", at, "offer")
                    yield file.problem(here, f"is no offer of this file; there are {', '.join(map(repr, offers))}")
        publishers = [publisher.name for publisher in file.configuration.publishers]
        for location, offer in _offers(file):
            for at, source in enumerate(offer.sources):
                if source.publisher is not None and source.publisher not in publishers:
                    named = f"there are {', '.join(map(repr, publishers))}" if publishers else "name it in publishers"
                    yield file.problem(
                        (*location, "sources", at, "publisher"), f"is no publisher of this file; {named}"
                    )
            for at, exclusivity in enumerate(offer.exclusivities):
                if (offer.name, exclusivity.buyer) not in enrolled:
                    here = (*location, "exclusivities", at, "buyer")
                    yield file.problem(here, f"{exclusivity.buyer} is no buyer of this file enrolled in {offer.name!r}")


def _offers(file: ConfigurationFile) -> Iterator[tuple[Location, Offer]]:
    for position, offer in enumerate(file.configuration.offers):
        yield ("offers", position), offer


def _buyers(file: ConfigurationFile) -> Iterator[tuple[Location, Buyer]]:
    for position, buyer in enumerate(file.configuration.buyers):
        yield ("buyers", position), buyer
