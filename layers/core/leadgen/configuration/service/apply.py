"""Applies configuration files to the database: in one transaction, and idempotently."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from psycopg import Connection

from leadgen.configuration.domain import checks, old_words
from leadgen.configuration.domain import files as configuration_files
from leadgen.configuration.domain.files import ConfigurationFile
from leadgen.configuration.domain.yaml_reader import Location, Problem
from leadgen.configuration.service import apply_policies, export
from leadgen.configuration.service.apply_buyers import BuyerWriter
from leadgen.configuration.service.apply_offers import OfferWriter, StoredOffer
from leadgen.configuration.service.apply_parties import Occasion, PartyWriter
from leadgen.configuration.service.apply_policies import PolicyWriter
from leadgen.configuration.service.changes import Application, Change, Ledger, recorded, summary
from leadgen.configuration.store import buyers as configuration_buyers
from leadgen.configuration.store import offers as configuration_offers
from leadgen.configuration.store import parties as configuration_parties
from leadgen.configuration.store import places as configuration_places
from leadgen.configuration.store import policies as configuration_policies
from leadgen.configuration.store import sources, versions
from leadgen.configuration.store.places import EmptyRadius
from leadgen.platform import clock
from leadgen.platform.settings import Settings
from leadgen.terminal.command import actor

_THRESHOLD = "DEFAULT_INVOICE_THRESHOLD"


class ConfigurationInvalid(Exception):
    """The files cannot be applied, and nothing was. ``problems`` holds all there are, the message a line for each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def apply_files(conn: Connection[Any], paths: Sequence[Path], environ: Mapping[str, str]) -> list[Change]:
    """Apply the files together; every object of them and what became of it. As ``application``."""
    return list(application(conn, paths, environ).changes)


def application(
    conn: Connection[Any], paths: Sequence[Path], environ: Mapping[str, str], *, plan: bool = False
) -> Application:
    """Apply the files together. With ``plan`` all is undone: what would be changed is reported, and nothing is.

    ``environ`` is what ``${NAME}`` in the files stands for. Sources, enrollments, service areas and exclusivities that
    the files no longer name are deactivated; nothing is deleted. Leads that wait for a buyer of the files' offers are
    tried again if anything changed. Raises ConfigurationInvalid.
    """
    files, problems = configuration_files.load(paths, environ)
    threshold, found = default_invoice_threshold(environ)
    if problems or found:
        raise ConfigurationInvalid([*problems, *checks.contradictions(files), *found])
    task = Task(files, threshold, actor(environ), clock.now())
    with conn.transaction(force_rollback=plan):
        # Two applications at once take turns, so that what one finds is what it changes.
        configuration_offers.take_turns(conn)
        return carry_out(conn, task)


@dataclass(frozen=True)
class Task:
    """Files to apply, on whose behalf. With ``rolls_back_to`` they are all there was at that version: offers that they
    do not name are ended.
    """

    files: Sequence[ConfigurationFile]
    default_invoice_threshold: Decimal
    applied_by: str
    now: datetime
    rolls_back_to: int | None = None


def carry_out(conn: Connection[Any], task: Task) -> Application:
    """Apply within the caller's transaction and turn. Raises ConfigurationInvalid, and then all must be undone."""
    problems = checks.contradictions(task.files)
    if problems:
        raise ConfigurationInvalid(problems)
    found = export.files(conn) if versions.latest(conn) is None else []
    ledger = Ledger()
    offers = _write(conn, task, ledger)
    changes = ledger.changes(_names(conn, ledger.ids()))
    offer_ids = [offer.offer_id for offer in offers]
    unnamed = tuple(configuration_offers.offers_beside(conn, offer_ids))
    notices = tuple(notice for file in task.files for notice in old_words.notices(file.document))
    if not ledger.has_changes:
        return Application(changes, 0, None, unnamed, notices)
    configuration_offers.audit(conn, ledger.entries())
    waiting = configuration_offers.try_waiting_leads_again(conn, offer_ids)
    if found:
        _record(conn, task.applied_by, "as it was before its history was kept", (), found, None)
    summary_line = summary(changes)
    if task.rolls_back_to is not None:
        summary_line = f"rollback to {task.rolls_back_to}: {summary_line}"
    number = _record(conn, task.applied_by, summary_line, changes, export.files(conn), task.rolls_back_to)
    return Application(changes, waiting, number, unnamed, notices)


def _record(
    conn: Connection[Any],
    applied_by: str,
    summary_line: str,
    changes: Sequence[Change],
    snapshot: Sequence[export.ExportedFile],
    rolled_back_to: int | None,
) -> int:
    return versions.record(
        conn,
        applied_by=applied_by,
        summary=summary_line,
        changes=[recorded(change) for change in changes if change.outcome != "unchanged"],
        snapshot=[file.plain() for file in snapshot],
        rolled_back_to=rolled_back_to,
    )


