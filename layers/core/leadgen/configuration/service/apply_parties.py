"""Applies the seller, the publishers, and buyers' opening balances."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection

from leadgen.configuration.domain.files import ConfigurationFile
from leadgen.configuration.domain.yaml_reader import Location, Problem
from leadgen.configuration.service.changes import Ledger
from leadgen.configuration.store import buyers, parties
from leadgen.kernel.model import Model
from leadgen.ledger import store as ledger_store
from leadgen.ledger.domain import Transaction, entries


@dataclass(frozen=True)
class Occasion:
    """Who applies the files, and when."""

    actor: str
    now: datetime


class PartyWriter:
    """One that several files define is written once: they agree on it."""

    def __init__(self, conn: Connection[Any], ledger: Ledger) -> None:
        self._conn = conn
        self._ledger = ledger
        self.publisher_ids: dict[str, int] = {}

    def write(self, files: Sequence[ConfigurationFile]) -> None:
        """Write the seller, if a file names it, and the publishers, whose currencies are known to be right. The buyers
        are locked.
        """
        seller = next((file.configuration.seller for file in files if file.configuration.seller is not None), None)
        if seller is not None:
            row = parties.upsert_seller(self._conn, stored(seller) or "{}")
            self._ledger.written("seller", seller.legal_name, row)
        names = [publisher.name for file in files for publisher in file.configuration.publishers]
        parties.lock_publishers(self._conn, names)
        for file in files:
            for publisher in file.configuration.publishers:
                if publisher.name not in self.publisher_ids:
                    row = parties.upsert_publisher(
                        self._conn, **publisher.model_dump(), currency=file.configuration.market.currency
                    )
                    self.publisher_ids[publisher.name] = self._ledger.written("publisher", publisher.name, row)

    def other_currencies(self, files: Sequence[ConfigurationFile]) -> Iterator[Problem]:
        """The publishers whose currency would change and cannot."""
        places: dict[str, tuple[ConfigurationFile, Location]] = {}
        for file in files:
            for position, publisher in enumerate(file.configuration.publishers):
                places.setdefault(publisher.name, (file, ("publishers", position, "name")))
        bound = parties.publishers_bound_to_currency(
            self._conn,
            names=list(places),
            currencies=[file.configuration.market.currency for file, _ in places.values()],
        )
        for row in bound:
            file, location = places[row.name]
            yield file.problem(
                location, f"{row.name} is paid in {row.currency}; in a market of another currency it needs another name"
            )


def open_wallet(conn: Connection[Any], buyer_id: int, balance: Decimal, currency: str, occasion: Occasion) -> bool:
    """Post what a locked buyer has prepaid already, if that is something, its wallet was never opened and nothing ever
    moved in it; whether that was so.
    """
    opening = Transaction(
        key=f"opening_wallet:{buyer_id}",
        kind="opening",
        currency=currency,
        occurred_at=occasion.now,
        actor=occasion.actor,
        entries=entries(("opening", "wallet", balance)),
        buyer_id=buyer_id,
    )
    if balance == 0 or buyers.has_had_prepaid_money(conn, buyer_id=buyer_id):
        return False
    ledger_store.post(conn, [opening])
    return True


def stored(part: Model | None) -> str | None:
    """A part of a file as its column has it: a JSON text of the fields that were given; None where there is none."""
    return None if part is None else json.dumps(part.model_dump(mode="json", exclude_unset=True))
