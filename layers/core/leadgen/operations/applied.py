"""What applying configuration changed: told to the operator and to the audit trail in the same words."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from leadgen.store.configuration import AuditEntry, Deactivated, Written, WrittenPolicy

Outcome = Literal["created", "updated", "new version", "deactivated", "unchanged"]


@dataclass(frozen=True)
class Change:
    """An object of the files and what became of it; ``detail`` says which fields, or which version."""

    kind: str
    name: str
    outcome: Outcome
    detail: str = ""


class Ledger:
    """Gathers the changes of one application, in the order they are made."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.entries: list[AuditEntry] = []

    def written(self, kind: str, name: str, row: Written) -> int:
        """Note an upsert; the row's id."""
        if row.after is None:
            self.changes.append(Change(kind, name, "unchanged"))
        elif row.before is None:
            self._note(kind, name, "created", row.id, None, row.after)
        else:
            fields = ", ".join(_differing(row.before, row.after))
            self._note(kind, name, "updated", row.id, row.before, row.after, fields)
        return row.id

    def versioned(self, kind: str, name: str, policy: WrittenPolicy) -> int:
        """Note what became of a policy; the id of its latest version."""
        if policy.after is None or policy.before is None:
            return self.written(kind, name, policy)
        self._note(kind, name, "new version", policy.id, policy.before, policy.after, str(policy.version))
        return policy.id

    def created(self, kind: str, name: str, resource_id: int, after: object, detail: str) -> None:
        """Note something new that is not one row."""
        self._note(kind, name, "created", resource_id, None, json.dumps(after), detail)

    def updated(self, kind: str, name: str, resource_id: int, before: object, after: object, detail: str) -> None:
        """Note a change of something that is not one row."""
        self._note(kind, name, "updated", resource_id, json.dumps(before), json.dumps(after), detail)

    def unchanged(self, kind: str, name: str) -> None:
        """Note what is as the files say."""
        self.changes.append(Change(kind, name, "unchanged"))

    def deactivated(self, kind: str, rows: Sequence[Deactivated]) -> None:
        """Note what the files no longer name."""
        for row in rows:
            self._note(kind, row.name, "deactivated", row.id, '{"is_active": true}', '{"is_active": false}')

    def _note(
        self, kind: str, name: str, outcome: Outcome, row_id: int, before: str | None, after: str, detail: str = ""
    ) -> None:
        action = "created" if outcome == "new version" else outcome
        self.changes.append(Change(kind, name, outcome, detail))
        self.entries.append(AuditEntry(f"configuration.{action}", kind.replace(" ", "_"), row_id, before, after))


def _differing(before: str, after: str) -> list[str]:
    old, new = (json.loads(state, parse_float=Decimal) for state in (before, after))
    return [field for field in new if old.get(field) != new[field]]
