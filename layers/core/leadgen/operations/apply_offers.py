"""Writes what is sold where: markets, verticals, policies, offers and their sources."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg import Connection

from leadgen.operations.applied import Ledger
from leadgen.operations.configuration import Market, Offer, RoutingConfig, Source, ValidationRules, Vertical
from leadgen.operations.configuration_files import ConfigurationFile
from leadgen.store import configuration as store
from leadgen.store import configured_sources


@dataclass(frozen=True)
class StoredOffer:
    """An offer of a file, and its row."""

    file: ConfigurationFile
    offer: Offer
    offer_id: int
    market_id: int


class OfferWriter:
    """What several files name is written once: they agree on it."""

    def __init__(self, conn: Connection[Any], ledger: Ledger, default_invoice_threshold: Decimal) -> None:
        self._conn = conn
        self._ledger = ledger
        self._default_invoice_threshold = default_invoice_threshold
        self._market_ids: dict[str, int] = {}
        self._vertical_ids: dict[str, int] = {}
        self._policy_ids: dict[tuple[str, str], int] = {}

    def write(self, file: ConfigurationFile) -> list[StoredOffer]:
        """Write a file's offers and what they rest on."""
        market = file.configuration.market
        market_id, vertical_id = self._market(market), self._vertical(file.configuration.vertical)
        return [
            StoredOffer(file, offer, self._offer(offer, market_id, vertical_id, market.name), market_id)
            for offer in file.configuration.offers
        ]

    def write_sources(self, offers: Sequence[StoredOffer]) -> None:
        """Write the offers' sources and deactivate those they have no more."""
        for stored in offers:
            for source in stored.offer.sources:
                self._source(source, stored.offer_id)
        for stored in offers:
            keys = [source.source_key for source in stored.offer.sources]
            gone = configured_sources.deactivate_sources(self._conn, offer_id=stored.offer_id, keep=keys)
            self._ledger.deactivated("source", gone)

    def _market(self, market: Market) -> int:
        if market.name not in self._market_ids:
            row = store.upsert_market(self._conn, **market.model_dump())
            self._market_ids[market.name] = self._ledger.written("market", market.name, row)
        return self._market_ids[market.name]

    def _vertical(self, vertical: Vertical) -> int:
        if vertical.slug not in self._vertical_ids:
            row = store.upsert_vertical(self._conn, **vertical.model_dump())
            self._vertical_ids[vertical.slug] = self._ledger.written("vertical", vertical.slug, row)
        return self._vertical_ids[vertical.slug]

    def _offer(self, offer: Offer, market_id: int, vertical_id: int, market: str) -> int:
        threshold = offer.invoice_threshold
        row = store.upsert_offer(
            self._conn,
            market_id=market_id,
            vertical_id=vertical_id,
            name=offer.name,
            is_active=offer.is_active,
            price=offer.price,
            invoice_threshold=self._default_invoice_threshold if threshold is None else threshold,
            validation_policy_id=self._validation_policy(offer.validation_policy),
            routing_policy_id=self._routing_policy(offer.routing_policy),
        )
        return self._ledger.written("offer", f"{offer.name}, {market}", row)

    def _validation_policy(self, policy: ValidationRules) -> int:
        kind = "validation policy"
        if (kind, policy.name) not in self._policy_ids:
            rules = json.dumps(policy.rules.model_dump(mode="json", exclude_unset=True))
            row = store.store_validation_policy(self._conn, name=policy.name, rules=rules)
            self._policy_ids[kind, policy.name] = self._ledger.versioned(kind, policy.name, row)
        return self._policy_ids[kind, policy.name]

    def _routing_policy(self, policy: RoutingConfig) -> int:
        kind = "routing policy"
        if (kind, policy.name) not in self._policy_ids:
            config = json.dumps(policy.config.model_dump(mode="json", exclude_unset=True))
            row = store.store_routing_policy(self._conn, name=policy.name, config=config)
            self._policy_ids[kind, policy.name] = self._ledger.versioned(kind, policy.name, row)
        return self._policy_ids[kind, policy.name]

    def _source(self, source: Source, offer_id: int) -> None:
        key = source.api_key
        row = configured_sources.upsert_source(
            self._conn,
            **source.model_dump(exclude={"api_key"}),
            offer_id=offer_id,
            api_key_hash=None if key is None else hashlib.sha256(key.encode()).hexdigest(),
        )
        self._ledger.written("source", source.source_key, row)
