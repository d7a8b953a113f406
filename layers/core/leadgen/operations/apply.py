"""Make the database say what configuration files say: in one transaction, and however often it is done."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from psycopg import Connection

from leadgen.adapters.settings import Settings
from leadgen.operations import configuration_checks, configuration_files
from leadgen.operations.applied import Change, Ledger
from leadgen.operations.apply_buyers import BuyerWriter
from leadgen.operations.apply_offers import OfferWriter
from leadgen.operations.configuration_files import ConfigurationFile
from leadgen.operations.documents import Location, Problem
from leadgen.store import configuration as store
from leadgen.store import configured_buyers, configured_sources

_THRESHOLD = "DEFAULT_INVOICE_THRESHOLD"


class ConfigurationInvalid(Exception):
    """The files cannot be applied, and nothing was. ``problems`` holds all there are, the message a line for each."""

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
    threshold, found = _default_invoice_threshold(environ)
    if problems or found:
        raise ConfigurationInvalid([*problems, *found])
    ledger = Ledger()
    with conn.transaction():
        # Two applications at once take turns, so that what one finds is what it changes.
        store.take_turns(conn)
        problems = _write(conn, files, ledger, threshold)
        if problems:
            raise ConfigurationInvalid(problems)
        if ledger.entries:
            store.audit(conn, ledger.entries)
    return ledger.changes


def _write(
    conn: Connection[Any], files: Sequence[ConfigurationFile], ledger: Ledger, threshold: Decimal
) -> list[Problem]:
    """Write everything; what the database has against it, in which case all of it must be undone."""
    offers, buyers = OfferWriter(conn, ledger, threshold), BuyerWriter(conn, ledger)
    stored = [offer for file in files for offer in offers.write(file)]
    problems = [
        *_elsewhere(conn, files, [offer.offer_id for offer in stored]),
        *_other_currencies(conn, files),
    ]
    offers.write_sources(stored)
    buyers.write_buyers(files)
    for offer in stored:
        buyers.write_parts(offer)
    return [*problems, *_ambiguous(conn, files)]


def _elsewhere(
    conn: Connection[Any], files: Sequence[ConfigurationFile], offer_ids: Sequence[int]
) -> Iterator[Problem]:
    """A source moves only between offers that are applied together: a key taken by mistake would redirect its leads."""
    places = _source_keys(files)
    for row in configured_sources.sources_of_other_offers(conn, source_keys=list(places), offer_ids=offer_ids):
        file, location = places[row.source_key]
        yield file.problem(
            location, f"{row.source_key} is an active source of {row.offer!r} in {row.market!r}; choose another key"
        )


def _ambiguous(conn: Connection[Any], files: Sequence[ConfigurationFile]) -> Iterator[Problem]:
    places = _source_keys(files)
    for row in configured_sources.shared_mappings(conn, source_keys=list(places)):
        file, location = places[row.source_key]
        yield file.problem(
            (*location[:-1], "hostname"),
            f"posts to {row.hostname}{row.path_prefix or ''} could not be told from those of {row.other_key}, "
            "an active source of the same hostname and path_prefix",
        )


def _other_currencies(conn: Connection[Any], files: Sequence[ConfigurationFile]) -> Iterator[Problem]:
    places = {
        buyer.email: (file, ("buyers", position, "email"))
        for file in files
        for position, buyer in enumerate(file.configuration.buyers)
    }
    currencies = [file.configuration.market.currency for file, _ in places.values()]
    for row in configured_buyers.buyers_bound_to_currency(conn, emails=list(places), currencies=currencies):
        file, location = places[row.email]
        yield file.problem(
            location, f"{row.email} is billed in {row.currency}; a market in another currency needs another address"
        )


def _source_keys(files: Sequence[ConfigurationFile]) -> dict[str, tuple[ConfigurationFile, Location]]:
    return {
        source.source_key: (file, ("offers", position, "sources", at, "source_key"))
        for file in files
        for position, offer in enumerate(file.configuration.offers)
        for at, source in enumerate(offer.sources)
    }


def _default_invoice_threshold(environ: Mapping[str, str]) -> tuple[Decimal, list[Problem]]:
    # The one setting that configuration needs. Reading them all would ask for a secret key and more.
    written = environ.get(_THRESHOLD) or Settings.model_fields["default_invoice_threshold"].default
    try:
        threshold = Decimal(written)
    except InvalidOperation:
        threshold = Decimal("NaN")
    if threshold.is_finite() and threshold >= 0:
        return threshold, []
    return threshold, [Problem("the environment", None, _THRESHOLD, "must be an amount such as 500.00")]
