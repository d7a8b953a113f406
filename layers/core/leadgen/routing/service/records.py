"""What routing writes down of a lead it decided on: its disposition, its decision, its events and its log line."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never

from leadgen.decisions.store import Record
from leadgen.kernel.events import Event, Topic
from leadgen.kernel.trace import plain
from leadgen.leads import service as leads_service
from leadgen.leads.store.holds import LeadHold
from leadgen.leads.store.leads import State
from leadgen.platform.messaging.batch import Message, Outcome
from leadgen.routing.domain import disposition
from leadgen.routing.domain.allocation import Choice
from leadgen.routing.domain.decision import NoBuyer, Routed
from leadgen.routing.domain.disposition import GivenUp, HeldUntil
from leadgen.routing.domain.inputs import RoutingInputs
from leadgen.routing.store.assignments import UnroutedLead
from leadgen.routing.store.candidates import LockedLead


def assignment_failed(choice: Choice) -> LeadHold:
    """A lead that an operator has given to a buyer who cannot have it: the operator decides again."""
    assert isinstance(choice.decision, NoBuyer)
    detail = f"buyer {choice.request.assigned_to} cannot take it: {choice.decision.reason}"
    return LeadHold(choice.request.lead.lead_id, "assignment_failed", detail)


def waiting(choice: Choice, locked: LockedLead, now: datetime) -> UnroutedLead:
    """A lead that nobody has: until when it is held, or that it is rejected."""
    assert isinstance(choice.decision, NoBuyer)
    verdict = disposition.unrouted(
        choice.request.policy, choice.facts, choice.decision, first_unrouted_at=locked.unrouted_at or now, now=now
    )
    match verdict:
        case HeldUntil(at=at):
            return UnroutedLead(locked.lead.lead_id, choice.decision.reason, at)
        case GivenUp():
            return UnroutedLead(locked.lead.lead_id, choice.decision.reason, None)
        case _:
            assert_never(verdict)


def decision(choice: Choice, locked: LockedLead, now: datetime) -> Record:
    """The decision with its inputs and its trace."""
    made = choice.decision
    return Record(
        lead_id=locked.lead.lead_id,
        stage="routing",
        outcome="routed" if isinstance(made, Routed) else "unrouted",
        reason=None if isinstance(made, Routed) else made.reason,
        policy_id=locked.policy_id,
        policy_version=locked.policy_version,
        inputs=plain(RoutingInputs(choice.request.policy, choice.facts, now)),
        trace=plain(made),
    )


def event(choice: Choice, locked: LockedLead, unrouted: Sequence[UnroutedLead], now: datetime) -> Event:
    """``lead.routed``, ``lead.unrouted`` or, of a lead that is given up, ``lead.rejected``."""
    lead_id = locked.lead.lead_id
    if isinstance(choice.decision, Routed):
        return _routed(lead_id, choice.decision.buyer_id, locked.route_attempts + 1, locked.trace_id, now)
    given_up = any(w.lead_id == lead_id and w.route_again_at is None for w in unrouted)
    topic = Topic.LEAD_REJECTED if given_up else Topic.LEAD_UNROUTED
    return Event(topic, now, lead_id, locked.trace_id, ids={} if given_up else {"attempt": locked.route_attempts + 1})


def routed_again(repeated: Mapping[int, State], now: datetime) -> list[Event]:
    """``lead.routed`` once more, for leads that an earlier message routed and nobody has billed yet."""
    return [
        _routed(state.lead_id, state.buyer_id, state.route_attempts, state.trace_id, now)
        for state in repeated.values()
        if state.status == "delivered" and state.billing_status == "pending" and state.buyer_id is not None
    ]


def _routed(lead_id: int, buyer_id: int, attempt: int, trace_id: str | None, now: datetime) -> Event:
    """The attempt separates it from an earlier claim of the same lead, by a buyer who did not take it."""
    return Event(Topic.LEAD_ROUTED, now, lead_id, trace_id, ids={"buyer_id": buyer_id, "attempt": attempt})


def near_limit(locked: LockedLead, buyer_id: int, now: datetime) -> Event:
    """``buyer.credit_limit_near``, once for each claim that brings a buyer near its limit."""
    ids: dict[str, int | str] = {"buyer_id": buyer_id, "attempt": locked.route_attempts + 1}
    return Event(Topic.BUYER_CREDIT_LIMIT_NEAR, now, locked.lead.lead_id, locked.trace_id, ids=ids)


def outcome(
    message: Message, choices: Mapping[int, Choice], locked: Mapping[int, LockedLead], repeated: Mapping[int, State]
) -> Outcome:
    """The log line of a message. The mappings are by lead id."""
    lead_id = message.lead_id
    if lead_id is None or lead_id not in locked:
        return leads_service.repeated(lead_id, repeated)
    lead = locked[lead_id]
    if lead_id not in choices:
        return Outcome("held", lead_id, {"reason": "policy_invalid", "policy_id": lead.policy_id})
    made = choices[lead_id].decision
    facts: dict[str, Any] = {
        "policy_id": lead.policy_id,
        "policy_version": lead.policy_version,
        "trace_id": lead.trace_id,
        "candidates": len(made.verdicts),
    }
    match made:
        case Routed(buyer_id=buyer_id, price=price, exclusive=exclusive):
            return Outcome(
                "routed", lead_id, {**facts, "buyer_id": buyer_id, "price": str(price.amount), "exclusive": exclusive}
            )
        case NoBuyer(reason=reason):
            return Outcome("unrouted", lead_id, {**facts, "reason": reason})
        case _:
            assert_never(made)
