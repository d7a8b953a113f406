"""Applies policies: a changed policy becomes its next version; an offer may keep an earlier one."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psycopg import Connection

from leadgen.configuration.domain.files import ConfigurationFile
from leadgen.configuration.domain.model import RoutingConfig, ValidationRules
from leadgen.configuration.domain.yaml_reader import Location, Problem
from leadgen.configuration.service.changes import Ledger
from leadgen.configuration.store import buyers
from leadgen.configuration.store import policies as configuration_policies
from leadgen.configuration.store.policies import PolicyVersion, WrittenPolicy
from leadgen.leads.domain import normalization
from leadgen.routing.domain.policy import Weighted

_Key = tuple[str, str, int | None]


class PolicyWriter:
    """What several offers name is written once: they agree on it. Weights are stored by the buyers' ids."""

    def __init__(self, conn: Connection[Any], ledger: Ledger) -> None:
        self._conn = conn
        self._ledger = ledger
        self._ids: dict[_Key, int] = {}

    def id(self, policy: ValidationRules | RoutingConfig) -> int:
        """The row of a policy that was written."""
        return self._ids[_key(policy)]

    def write(self, files: Sequence[ConfigurationFile]) -> list[Problem]:
        """Write every policy; what is wrong with the versions that are named."""
        emails = [_address(written) for *_, config in _weighted(files) for written in config.weights]
        buyer_ids = buyers.ids_by_email(self._conn, emails)
        problems = []
        # Versions that are named first, in their order: where none of them is stored yet, the latest comes after them.
        policies = sorted(_policies(files), key=lambda entry: (entry[2].version is None, entry[2].version or 0))
        for file, location, policy in policies:
            if _key(policy) not in self._ids:
                content = _content(policy, buyer_ids)
                if not self._keep(policy, content):
                    self._ids[_key(policy)] = self._store(policy, content)
                    if policy.version is not None:
                        problems.append(file.problem((*location, "version"), _NO_SUCH_VERSION.format(policy)))
        return problems

    def _keep(self, policy: ValidationRules | RoutingConfig, content: str) -> bool:
        """Stay with the version that is named; whether there is one that is the same."""
        kept: PolicyVersion | None
        match policy:
            case _ if policy.version is None:
                return False
            case ValidationRules():
                kept = configuration_policies.keep_validation_policy(
                    self._conn, name=policy.name, version=policy.version, rules=content
                )
            case RoutingConfig():
                kept = configuration_policies.keep_routing_policy(
                    self._conn,
                    name=policy.name,
                    version=policy.version,
                    config=content,
                    config_of_before=_in_old_words(content),
                )
        if kept is None or not kept.is_same:
            return False
        after = content if kept.is_new else None
        row = WrittenPolicy(kept.id, None if kept.is_new else content, after, policy.version)
        self._ids[_key(policy)] = self._ledger.versioned(_kind(policy), policy.name, row)
        return True

    def _store(self, policy: ValidationRules | RoutingConfig, content: str) -> int:
        match policy:
            case ValidationRules():
                row = configuration_policies.store_validation_policy(self._conn, name=policy.name, rules=content)
            case RoutingConfig():
                row = configuration_policies.store_routing_policy(
                    self._conn, name=policy.name, config=content, config_of_before=_in_old_words(content)
                )
        return self._ledger.versioned(_kind(policy), policy.name, row)


_NO_SUCH_VERSION = (
    "{0.name!r} has no stored version {0.version} that says this; leave version out to store it as the next one"
)


def strangers(conn: Connection[Any], files: Sequence[ConfigurationFile], offer_ids: Sequence[int]) -> Iterator[Problem]:
    """Weights of buyers who are enrolled in no offer that uses the policy, in the files or elsewhere."""
    enrolled = {
        (offer.routing_policy.name, buyer.email)
        for file in files
        for offer in file.configuration.offers
        for buyer in file.configuration.buyers
        if any(enrollment.offer == offer.name for enrollment in buyer.offers)
    }
    weighted = list(_weighted(files))
    names = [policy.name for _, _, policy, _ in weighted]
    enrolled |= buyers.members_of_policies(conn, names=names, but_offers=offer_ids)
    for file, location, policy, config in weighted:
        members = sorted(email for name, email in enrolled if name == policy.name)
        finding = (
            f"is enrolled in no offer that uses the policy {policy.name!r}; there are {', '.join(members) or 'none'}"
        )
        seen: set[str] = set()
        for written in config.weights:
            email = _address(written)
            here = (*location, "config", "weights", written)
            if email not in members:
                yield file.problem(here, f"{written} {finding}")
            if email in seen:
                yield file.problem(here, f"{email} has a weight already")
            seen.add(email)


def _policies(
    files: Sequence[ConfigurationFile],
) -> Iterator[tuple[ConfigurationFile, Location, ValidationRules | RoutingConfig]]:
    for file in files:
        for position, offer in enumerate(file.configuration.offers):
            yield file, ("offers", position, "validation_policy"), offer.validation_policy
            yield file, ("offers", position, "routing_policy"), offer.routing_policy


def _weighted(
    files: Sequence[ConfigurationFile],
) -> Iterator[tuple[ConfigurationFile, Location, RoutingConfig, Weighted]]:
    for file, location, policy in _policies(files):
        if isinstance(policy, RoutingConfig) and isinstance(policy.config, Weighted):
            yield file, location, policy, policy.config


def _kind(policy: ValidationRules | RoutingConfig) -> str:
    return "validation policy" if isinstance(policy, ValidationRules) else "routing policy"


def _key(policy: ValidationRules | RoutingConfig) -> _Key:
    return _kind(policy), policy.name, policy.version


def _content(policy: ValidationRules | RoutingConfig, buyer_ids: Mapping[str, int]) -> str:
    """The policy as it is stored, JSON text."""
    if isinstance(policy, ValidationRules):
        return json.dumps(policy.rules.model_dump(mode="json", exclude_unset=True))
    config = policy.config.model_dump(mode="json", exclude_unset=True)
    if isinstance(policy.config, Weighted):
        # An address that is nobody's stays: it is reported as a problem once everything is written.
        addresses = {written: _address(written) for written in policy.config.weights}
        config["weights"] = {
            str(buyer_ids.get(addresses[written], written)): weight for written, weight in policy.config.weights.items()
        }
    return json.dumps(config)


def _in_old_words(config: str) -> str:
    """A routing policy's JSON text as it was stored before ``refusal`` became ``rejection``."""
    fields = json.loads(config)
    return json.dumps({"refusal" if name == "rejection" else name: value for name, value in fields.items()})


def _address(written: str) -> str:
    return normalization.email(written) or written
