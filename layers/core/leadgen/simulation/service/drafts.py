"""Reads draft policies for a simulation: a file of one offer's policies, or a whole configuration file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from psycopg import Connection
from pydantic import field_validator, model_validator

from leadgen.configuration.domain import checks, files, yaml_reader
from leadgen.configuration.domain.fields import Name
from leadgen.configuration.domain.files import ConfigurationFile
from leadgen.configuration.domain.model import Section
from leadgen.configuration.domain.yaml_reader import Document, Location, Problem
from leadgen.configuration.service.apply import ConfigurationInvalid
from leadgen.leads.domain import normalization
from leadgen.routing.domain.policy import RoutingPolicy, Weighted
from leadgen.simulation.store import history
from leadgen.simulation.store.history import KnownOffer
from leadgen.validation.domain.policy import ValidationPolicy


class DraftFile(Section):
    """One offer's draft. ``market`` is needed where offers of several markets have the name."""

    offer: Name
    market: Name | None = None
    routing_policy: RoutingPolicy | None = None
    validation_policy: ValidationPolicy | None = None

    @field_validator("routing_policy", "validation_policy", mode="before")
    @classmethod
    def _is_the_policy_alone(cls, written: object) -> object:
        inner = next((name for name in ("config", "rules") if isinstance(written, Mapping) and name in written), None)
        if inner is not None:
            raise ValueError(f"in a draft, what a configuration file has under {inner} stands here at once")
        return written

    @model_validator(mode="after")
    def _has_a_policy(self) -> Self:
        if self.routing_policy is None and self.validation_policy is None:
            raise ValueError("needs routing_policy or validation_policy")
        return self


@dataclass(frozen=True)
class OfferDraft:
    """The policies an offer is simulated under; None for those of the time."""

    offer: KnownOffer
    routing: RoutingPolicy | None
    validation: ValidationPolicy | None


@dataclass(frozen=True)
class _Written:
    """What a file holds of an offer, and where."""

    document: Document
    name: tuple[str, Location]
    market: tuple[str, Location] | None
    vertical: str | None
    routing: RoutingPolicy | None
    routing_at: Location
    validation: ValidationPolicy | None

    def problem(self, location: Location, message: str) -> Problem:
        """What is wrong with a field."""
        return self.document.problem(location, message)


def read(conn: Connection[Any], path: Path, environ: Mapping[str, str]) -> list[OfferDraft]:
    """The drafts of a file, for offers and buyers that the database has. Raises ConfigurationInvalid."""
    document = yaml_reader.read(path, environ)
    written = _of_a_configuration(document) if _is_configuration(document) else _of_one_offer(document)
    known = history.offers(conn)
    found = [(draft, _offer(draft, known)) for draft in written]
    unknown = [offer for _, offer in found if isinstance(offer, Problem)]
    if unknown:
        raise ConfigurationInvalid(unknown)
    drafts = [(draft, offer) for draft, offer in found if isinstance(offer, KnownOffer)]
    enrolled = history.enrolled(conn, [offer.offer_id for _, offer in drafts])
    strangers = [problem for draft, offer in drafts for problem in _strangers(draft, offer, enrolled[offer.offer_id])]
    if strangers:
        raise ConfigurationInvalid(strangers)
    return [
        OfferDraft(offer, _by_buyer_id(draft.routing, enrolled[offer.offer_id]), draft.validation)
        for draft, offer in drafts
    ]


def _is_configuration(document: Document) -> bool:
    return document.value is not None and "offers" in document.value


def _of_one_offer(document: Document) -> list[_Written]:
    draft, problems = files.typed(document, DraftFile)
    if draft is None or problems:
        raise ConfigurationInvalid(problems)
    return [
        _Written(
            document,
            (draft.offer, ("offer",)),
            None if draft.market is None else (draft.market, ("market",)),
            None,
            draft.routing_policy,
            ("routing_policy",),
            draft.validation_policy,
        )
    ]


def _of_a_configuration(document: Document) -> list[_Written]:
    configuration, problems = files.parse(document)
    if configuration is None or problems:
        raise ConfigurationInvalid(problems)
    contradictions = checks.contradictions([ConfigurationFile(document, configuration)])
    if contradictions:
        raise ConfigurationInvalid(contradictions)
    return [
        _Written(
            document,
            (offer.name, ("offers", position, "name")),
            (configuration.market.name, ("market", "name")),
            configuration.vertical.slug,
            offer.routing_policy.config,
            ("offers", position, "routing_policy", "config"),
            offer.validation_policy.rules,
        )
        for position, offer in enumerate(configuration.offers)
    ]


def _offer(draft: _Written, known: Sequence[KnownOffer]) -> KnownOffer | Problem:
    name, place = draft.name
    named = [offer for offer in known if offer.name == name]
    if not named:
        return draft.problem(place, f"is no offer of the database; there are {_list(o.name for o in known)}")
    if draft.market is not None:
        market, place = draft.market
        there = [offer for offer in named if offer.market == market]
        if not there:
            return draft.problem(place, f"has no offer {name!r}; it is in {_list(o.market for o in named)}")
        named = there
    if draft.vertical is not None:
        named = [offer for offer in named if offer.vertical == draft.vertical]
        if not named:
            return draft.problem(place, f"has no offer {name!r} of the vertical {draft.vertical!r}")
    if len({offer.market for offer in named}) > 1:
        return draft.problem(place, f"several markets have it: add market, one of {_list(o.market for o in named)}")
    if len(named) > 1:
        return draft.problem(place, "several verticals of the market have it: give the whole configuration file")
    return named[0]


def _strangers(draft: _Written, offer: KnownOffer, enrolled: Mapping[str, int]) -> Iterator[Problem]:
    """Weights for buyers that never had the offer."""
    if isinstance(draft.routing, Weighted):
        for written in draft.routing.weights:
            if normalization.email(written) not in enrolled:
                yield draft.problem(
                    (*draft.routing_at, "weights", written),
                    f"is no buyer enrolled in {offer.name!r}; there are {_list(enrolled)}",
                )


def _by_buyer_id(policy: RoutingPolicy | None, enrolled: Mapping[str, int]) -> RoutingPolicy | None:
    """A routing policy with its weights by buyer id, as stored policies have them."""
    if not isinstance(policy, Weighted):
        return policy
    ids = {written: enrolled[normalization.email(written) or ""] for written in policy.weights}
    return policy.model_copy(update={"weights": {str(ids[w]): weight for w, weight in policy.weights.items()}})


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(repr, dict.fromkeys(names))) or "none"
