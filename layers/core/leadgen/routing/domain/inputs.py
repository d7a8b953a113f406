"""The recorded inputs of a routing decision (``lead_decisions.inputs``): parses them, and decides from them again."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from leadgen.routing.domain import decision
from leadgen.routing.domain.decision import Facts, NoBuyer, Routed
from leadgen.routing.domain.policy import RoutingPolicy


@dataclass(frozen=True)
class RoutingInputs:
    """All that a routing decision rests on: ``lead_decisions.inputs`` of the stage ``routing``."""

    policy: RoutingPolicy
    facts: Facts
    now: datetime


_ROUTING: TypeAdapter[RoutingInputs] = TypeAdapter(RoutingInputs)


def read_routing(inputs: str | bytes) -> RoutingInputs:
    """The inputs of a routing decision from their JSON text. Raises pydantic's ValidationError where they are none."""
    return _ROUTING.validate_json(inputs)


def route(inputs: RoutingInputs) -> Routed | NoBuyer:
    """Decide again."""
    return decision.choose(inputs.policy, inputs.facts, now=inputs.now)
