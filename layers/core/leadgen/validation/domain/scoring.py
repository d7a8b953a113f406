"""Lead scoring: how good a lead is, by the conditions it meets."""

from leadgen.leads.domain import conditions
from leadgen.leads.domain.conditions import Observed
from leadgen.routing.domain.policy import LeadScoring
from leadgen.validation.domain.scores import Score, scored


def score(scoring: LeadScoring, observed: Observed) -> Score:
    """The score of a lead, with the parts it meets."""
    met = {part.name: part.points for part in scoring.parts if conditions.holds(part.when, observed)}
    limits = [(name, getattr(scoring, name)) for name in ("flag_below", "review_below", "reject_below")]
    return scored(scoring.base, met, limits, rises=False)
