"""Writes who buys: buyers and their wallets, enrolments, service areas and exclusivities."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from psycopg import Connection

from leadgen.operations.applied import Ledger
from leadgen.operations.apply_offers import StoredOffer
from leadgen.operations.configuration import Buyer, Enrolment
from leadgen.operations.configuration_files import ConfigurationFile
from leadgen.store import configured_buyers, configured_places
from leadgen.store.configured_places import Place


class BuyerWriter:
    """What several files say of one buyer is written once: they agree on it."""

    def __init__(self, conn: Connection[Any], ledger: Ledger) -> None:
        self._conn = conn
        self._ledger = ledger
        self._buyer_ids: dict[str, int] = {}
        self._served: set[tuple[int, int]] = set()

    def write_buyers(self, files: Sequence[ConfigurationFile]) -> None:
        """Write the buyers themselves, with the rows there are locked as the stages lock them."""
        configured_buyers.lock_buyers(
            self._conn, [buyer.email for file in files for buyer in file.configuration.buyers]
        )
        for file in files:
            for buyer in file.configuration.buyers:
                if buyer.email not in self._buyer_ids:
                    self._buyer_ids[buyer.email] = self._buyer(buyer, file.configuration.market.currency)

    def write_parts(self, stored: StoredOffer) -> None:
        """Write an offer's enrolments and exclusivities, its buyers' service areas, and end what is named no more."""
        enrolled = []
        for buyer in stored.file.configuration.buyers:
            for enrolment in buyer.offers:
                if enrolment.offer == stored.offer.name:
                    self._enrolment(buyer, enrolment, stored.offer_id)
                    enrolled.append(self._buyer_ids[buyer.email])
            self._areas(buyer, stored.file.configuration.market.name, stored.market_id)
        gone = configured_buyers.deactivate_enrolments(self._conn, offer_id=stored.offer_id, keep=enrolled)
        self._ledger.deactivated("enrolment", gone)
        self._exclusivities(stored)

    def _buyer(self, buyer: Buyer, currency: str) -> int:
        columns = buyer.model_dump(exclude={"opening_wallet_balance", "service_areas", "offers"})
        row = configured_buyers.upsert_buyer(self._conn, **columns, currency=currency)
        buyer_id = self._ledger.written("buyer", buyer.name, row)
        if buyer.opening_wallet_balance is not None:
            self._wallet(buyer.name, buyer_id, buyer.opening_wallet_balance)
        return buyer_id

    def _wallet(self, buyer: str, buyer_id: int, balance: Decimal) -> None:
        if configured_buyers.open_wallet(self._conn, buyer_id=buyer_id, balance=balance):
            self._ledger.created("wallet", buyer, buyer_id, {"balance": str(balance)}, f"with {balance}")
        else:
            self._ledger.unchanged("wallet", buyer)

    def _enrolment(self, buyer: Buyer, enrolment: Enrolment, offer_id: int) -> None:
        row = configured_buyers.upsert_enrolment(
            self._conn,
            **enrolment.model_dump(exclude={"offer"}),
            buyer_id=self._buyer_ids[buyer.email],
            offer_id=offer_id,
        )
        self._ledger.written("enrolment", f"{buyer.name} in {enrolment.offer}", row)

    def _areas(self, buyer: Buyer, market: str, market_id: int) -> None:
        buyer_id = self._buyer_ids[buyer.email]
        if (buyer_id, market_id) in self._served:
            return
        self._served.add((buyer_id, market_id))
        before: set[Place] = configured_places.active_areas(self._conn, buyer_id=buyer_id, market_id=market_id)
        after: set[Place] = set(buyer.service_areas.places())
        name = f"{buyer.name} in {market}"
        if before == after:
            self._ledger.unchanged("service areas", name)
            return
        configured_places.add_areas(self._conn, buyer_id=buyer_id, market_id=market_id, places=after - before)
        configured_places.deactivate_areas(self._conn, buyer_id=buyer_id, market_id=market_id, places=before - after)
        state = _areas_state(market_id, after)
        if before:
            detail = f"{_count(after - before)} added, {_count(before - after)} ended"
            self._ledger.updated("service areas", name, buyer_id, _areas_state(market_id, before), state, detail)
        else:
            self._ledger.created("service areas", name, buyer_id, state, f"with {_count(after)}")

    def _exclusivities(self, stored: StoredOffer) -> None:
        places: list[Place] = []
        for exclusivity in stored.offer.exclusivities:
            row = configured_places.upsert_exclusivity(
                self._conn,
                offer_id=stored.offer_id,
                place=exclusivity.place,
                buyer_id=self._buyer_ids[exclusivity.buyer],
            )
            self._ledger.written("exclusivity", f"{exclusivity.place[1]} for {exclusivity.buyer}", row)
            places.append(exclusivity.place)
        gone = configured_places.deactivate_exclusivities(self._conn, offer_id=stored.offer_id, keep=places)
        self._ledger.deactivated("exclusivity", gone)


def _areas_state(market_id: int, places: set[Place]) -> dict[str, object]:
    return {
        "market_id": market_id,
        "postal_codes": sorted(value for scope, value in places if scope == "postal_code"),
        "cities": sorted(value for scope, value in places if scope == "city"),
    }


def _count(places: set[Place]) -> str:
    return "1 place" if len(places) == 1 else f"{len(places)} places"
