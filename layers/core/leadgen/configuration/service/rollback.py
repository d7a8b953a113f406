"""Applies an earlier version of the configuration again, as a new version."""

from collections.abc import Mapping
from typing import Any

from psycopg import Connection

from leadgen.configuration.domain import files as configuration_files
from leadgen.configuration.domain import yaml_reader
from leadgen.configuration.domain.files import ConfigurationFile
from leadgen.configuration.service import apply
from leadgen.configuration.service.apply import ConfigurationInvalid, Task
from leadgen.configuration.service.changes import Application
from leadgen.configuration.service.export import ExportedFile
from leadgen.configuration.store import offers as configuration_offers
from leadgen.configuration.store import state, versions
from leadgen.platform import clock
from leadgen.terminal import command


class NoSuchVersion(Exception):
    """The history has no version of this number."""


def rollback(conn: Connection[Any], number: int, environ: Mapping[str, str], *, plan: bool = False) -> Application:
    """Configure what version ``number`` did. With ``plan`` all is undone: what would change is reported.

    A policy that differed then becomes its next version; offers that were not there, with their sources,
    enrollments and exclusivities, are deactivated. Secrets and money stay as they are now. Raises NoSuchVersion, and
    ConfigurationInvalid if something of then is not allowed any more.
    """
    threshold, found = apply.default_invoice_threshold(environ)
    if found:
        raise ConfigurationInvalid(found)
    with conn.transaction(force_rollback=plan):
        configuration_offers.take_turns(conn)
        snapshot = versions.snapshot(conn, number)
        if snapshot is None:
            raise NoSuchVersion(
                f"there is no version {number} of the configuration: `leadgen config history` lists them"
            )
        files = _files(number, snapshot, _Secrets(conn))
        task = Task(files, threshold, command.actor(environ), clock.now(), rolls_back_to=number)
        return apply.carry_out(conn, task)


class _Secrets:
    """The fingerprints of the secrets there are now."""

    def __init__(self, conn: Connection[Any]) -> None:
        self._webhook = {buyer.email: buyer.webhook_secret_sha256 for buyer in state.buyers(conn)}
        self._api_key = {source.source_key: source.api_key_sha256 for source in state.sources(conn)}

    def put(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """A file's content with these in the place of those it has."""
        offers = [
            {**offer, "sources": [self._source(source) for source in offer.get("sources", ())]}
            for offer in content["offers"]
        ]
        buyers = [
            {**buyer, "webhook_secret_sha256": self._webhook.get(buyer["email"])} for buyer in content.get("buyers", ())
        ]
        return {**content, "offers": offers, "buyers": buyers}

    def _source(self, source: Mapping[str, Any]) -> dict[str, Any]:
        return {**source, "api_key_sha256": self._api_key.get(source["source_key"])}


def _files(number: int, snapshot: list[dict[str, Any]], secrets: _Secrets) -> list[ConfigurationFile]:
    files, problems = [], []
    for kept in snapshot:
        text = ExportedFile(kept["name"], secrets.put(kept["content"])).text()
        document = yaml_reader.parse(text, f"version {number}, {kept['name']}", {})
        configuration, found = configuration_files.parse(document)
        problems += found
        if configuration is not None:
            files.append(ConfigurationFile(document, configuration))
    if problems:
        raise ConfigurationInvalid(problems)
    return files
