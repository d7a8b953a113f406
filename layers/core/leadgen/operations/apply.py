"""Make the database say what configuration files say: in one transaction, and however often it is done."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from psycopg import Connection

from leadgen.adapters.settings import Settings
from leadgen.operations import configuration_checks, configuration_files
from leadgen.operations.applied import Change, Ledger
from leadgen.operations.configuration import Buyer, Offer, Source
from leadgen.operations.configuration_files import ConfigurationFile
from leadgen.operations.documents import Location, Problem
from leadgen.store import configuration as store
from leadgen.store import configured_buyers, configured_places, configured_sources


class ConfigurationInvalid(Exception):
    """The files cannot be applied, and nothing was; ``problems`` holds all there are, the message a line for each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def apply_files(conn: Connection[Any], paths: Sequence[Path], environ: Mapping[str, str]) -> list[Change]:
    """Apply the files together; every object of them and what became of it.

    ``environ`` is what ``${NAME}`` in the files stands for. Sources, enrolments, service areas and exclusivities that
    the files no longer name are deactivated; nothing is deleted. Raises ConfigurationInvalid.
    """
    files, problems = configuration_files.load(paths, environ)
    problems += configuration_checks.contradictions(files)
    if problems:
        raise ConfigurationInvalid(problems)
    application = _Application(conn, files, _default_invoice_threshold(environ))
    with conn.transaction():
        application.run()
    return application.ledger.changes


def _default_invoice_threshold(environ: Mapping[str, str]) -> Decimal:
    # The one setting that configuration needs: applying asks for no others, such as a secret key.
    variable = "DEFAULT_INVOICE_THRESHOLD"
    written = environ.get(variable) or Settings.model_fields["default_invoice_threshold"].default
    try:
        threshold = Decimal(written)
    except InvalidOperation:
        threshold = Decimal("NaN")
    if not threshold.is_finite() or threshold < 0:
        raise ConfigurationInvalid([Problem("the environment", 0, variable, "must be an amount such as 500.00")])
    return threshold


