"""Applies buyers and their wallets, enrollments, service areas and exclusivities."""

from collections.abc import Sequence, Sized
from decimal import Decimal
from typing import Any

from psycopg import Connection

from leadgen.configuration.domain.files import ConfigurationFile
from leadgen.configuration.domain.model import WHOLE_MARKET, Buyer, Enrollment, Market
from leadgen.configuration.domain.yaml_reader import Problem
from leadgen.configuration.service.apply_offers import StoredOffer
from leadgen.configuration.service.apply_parties import Occasion, open_wallet, stored
from leadgen.configuration.service.changes import Ledger
from leadgen.configuration.store import buyers
from leadgen.configuration.store import places as configuration_places
from leadgen.configuration.store.places import Area, Coordinates, EmptyRadius


class BuyerWriter:
    """A buyer that several files define is written once: they agree on it."""

    def __init__(self, conn: Connection[Any], ledger: Ledger, occasion: Occasion) -> None:
        self._conn = conn
        self._ledger = ledger
        self._occasion = occasion
        self._buyer_ids: dict[str, int] = {}
        self._served: set[tuple[int, int]] = set()
        self._moved: set[int] = set()
        self._placed: set[int] = set()

    def lock(self, files: Sequence[ConfigurationFile]) -> None:
        """Lock the buyers there are as the stages lock them: before publishers."""
        buyers.lock_buyers(self._conn, [buyer.email for file in files for buyer in file.configuration.buyers])

    def write_buyers(self, files: Sequence[ConfigurationFile]) -> list[Problem]:
        """Write the buyers themselves, which are locked; what is wrong with them."""
        problems = []
        for file in files:
            for position, buyer in enumerate(file.configuration.buyers):
                if buyer.email not in self._buyer_ids:
                    secret = self._secret(buyer)
                    if secret is None and buyer.webhook_secret_sha256 is not None:
                        problems.append(
                            file.problem(
                                ("buyers", position, "webhook_secret_sha256"), f"{buyer.email} {_UNKNOWN_FINGERPRINT}"
                            )
                        )
                    self._buyer_ids[buyer.email] = self._buyer(buyer, secret, file.configuration.market.currency)
        return problems

    def write_parts(self, offer: StoredOffer) -> None:
        """Write an offer's enrollments and exclusivities, its buyers' service areas, and end what is named no more."""
        enrolled = []
        for buyer in offer.file.configuration.buyers:
            for enrollment in buyer.offers:
                if enrollment.offer == offer.offer.name:
                    self._enrollment(buyer, enrollment, offer.offer_id)
                    enrolled.append(self._buyer_ids[buyer.email])
            self._areas(buyer, offer.file.configuration.market.name, offer.market_id)
        gone = buyers.deactivate_enrollments(self._conn, offer_id=offer.offer_id, keep=enrolled)
        self._ledger.deactivated("enrollment", gone)
        self._exclusivities(offer)

    def write_places(self, market: Market, market_id: int) -> None:
        """Write where the market's postal codes lie."""
        if market_id in self._placed:
            return
        self._placed.add(market_id)
        before = configuration_places.places(self._conn, market_id)
        after = {place.postal_code: (place.latitude, place.longitude) for place in market.places}
        if before == after:
            if after:
                self._ledger.unchanged("places", market.name)
            return
        self._moved.add(market_id)
        configuration_places.remove_places(self._conn, market_id, before.keys() - after.keys())
        changed = {code: position for code, position in after.items() if before.get(code) != position}
        configuration_places.put_places(self._conn, market_id, changed)
        if before:
            self._ledger.updated("places", market.name, market_id, _written(before), _written(after))
        else:
            self._ledger.created("places", market.name, market_id, _written(after), f"with {_count(after)}")

    def derive_areas(self) -> Sequence[EmptyRadius]:
        """Find the postal codes within each radius again where places or areas changed; the radiuses without any."""
        if not self._moved:
            return ()
        markets = sorted(self._moved)
        configuration_places.derive_radius_postal_codes(self._conn, markets)
        return configuration_places.empty_radiuses(self._conn, markets)

    def _secret(self, buyer: Buyer) -> str | None:
        fingerprint = buyer.webhook_secret_sha256
        if fingerprint is None:
            return buyer.webhook_secret
        return buyers.secret_of_fingerprint(self._conn, email=buyer.email, fingerprint=fingerprint)

    def _buyer(self, buyer: Buyer, secret: str | None, currency: str) -> int:
        columns = buyer.model_dump(
            exclude={
                "webhook_secret",
                "webhook_secret_sha256",
                "opening_wallet_balance",
                "billing",
                "service_areas",
                "offers",
            }
        )
        row = buyers.upsert_buyer(
            self._conn,
            **columns,
            webhook_secret=secret,
            currency=currency,
            billing=stored(buyer.billing) or "{}",
        )
        buyer_id = self._ledger.written("buyer", buyer.name, row)
        if buyer.opening_wallet_balance is not None:
            self._wallet(buyer.name, buyer_id, buyer.opening_wallet_balance, currency)
        return buyer_id

    def _wallet(self, buyer: str, buyer_id: int, balance: Decimal, currency: str) -> None:
        if open_wallet(self._conn, buyer_id, balance, currency, self._occasion):
            self._ledger.created("wallet", buyer, buyer_id, {"balance": str(balance)}, f"with {balance}")
        else:
            self._ledger.unchanged("wallet", buyer)

    def _enrollment(self, buyer: Buyer, enrollment: Enrollment, offer_id: int) -> None:
        row = buyers.upsert_enrollment(
            self._conn,
            **enrollment.model_dump(exclude={"offer", "filter", "consent", "delivery", "returns"}),
            filter=stored(enrollment.filter),
            consent=stored(enrollment.consent),
            delivery=stored(enrollment.delivery),
            returns=stored(enrollment.returns),
            buyer_id=self._buyer_ids[buyer.email],
            offer_id=offer_id,
        )
        self._ledger.written("enrollment", f"{buyer.name} in {enrollment.offer}", row)

    def _areas(self, buyer: Buyer, market: str, market_id: int) -> None:
        buyer_id = self._buyer_ids[buyer.email]
        if (buyer_id, market_id) in self._served:
            return
        self._served.add((buyer_id, market_id))
        before: set[Area] = configuration_places.active_areas(self._conn, buyer_id=buyer_id, market_id=market_id)
        after: set[Area] = set(buyer.service_areas.areas())
        name = f"{buyer.name} in {market}"
        if before == after:
            self._ledger.unchanged("service areas", name)
            return
        self._moved.add(market_id)
        configuration_places.add_areas(self._conn, buyer_id=buyer_id, market_id=market_id, areas=after - before)
        configuration_places.deactivate_areas(self._conn, buyer_id=buyer_id, market_id=market_id, areas=before - after)
        state = _areas_state(market_id, after)
        if before:
            self._ledger.updated("service areas", name, buyer_id, _areas_state(market_id, before), state)
        else:
            self._ledger.created("service areas", name, buyer_id, state, f"with {_count(after)}")

    def _exclusivities(self, offer: StoredOffer) -> None:
        # Those that are named no more go first: one of them may be the same area in another spelling.
        kept = [exclusivity.area for exclusivity in offer.offer.exclusivities]
        gone = configuration_places.deactivate_exclusivities(self._conn, offer_id=offer.offer_id, keep=kept)
        for exclusivity in offer.offer.exclusivities:
            row = configuration_places.upsert_exclusivity(
                self._conn,
                offer_id=offer.offer_id,
                area=exclusivity.area,
                buyer_id=self._buyer_ids[exclusivity.buyer],
            )
            self._ledger.written("exclusivity", f"{exclusivity.area[1]} for {exclusivity.buyer}", row)
        self._ledger.deactivated("exclusivity", gone)


_UNKNOWN_FINGERPRINT = (
    "has no stored secret of this fingerprint: write webhook_secret with the secret itself, "
    "or leave both out for webhooks that are not signed"
)

_SCOPES = {"postal_code": "postal_codes", "city": "cities", "region": "regions", "radius": "radius"}


def _areas_state(market_id: int, areas: set[Area]) -> dict[str, object]:
    """The areas as the files define them; a kind of area without any is an empty list."""
    values = {name: sorted(value for scope, value in areas if scope == kind) for kind, name in _SCOPES.items()}
    return {"market_id": market_id, **values, "whole_market": True if WHOLE_MARKET in areas else None}


def _written(places: Coordinates) -> dict[str, str]:
    return {postal_code: f"{latitude}, {longitude}" for postal_code, (latitude, longitude) in places.items()}


def _count(places: Sized) -> str:
    return "1 place" if len(places) == 1 else f"{len(places)} places"
