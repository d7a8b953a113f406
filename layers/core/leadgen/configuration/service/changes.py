"""Collects what an application created, updated or deactivated, for the plan, the history and the audit log."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, get_args

from leadgen.configuration.domain.differences import Difference, contents, differences
from leadgen.configuration.store.offers import AuditEntry, Deactivated, Written
from leadgen.configuration.store.policies import WrittenPolicy

Outcome = Literal["created", "updated", "new version", "deactivated", "unchanged"]
Names = Mapping[tuple[str, int], str]
"""What an id in a column, such as ``offer_id``, is the id of."""


@dataclass(frozen=True)
class Change:
    """An object of the files and what became of it; ``detail`` is what the differences of its fields leave out."""

    kind: str
    name: str
    outcome: Outcome
    detail: str = ""
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class Application:
    """What applying came to. ``number`` is the version's in the history, ``waiting_leads`` how many leads that wait for
    a buyer are tried again; both None and 0 where nothing changed. ``unnamed`` are active offers of the files' markets
    and verticals that no file names: they stay as they are. ``notices`` name words of the files that are others now.
    """

    changes: tuple[Change, ...]
    waiting_leads: int
    number: int | None
    unnamed: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def has_changes(self) -> bool:
        """Whether anything is not as it was."""
        return any(change.outcome != "unchanged" for change in self.changes)


@dataclass(frozen=True)
class _Noted:
    kind: str
    name: str
    outcome: Outcome
    detail: str = ""
    row_id: int = 0
    before: str | None = None
    after: str | None = None

    def states(self) -> tuple[dict[str, Any], ...]:
        """What to show of it: both states of what changed, the one of what is new."""
        if self.outcome == "deactivated":
            return ()
        return tuple(json.loads(state, parse_float=Decimal) for state in (self.before, self.after) if state is not None)


class Ledger:
    """Gathers the changes of one application, in the order they are made."""

    def __init__(self) -> None:
        self._noted: list[_Noted] = []

    @property
    def has_changes(self) -> bool:
        """Whether anything is not as it was."""
        return any(noted.outcome != "unchanged" for noted in self._noted)

    def written(self, kind: str, name: str, row: Written) -> int:
        """Note an upsert; the row's id."""
        if row.after is None:
            self.unchanged(kind, name)
        else:
            outcome: Outcome = "created" if row.before is None else "updated"
            self._noted.append(_Noted(kind, name, outcome, "", row.id, row.before, row.after))
        return row.id

    def versioned(self, kind: str, name: str, policy: WrittenPolicy) -> int:
        """Note what became of a policy; the id of its latest version."""
        if policy.after is None:
            self.unchanged(kind, name)
        else:
            outcome: Outcome = "created" if policy.before is None else "new version"
            detail = f"version {policy.version}"
            self._noted.append(_Noted(kind, name, outcome, detail, policy.id, policy.before, policy.after))
        return policy.id

    def created(self, kind: str, name: str, resource_id: int, after: object, detail: str) -> None:
        """Note something new that is not one row."""
        self._noted.append(_Noted(kind, name, "created", detail, resource_id, None, json.dumps(after)))

    def updated(self, kind: str, name: str, resource_id: int, before: object, after: object) -> None:
        """Note a change of something that is not one row."""
        self._noted.append(_Noted(kind, name, "updated", "", resource_id, json.dumps(before), json.dumps(after)))

    def unchanged(self, kind: str, name: str) -> None:
        """Note what is as the files define it."""
        self._noted.append(_Noted(kind, name, "unchanged"))

    def deactivated(self, kind: str, rows: Sequence[Deactivated]) -> None:
        """Note what the files no longer name."""
        for row in sorted(rows, key=lambda row: row.id):
            before, after = '{"is_active": true}', '{"is_active": false}'
            self._noted.append(_Noted(kind, row.name, "deactivated", "", row.id, before, after))

    def entries(self) -> list[AuditEntry]:
        """The changes for the audit trail."""
        return [
            AuditEntry(
                f"configuration.{'created' if noted.outcome == 'new version' else noted.outcome}",
                noted.kind.replace(" ", "_"),
                noted.row_id,
                noted.before,
                noted.after,
            )
            for noted in self._noted
            if noted.outcome != "unchanged"
        ]

    def ids(self) -> set[tuple[str, int]]:
        """What the changes name by id only: columns, and the ids in them."""
        states = [state for noted in self._noted for state in noted.states()]
        named = {(column, state[column]) for state in states for column in _IDS if state.get(column) is not None}
        return named | {("buyer_id", int(key)) for state in states for key in _weights(state) if key.isdecimal()}

    def changes(self, names: Names) -> tuple[Change, ...]:
        """The changes as a person reads them."""
        return tuple(
            Change(noted.kind, noted.name, noted.outcome, noted.detail, _differences(noted, names))
            for noted in self._noted
        )


# What the files call a column, where that is not its name.
_FIELDS = {
    "default_price_per_lead": "price",
    "price_per_lead": "price",
    "routing_priority": "priority",
    "webhook_url_override": "webhook_url",
    "email_override": "email",
    "sms_override": "sms",
    "validation_policy_id": "validation_policy",
    "routing_policy_id": "routing_policy",
    "offer_id": "offer",
    "buyer_id": "buyer",
    "publisher_id": "publisher",
}
# What the name of a new object states already, or what everything new is.
_GOES_WITHOUT_SAYING = frozenset({
    "name", "email", "slug", "source_key", "scope_type", "scope_value", "market_id", "vertical_id", "offer", "buyer",
    "is_active",
})  # fmt: skip
_IDS = ("validation_policy_id", "routing_policy_id", "offer_id", "buyer_id", "publisher_id")


def _weights(state: Mapping[str, Any]) -> Mapping[str, Any]:
    weights = state.get("weights")
    return weights if isinstance(weights, Mapping) else {}


def _differences(noted: _Noted, names: Names) -> tuple[Difference, ...]:
    match [_in_the_files_words(state, names) for state in noted.states()]:
        case [new]:
            return contents({field: value for field, value in new.items() if field not in _GOES_WITHOUT_SAYING})
        case [before, after]:
            return differences(before, after)
        case _:
            return ()


def _in_the_files_words(state: Mapping[str, Any], names: Names) -> dict[str, Any]:
    fields = {
        _FIELDS.get(column, column): names.get((column, value), value) if column in _IDS else value
        for column, value in state.items()
    }
    if _weights(state):
        fields["weights"] = {
            names.get(("buyer_id", int(key)), key) if key.isdecimal() else key: weight
            for key, weight in _weights(state).items()
        }
    return fields


def summary(changes: Sequence[Change]) -> str:
    """How many objects became what, in one line."""
    counts = Counter(change.outcome for change in changes)
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in get_args(Outcome) if counts[outcome])


def recorded(change: Change) -> dict[str, Any]:
    """A change as the history keeps it, plain JSON."""
    return {
        "kind": change.kind,
        "name": change.name,
        "outcome": change.outcome,
        "detail": change.detail,
        "differences": [[difference.field, difference.change] for difference in change.differences],
    }


def from_record(recorded: Mapping[str, Any]) -> Change:
    """The change that the history keeps."""
    fields = tuple(Difference(field, change) for field, change in recorded["differences"])
    return Change(recorded["kind"], recorded["name"], recorded["outcome"], recorded["detail"], fields)
