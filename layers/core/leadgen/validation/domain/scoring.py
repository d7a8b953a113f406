"""Lead scoring: adds up the points of the conditions that a lead meets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from leadgen.leads.domain import conditions
from leadgen.leads.domain.conditions import Observed
from leadgen.validation.domain.policy import LeadScoring

Level = Literal["pass", "flag", "review", "reject"]


SEVEREST_FIRST: tuple[Level, ...] = ("reject", "review", "flag")


@dataclass(frozen=True)
class Score:
    """A score, the points of each part of it, and the thresholds it is held against, by what they lead to."""

    total: int
    parts: Mapping[str, int]
    limits: Mapping[str, int]
    level: Level

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {points}" for name, points in self.parts.items())
        return f"{self.total} ({parts or 'no part counts'})"


def scored(base: int, parts: Mapping[str, int], limits: Sequence[tuple[str, int | None]], *, rises: bool) -> Score:
    """Add up. ``limits`` are the thresholds to flag, hold and reject; a score ``rises`` to them or falls below."""
    total = base + sum(parts.values())
    reached: dict[Level, bool] = {
        level: limit is not None and (total >= limit if rises else total < limit)
        for level, (_, limit) in zip(reversed(SEVEREST_FIRST), limits, strict=True)
    }
    level: Level = next((level for level in SEVEREST_FIRST if reached[level]), "pass")
    return Score(total, parts, {name: limit for name, limit in limits if limit is not None}, level)


def score(scoring: LeadScoring, observed: Observed) -> Score:
    """The score of a lead, with the parts it meets."""
    met = {part.name: part.points for part in scoring.parts if conditions.holds(part.when, observed)}
    limits = [(name, getattr(scoring, name)) for name in ("flag_below", "review_below", "reject_below")]
    return scored(scoring.base, met, limits, rises=False)
