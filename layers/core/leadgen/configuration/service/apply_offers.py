"""Applies markets, verticals, policies, offers and their sources."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg import Connection

from leadgen.configuration.domain.files import ConfigurationFile
from leadgen.configuration.domain.model import Market, Offer, Source, Vertical
from leadgen.configuration.service.apply_parties import stored
from leadgen.configuration.service.apply_policies import PolicyWriter
from leadgen.configuration.service.changes import Ledger
from leadgen.configuration.store import offers as configuration_offers
from leadgen.configuration.store import sources


@dataclass(frozen=True)
class StoredOffer:
    """An offer of a file, and its row."""

    file: ConfigurationFile
    position: int
    offer: Offer
    offer_id: int
    market_id: int


class OfferWriter:
    """What several files name is written once: they agree on it."""

    def __init__(self, conn: Connection[Any], ledger: Ledger, default_invoice_threshold: Decimal) -> None:
        self._conn = conn
        self._ledger = ledger
        self._default_invoice_threshold = default_invoice_threshold
        self._vertical_ids: dict[str, int] = {}
        self.market_ids: dict[str, int] = {}

    def write_markets(self, files: Sequence[ConfigurationFile]) -> None:
        """Write the markets and verticals."""
        for file in files:
            self._market(file.configuration.market)
            self._vertical(file.configuration.vertical)

    def write_offers(self, files: Sequence[ConfigurationFile], policies: PolicyWriter) -> list[StoredOffer]:
        """Write the offers."""
        return [
            StoredOffer(
                file,
                position,
                offer,
                self._offer(offer, file, policies),
                self.market_ids[file.configuration.market.name],
            )
            for file in files
            for position, offer in enumerate(file.configuration.offers)
        ]

    def write_sources(self, offers: Sequence[StoredOffer], publisher_ids: Mapping[str, int]) -> None:
        """Write the offers' sources and deactivate those they have no more; ``publisher_ids`` are by name."""
        for offer in offers:
            for source in offer.offer.sources:
                self._source(source, offer.offer_id, publisher_ids)
        for offer in offers:
            keys = [source.source_key for source in offer.offer.sources]
            gone = sources.deactivate_sources(self._conn, offer_id=offer.offer_id, keep=keys)
            self._ledger.deactivated("source", gone)

    def _market(self, market: Market) -> None:
        if market.name not in self.market_ids:
            row = configuration_offers.upsert_market(self._conn, **market.model_dump(exclude={"places"}))
            self.market_ids[market.name] = self._ledger.written("market", market.name, row)

    def _vertical(self, vertical: Vertical) -> None:
        if vertical.slug not in self._vertical_ids:
            row = configuration_offers.upsert_vertical(self._conn, **vertical.model_dump())
            self._vertical_ids[vertical.slug] = self._ledger.written("vertical", vertical.slug, row)

    def _offer(self, offer: Offer, file: ConfigurationFile, policies: PolicyWriter) -> int:
        threshold = offer.invoice_threshold
        market = file.configuration.market.name
        row = configuration_offers.upsert_offer(
            self._conn,
            market_id=self.market_ids[market],
            vertical_id=self._vertical_ids[file.configuration.vertical.slug],
            name=offer.name,
            is_active=offer.is_active,
            price=offer.price,
            invoice_threshold=self._default_invoice_threshold if threshold is None else threshold,
            validation_policy_id=policies.id(offer.validation_policy),
            routing_policy_id=policies.id(offer.routing_policy),
            returns=stored(offer.returns),
        )
        return self._ledger.written("offer", f"{offer.name}, {market}", row)

    def _source(self, source: Source, offer_id: int, publisher_ids: Mapping[str, int]) -> None:
        key, fingerprint = source.api_key, source.api_key_sha256
        row = sources.upsert_source(
            self._conn,
            **source.model_dump(exclude={"api_key", "api_key_sha256", "publisher", "earning"}),
            offer_id=offer_id,
            publisher_id=None if source.publisher is None else publisher_ids[source.publisher],
            earning=stored(source.earning),
            api_key_hash=fingerprint if key is None else hashlib.sha256(key.encode()).hexdigest(),
        )
        self._ledger.written("source", source.source_key, row)
