"""Gathers what was decided about a lead and why, as one value for the command line and the API."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

from psycopg import Connection
from pydantic import ValidationError

from leadgen.buyers import store as buyers_store
from leadgen.decisions import store as decisions_store
from leadgen.decisions.store import StoredDecision
from leadgen.delivery.service import history
from leadgen.delivery.service.history import DeliveryHistory
from leadgen.explanation import store
from leadgen.explanation.domain import counterfactuals
from leadgen.explanation.domain.counterfactuals import Change
from leadgen.explanation.store import Others, Subject
from leadgen.kernel.trace import Check, Json, plain
from leadgen.routing.domain import inputs as routing_inputs
from leadgen.routing.domain import reasons
from leadgen.routing.domain.inputs import RoutingInputs

_MOST_NAMED = 20


@dataclass(frozen=True)
class BuyerVerdict:
    """What a routing decision found of one buyer.

    ``eligible`` is the verdict on a buyer who could have had a lead that went to nobody. ``words`` are what it won or
    lost by; ``smallest_changes`` are those that would have made an ineligible one eligible, None where the record
    is older than they are.
    """

    buyer_id: int
    buyer: str
    verdict: Literal["won", "lost", "eligible", "ineligible"]
    checks: tuple[Check, ...]
    words: str | None
    smallest_changes: tuple[Change, ...] | None

    @property
    def deciding(self) -> Check | None:
        """The first rule that failed."""
        return next((check for check in self.checks if not check.passed), None)


@dataclass(frozen=True)
class Explained:
    """A decision and, of routing, what became of each buyer and ``why`` in words."""

    decision: StoredDecision
    why: str | None = None
    verdicts: tuple[BuyerVerdict, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """All that was decided about a lead, and its deliveries.

    ``others`` are the enrolled buyers whom the last routing did not look at, as no service area of theirs covers its
    place; None where it was not routed yet. ``buyer`` is who has the lead.
    """

    subject: Subject
    buyer: str | None
    decisions: tuple[Explained, ...]
    others: Others | None
    deliveries: tuple[DeliveryHistory, ...]


def explain(conn: Connection[Any], lead_id: int) -> Explanation | None:
    """Explain a lead; None where there is none with this id."""
    subject = store.subject(conn, lead_id)
    if subject is None:
        return None
    explained = explained_decisions(conn, lead_id)
    routed = [one for one in explained if one.decision.stage == "routing"]
    others = None
    if routed:
        looked_at = [verdict.buyer_id for verdict in routed[-1].verdicts]
        others = store.enrolled_besides(
            conn, subject.offer_id, looked_at, at=routed[-1].decision.decided_at, limit=_MOST_NAMED
        )
    buyer = None
    if subject.buyer_id is not None:
        buyer = buyers_store.buyers_named(conn, [subject.buyer_id]).get(subject.buyer_id)
    return Explanation(subject, buyer, tuple(explained), others, tuple(history.of_lead(conn, lead_id)))


def explained_decisions(conn: Connection[Any], lead_id: int) -> list[Explained]:
    """Every decision about a lead, oldest first."""
    stored = decisions_store.of_lead(conn, lead_id)
    traces = [_trace(decision) for decision in stored if decision.stage == "routing"]
    inputs = {decision.decision_id: _inputs(decision) for decision in stored if decision.stage == "routing"}
    buyer_ids = {verdict["buyer_id"] for trace in traces for verdict in trace["verdicts"]}
    buyer_ids |= {read.facts.exclusive.buyer_id for read in inputs.values() if read and read.facts.exclusive}
    named = buyers_store.buyers_named(conn, buyer_ids) if buyer_ids else {}
    names = {buyer_id: named.get(buyer_id, f"buyer {buyer_id}") for buyer_id in buyer_ids}
    return [
        _routing(decision, inputs[decision.decision_id], names) if decision.stage == "routing" else Explained(decision)
        for decision in stored
    ]


def _trace(decision: StoredDecision) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], decision.trace)


def _inputs(decision: StoredDecision) -> RoutingInputs | None:
    try:
        return routing_inputs.read_routing(json.dumps(decision.inputs))
    except ValidationError:
        return None  # kept before decisions could be made again


def _routing(decision: StoredDecision, inputs: RoutingInputs | None, names: Mapping[int, str]) -> Explained:
    trace = _trace(decision)
    changes = None if inputs is None else counterfactuals.smallest_changes(inputs)
    winner = next((v for v in trace["verdicts"] if v["buyer_id"] == trace.get("buyer_id")), None)
    why = _why(decision, winner, inputs, names)
    return Explained(decision, why, tuple(_verdict(found, winner, changes, names, why) for found in trace["verdicts"]))


def _why(
    decision: StoredDecision, winner: Mapping[str, Any] | None, inputs: RoutingInputs | None, names: Mapping[int, str]
) -> str | None:
    exclusive = None if inputs is None or inputs.facts.exclusive is None else inputs.facts.exclusive.buyer_id
    if winner is not None:
        won = f"{names[winner['buyer_id']]} has it: {reasons.won_by(winner.get('merit'))}"
        if exclusive in (None, winner["buyer_id"]):
            return won
        return f"{won}; {names[exclusive]}, who has the area exclusively, cannot take it"
    return reasons.unsold(
        cast(Any, decision.reason),
        suppressed=() if inputs is None else inputs.facts.suppressed,
        exclusive="another buyer" if exclusive is None else names[exclusive],
    )


def _verdict(
    found: Mapping[str, Any],
    winner: Mapping[str, Any] | None,
    changes: Mapping[int, tuple[Change, ...]] | None,
    names: Mapping[int, str],
    why: str | None,
) -> BuyerVerdict:
    buyer_id = found["buyer_id"]
    checks = tuple(Check(**check) for check in found["checks"])
    own = None if changes is None else changes.get(buyer_id, ())
    if not found["eligible"]:
        return BuyerVerdict(buyer_id, names[buyer_id], "ineligible", checks, None, own)
    if winner is None:
        return BuyerVerdict(buyer_id, names[buyer_id], "eligible", checks, why, ())
    if found is winner:
        return BuyerVerdict(buyer_id, names[buyer_id], "won", checks, reasons.won_by(winner.get("merit")), ())
    lost_by = reasons.lost_by(found.get("merit"), winner.get("merit"))
    return BuyerVerdict(buyer_id, names[buyer_id], "lost", checks, lost_by, ())


def decision_as_json(explained: Explained) -> dict[str, Any]:
    """A decision as it was kept, with its policy's name; of routing also each buyer's verdict."""
    decision = explained.decision
    shown = asdict(decision) | {"decided_at": _instant(decision.decided_at)}
    if decision.stage == "routing":
        shown |= {"why": explained.why, "verdicts": [_verdict_as_json(verdict) for verdict in explained.verdicts]}
    return shown


def _verdict_as_json(verdict: BuyerVerdict) -> dict[str, Json]:
    deciding = verdict.deciding
    changes = verdict.smallest_changes
    return {
        "buyer_id": verdict.buyer_id,
        "buyer": verdict.buyer,
        "verdict": verdict.verdict,
        "rule": None if deciding is None else deciding.rule,
        "value": None if deciding is None else deciding.value,
        "limit": None if deciding is None else deciding.limit,
        "words": verdict.words,
        "smallest_changes": None if changes is None else [change_as_json(change) for change in changes],
    }


def change_as_json(change: Change) -> dict[str, Json]:
    """A change, with what it changes ``from`` and ``to``."""
    return {
        "rule": change.rule,
        "field": change.field,
        "from": plain(change.was),
        "to": plain(change.to),
        "words": change.words,
    }


def as_json(explanation: Explanation) -> dict[str, Any]:
    """The whole explanation."""
    others = explanation.others
    return {
        "lead": plain(asdict(explanation.subject)),
        "buyer": explanation.buyer,
        "decisions": [decision_as_json(explained) for explained in explanation.decisions],
        "not_looked_at": None
        if others is None
        else {
            "count": others.count,
            "buyers": [{"buyer_id": other.buyer_id, "buyer": other.name} for other in others.first],
            "smallest_changes": [change_as_json(counterfactuals.area_for(explanation.subject.postal_code))],
        },
        "deliveries": [plain(history.in_full(delivery_history)) for delivery_history in explanation.deliveries],
    }


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat()
