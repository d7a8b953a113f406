"""Recomputes a recorded decision from its inputs and compares it byte by byte."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.trace import Json, plain
from leadgen.routing.domain import inputs as routing_inputs
from leadgen.routing.domain.decision import NoBuyer, Routed
from leadgen.validation.domain import screening
from leadgen.validation.domain.screening import RecordedVerdict


def routing_verdict(decision: Routed | NoBuyer) -> RecordedVerdict:
    """The record of the routing stage."""
    if isinstance(decision, Routed):
        return RecordedVerdict("routed", None, plain(decision))
    return RecordedVerdict("unrouted", decision.reason, plain(decision))


def _verify_routing(inputs: str) -> RecordedVerdict:
    return routing_verdict(routing_inputs.route(routing_inputs.read_routing(inputs)))


# By stage, how it is decided from the JSON text of its recorded inputs. Raises ValidationError or PolicyInvalid where
# they cannot be read.
DECIDERS: Mapping[str, Callable[[str], RecordedVerdict]] = {
    "duplicates": lambda inputs: screening.verify_duplicates(json.loads(inputs)),
    "validation": lambda inputs: screening.verify_validation(json.loads(inputs)),
    "routing": _verify_routing,
}


@dataclass(frozen=True)
class Comparison:
    """A decision on record held against the one its inputs lead to. ``detail`` is where they differ, or why it
    cannot be made again.
    """

    result: Literal["same", "differs", "not verifiable"]
    detail: tuple[str, ...] = ()


def compare(stage: str, inputs: str, recorded: RecordedVerdict) -> Comparison:
    """Decide again from the JSON text of a decision's inputs, and compare to the byte."""
    decide = DECIDERS.get(stage)
    if decide is None:
        return Comparison("not verifiable", (f"there is no way yet to verify the stage {stage}",))
    try:
        made_again = _fields(decide(inputs))
    except (ValueError, PolicyInvalid) as problem:
        return Comparison("not verifiable", (f"its inputs cannot be read: {str(problem).partition(chr(10))[0]}",))
    kept = _fields(recorded)
    if canonical(made_again) == canonical(kept):
        return Comparison("same")
    return Comparison("differs", tuple(differing(kept, made_again)))


def _fields(verdict: RecordedVerdict) -> dict[str, Json]:
    return {"outcome": verdict.outcome, "reason": verdict.reason, "trace": verdict.trace}


def canonical(value: Json) -> bytes:
    """The one text of a JSON value: what two decisions are compared by."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def differing(recorded: Json, again: Json, path: str = "") -> Iterator[str]:
    """Where two JSON values differ: ``trace.verdicts[0].eligible``."""
    if isinstance(recorded, Mapping) and isinstance(again, Mapping):
        for key in sorted({*recorded, *again}):
            inner = f"{path}.{key}" if path else key
            if key in recorded and key in again:
                yield from differing(recorded[key], again[key], inner)
            else:
                yield inner
    elif isinstance(recorded, list) and isinstance(again, list) and len(recorded) == len(again):
        for position, (one, other) in enumerate(zip(recorded, again, strict=True)):
            yield from differing(one, other, f"{path}[{position}]")
    elif canonical(recorded) != canonical(again):
        yield path