def _write(conn: Connection[Any], task: Task, ledger: Ledger) -> list[StoredOffer]:
    """Write everything. Raises ConfigurationInvalid with all that the database has against it."""
    files = task.files
    offers = OfferWriter(conn, ledger, task.default_invoice_threshold)
    buyers = BuyerWriter(conn, ledger, Occasion(task.applied_by, task.now))
    policies, parties = PolicyWriter(conn, ledger), PartyWriter(conn, ledger)
    offers.write_markets(files)
    problems = [*_other_currencies(conn, files), *parties.other_currencies(files)]
    if problems:  # the database would not let go on: money keeps its currency
        raise ConfigurationInvalid(problems)
    buyers.lock(files)
    parties.write(files)
    problems += buyers.write_buyers(files)
    problems += policies.write(files)
    stored = offers.write_offers(files, policies)
    offer_ids = [offer.offer_id for offer in stored]
    if task.rolls_back_to is not None:
        _end_others(conn, ledger, offer_ids)
    problems += _elsewhere(conn, files, offer_ids)
    offers.write_sources(stored, parties.publisher_ids)
    for offer in stored:
        buyers.write_places(offer.file.configuration.market, offer.market_id)
        buyers.write_parts(offer)
    problems += _without_places(files, buyers.derive_areas())
    problems += apply_policies.strangers(conn, files, offer_ids)
    problems += _ambiguous(conn, files)
    if problems:
        raise ConfigurationInvalid(problems)
    return stored


def _end_others(conn: Connection[Any], ledger: Ledger, offer_ids: Sequence[int]) -> None:
    ledger.deactivated("offer", configuration_offers.deactivate_other_offers(conn, keep=offer_ids))
    ledger.deactivated("source", sources.deactivate_sources_elsewhere(conn, keep_offers=offer_ids))
    ledger.deactivated("enrollment", configuration_buyers.deactivate_enrollments_elsewhere(conn, keep_offers=offer_ids))
    ledger.deactivated(
        "exclusivity", configuration_places.deactivate_exclusivities_elsewhere(conn, keep_offers=offer_ids)
    )


def _names(conn: Connection[Any], ids: Collection[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """What the ids that changes speak of are the ids of."""
    lookups = {
        "validation_policy_id": configuration_policies.names_of_validation_policies,
        "routing_policy_id": configuration_policies.names_of_routing_policies,
        "offer_id": configuration_offers.names_of_offers,
        "buyer_id": configuration_buyers.emails_by_id,
        "publisher_id": configuration_parties.names_of_publishers,
    }
    return {
        (column, row_id): name
        for column, lookup in lookups.items()
        if any(of == column for of, _ in ids)
        for row_id, name in lookup(conn, [row_id for of, row_id in ids if of == column]).items()
    }


def _without_places(files: Sequence[ConfigurationFile], radiuses: Sequence[EmptyRadius]) -> Iterator[Problem]:
    """Radiuses of buyers whom the files do not name, around places that the market has no more."""
    for radius in radiuses:
        file = next(file for file in files if file.configuration.market.name == radius.market)
        yield file.problem(
            ("market", "places"), f"lacks the center of {radius.scope_value!r}, where {radius.buyer} takes leads"
        )


def _elsewhere(
    conn: Connection[Any], files: Sequence[ConfigurationFile], offer_ids: Sequence[int]
) -> Iterator[Problem]:
    """A source moves only between offers that are applied together: a key taken by mistake would redirect its leads."""
    places = _source_keys(files)
    for row in sources.sources_of_other_offers(conn, source_keys=list(places), offer_ids=offer_ids):
        file, location = places[row.source_key]
        yield file.problem(
            location, f"{row.source_key} is an active source of {row.offer!r} in {row.market!r}; choose another key"
        )


def _ambiguous(conn: Connection[Any], files: Sequence[ConfigurationFile]) -> Iterator[Problem]:
    places = _source_keys(files)
    for row in sources.shared_mappings(conn, source_keys=list(places)):
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
    for row in configuration_buyers.buyers_bound_to_currency(conn, emails=list(places), currencies=currencies):
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


def default_invoice_threshold(environ: Mapping[str, str]) -> tuple[Decimal, list[Problem]]:
    # The one setting that configuration needs. Reading them all would require a secret key and more.
    written = environ.get(_THRESHOLD) or Settings.model_fields["default_invoice_threshold"].default
    try:
        threshold = Decimal(written)
    except InvalidOperation:
        threshold = Decimal("NaN")
    if threshold.is_finite() and threshold >= 0:
        return threshold, []
    return threshold, [Problem("the environment", None, _THRESHOLD, "must be an amount such as 500.00")]
