"""A decision's inputs as they would be with the changes that an explanation names."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from leadgen.explanation.domain import condition_changes
from leadgen.explanation.domain.condition_changes import AnswerChange
from leadgen.explanation.domain.counterfactuals import Change
from leadgen.kernel import calendar
from leadgen.kernel.calendar import Period
from leadgen.leads.domain.consent import Evidence
from leadgen.routing.domain.decision import Facts
from leadgen.routing.domain.inputs import RoutingInputs
from leadgen.routing.domain.policy import RoutingPolicy
from leadgen.routing.domain.strategies import Candidate


def with_changes(inputs: RoutingInputs, buyer_id: int, changes: Sequence[Change]) -> RoutingInputs:
    """The decision's inputs as they would be with these changes of a buyer's."""
    for change in changes:
        inputs = _with_change(inputs, buyer_id, change)
    return inputs


def _with_change(inputs: RoutingInputs, buyer_id: int, change: Change) -> RoutingInputs:
    if change.rule == "acceptance_hours":
        return replace(inputs, policy=_opened(inputs.policy, *change.to))
    return replace(inputs, facts=_facts_with_change(inputs.facts, buyer_id, change))


def _opened(policy: RoutingPolicy, day: calendar.Day, start: str, end: str) -> RoutingPolicy:
    hours = dict(policy.acceptance_hours or {})
    hours[day] = (*hours.get(day, ()), (start, end))
    return policy.model_copy(update={"acceptance_hours": hours})


def _facts_with_change(facts: Facts, buyer_id: int, change: Change) -> Facts:
    if change.rule == "assigned":
        return replace(facts, assigned_to=change.to)
    if change.rule == "consent":
        return replace(facts, evidence=_evidenced(facts.evidence, change))
    if isinstance(change.to, AnswerChange):
        return replace(facts, observed=condition_changes.with_changes(facts.observed, [change.to]))
    return replace(
        facts,
        candidates=tuple(
            _candidate_with_change(candidate, change) if candidate.enrollment.buyer_id == buyer_id else candidate
            for candidate in facts.candidates
        ),
    )


def _evidenced(evidence: Evidence, change: Change) -> Evidence:
    match change.field:
        case "consent":
            return replace(evidence, given=change.to)
        case "consent_text":
            return replace(evidence, text=True, contains=tuple(sorted({*evidence.contains, change.to})))
        case "consent_at":
            return replace(evidence, at=change.to)
        case _:
            return replace(evidence, certificate_host=change.to)


def _candidate_with_change(candidate: Candidate, change: Change) -> Candidate:
    enrollment = candidate.enrollment
    kind, _, of = change.rule.partition("_per_")
    period = cast(Period, of)
    if change.field == "wallet":
        return replace(candidate, usage=replace(candidate.usage, wallet=change.to))
    if kind == "capacity":
        return replace(candidate, enrollment=replace(enrollment, capacity={**enrollment.capacity, period: change.to}))
    if kind == "budget":
        return replace(candidate, enrollment=replace(enrollment, budget={**enrollment.budget, period: change.to}))
    return replace(candidate, enrollment=replace(enrollment, **{change.field: change.to}))