class _Application:
    """One run over files that are sound in themselves, in the caller's transaction."""

    def __init__(self, conn: Connection[Any], files: Sequence[ConfigurationFile], invoice_threshold: Decimal) -> None:
        self.ledger = Ledger()
        self._conn = conn
        self._files = files
        self._invoice_threshold = invoice_threshold
        self._market_ids: dict[str, int] = {}
        self._vertical_ids: dict[str, int] = {}
        self._policy_ids: dict[tuple[str, str], int] = {}
        self._offer_ids: dict[tuple[int, int], int] = {}  # by the file's and the offer's position
        self._buyer_ids: dict[str, int] = {}

    def run(self) -> None:
        """Write everything, then end what the files no longer name. Raises ConfigurationInvalid."""
        store.take_turns(self._conn)
        for file in self._files:
            self._write_market_and_vertical(file)
        problems = self._currency_problems()
        for number, file in enumerate(self._files):
            for position, offer in enumerate(file.configuration.offers):
                self._offer_ids[number, position] = self._write_offer(file, offer)
        problems += self._ownership_problems()
        self._write_buyers()
        for number, file in enumerate(self._files):
            for position, offer in enumerate(file.configuration.offers):
                self._write_parts(file, offer, self._offer_ids[number, position])
            self._write_service_areas(file)
        problems += self._mapping_problems()
        if problems:
            raise ConfigurationInvalid(problems)
        if self.ledger.entries:
            store.audit(self._conn, self.ledger.entries)

    def _write_market_and_vertical(self, file: ConfigurationFile) -> None:
        market, vertical = file.configuration.market, file.configuration.vertical
        if market.name not in self._market_ids:
            row = store.upsert_market(self._conn, **market.model_dump())
            self._market_ids[market.name] = self.ledger.written("market", market.name, row)
        if vertical.slug not in self._vertical_ids:
            row = store.upsert_vertical(self._conn, **vertical.model_dump())
            self._vertical_ids[vertical.slug] = self.ledger.written("vertical", vertical.slug, row)

    def _write_offer(self, file: ConfigurationFile, offer: Offer) -> int:
        market, vertical = file.configuration.market, file.configuration.vertical
        threshold = self._invoice_threshold if offer.invoice_threshold is None else offer.invoice_threshold
        row = store.upsert_offer(
            self._conn,
            market_id=self._market_ids[market.name],
            vertical_id=self._vertical_ids[vertical.slug],
            name=offer.name,
            is_active=offer.is_active,
            price=offer.price,
            invoice_threshold=threshold,
            validation_policy_id=self._validation_policy(offer),
            routing_policy_id=self._routing_policy(offer),
        )
        return self.ledger.written("offer", f"{offer.name}, {market.name}", row)

    def _validation_policy(self, offer: Offer) -> int:
        kind, policy = "validation policy", offer.validation_policy
        if (kind, policy.name) not in self._policy_ids:
            rules = json.dumps(policy.rules.model_dump(mode="json", exclude_unset=True))
            row = store.store_validation_policy(self._conn, name=policy.name, rules=rules)
            self._policy_ids[kind, policy.name] = self.ledger.versioned(kind, policy.name, row)
        return self._policy_ids[kind, policy.name]

    def _routing_policy(self, offer: Offer) -> int:
        kind, policy = "routing policy", offer.routing_policy
        if (kind, policy.name) not in self._policy_ids:
            config = json.dumps(policy.config.model_dump(mode="json", exclude_unset=True))
            row = store.store_routing_policy(self._conn, name=policy.name, config=config)
            self._policy_ids[kind, policy.name] = self.ledger.versioned(kind, policy.name, row)
        return self._policy_ids[kind, policy.name]

    def _write_buyers(self) -> None:
        configured_buyers.lock_buyers(self._conn, sorted({buyer.email for _, _, buyer in self._buyers()}))
        for file, _, buyer in self._buyers():
            if buyer.email in self._buyer_ids:
                continue
            columns = buyer.model_dump(exclude={"opening_wallet_balance", "service_areas", "offers"})
            currency = file.configuration.market.currency
            row = configured_buyers.upsert_buyer(self._conn, **columns, currency=currency)
            self._buyer_ids[buyer.email] = self.ledger.written("buyer", buyer.name, row)
            if buyer.opening_wallet_balance is not None:
                self._open_wallet(row.id, buyer.name, buyer.opening_wallet_balance)

    def _open_wallet(self, buyer_id: int, buyer: str, balance: Decimal) -> None:
        if configured_buyers.open_wallet(self._conn, buyer_id=buyer_id, balance=balance):
            self.ledger.replaced("wallet", buyer, buyer_id, None, {"balance": str(balance)}, f"{balance}")
        else:
            self.ledger.unchanged("wallet", buyer)

    def _write_parts(self, file: ConfigurationFile, offer: Offer, offer_id: int) -> None:
        """An offer's sources, enrolments and exclusivities."""
        for source in offer.sources:
            self._write_source(source, offer_id)
        keys = [source.source_key for source in offer.sources]
        self.ledger.deactivated(
            "source", configured_sources.deactivate_sources(self._conn, offer_id=offer_id, keep=keys)
        )
        enrolled = [
            self._write_enrolment(buyer, offer, offer_id)
            for buyer in file.configuration.buyers
            if any(enrolment.offer == offer.name for enrolment in buyer.offers)
        ]
        self.ledger.deactivated(
            "enrolment", configured_buyers.deactivate_enrolments(self._conn, offer_id=offer_id, keep=enrolled)
        )
        for exclusivity in offer.exclusivities:
            buyer_id = self._buyer_ids[exclusivity.buyer]
            row = configured_places.upsert_exclusivity(
                self._conn, offer_id=offer_id, place=exclusivity.place, buyer_id=buyer_id
            )
            self.ledger.written("exclusivity", f"{exclusivity.place[1]} for {exclusivity.buyer}", row)
        places = [exclusivity.place for exclusivity in offer.exclusivities]
        self.ledger.deactivated(
            "exclusivity", configured_places.deactivate_exclusivities(self._conn, offer_id=offer_id, keep=places)
        )
