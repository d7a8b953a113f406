"""lead.validated: which buyer, at what price? → lead.routed, lead.unrouted or lead.rejected."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never

from leadgen.decisions import store as decisions_store
from leadgen.decisions.store import Record
from leadgen.kernel import calendar
from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.events import Event, Topic
from leadgen.kernel.trace import plain
from leadgen.leads import service as leads_service
from leadgen.leads.store import holds, leads
from leadgen.leads.store.holds import Held
from leadgen.leads.store.leads import State
from leadgen.platform.messaging import batch, bus
from leadgen.platform.messaging.batch import Message, Outcome
from leadgen.routing.domain import allocation, disposition, reservations
from leadgen.routing.domain import policy as routing_policy
from leadgen.routing.domain.allocation import Choice
from leadgen.routing.domain.decision import NoBuyer, Routed
from leadgen.routing.domain.disposition import GivenUp, HeldUntil
from leadgen.routing.domain.inputs import RoutingInputs
from leadgen.routing.domain.policy import RoutingPolicy
from leadgen.routing.service import candidates as routing_candidates
from leadgen.routing.service.candidates import Gathered, RoutableLead
from leadgen.routing.store import assignments, rotations
from leadgen.routing.store import candidates as routing_candidates_store
from leadgen.routing.store.assignments import Waiting
from leadgen.routing.store.candidates import LockedLead


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: an SQS batch."""
    return batch.run("route", event, process)


def process(messages: Sequence[Message], now: datetime) -> list[Outcome]:
    """Choose a buyer for each validated lead, oldest first, and claim capacity and credit for it."""
    with bus.transaction() as transaction:
        conn = transaction.conn
        lead_ids = leads_service.lead_ids(messages)
        locked = {lead.lead.lead_id: lead for lead in routing_candidates_store.lock_validated(conn, lead_ids)}
        parsed, held = _policies(locked.values())
        if held:
            holds.hold(conn, held, now=now)
        periods = {lead.lead.offer_id: calendar.cap_periods(now, lead.offer.timezone) for lead in locked.values()}
        asking = [RoutableLead(locked[lead_id], policy) for lead_id, policy in parsed.items()]
        choices = _choose(conn, routing_candidates.load(conn, asking, periods, now=now), now) if asking else []
        routed = {c.request.lead.lead_id: c.decision for c in choices if isinstance(c.decision, Routed)}
        near: dict[int, int] = {}
        if routed:
            assignments.claim(conn, routed, now=now)
            near = reservations.near_limit(choices, assignments.reserve_credit(conn, reservations.credit(choices)))
            assignments.use_capacity(conn, reservations.capacity(choices, periods))
            assignments.open_deliveries(conn, {lead_id: locked[lead_id].offer.timezone for lead_id in routed}, now=now)
        shared = allocation.rotated(choices)
        if shared:
            rotations.save(conn, shared, now=now)
        nobody = [c for c in choices if isinstance(c.decision, NoBuyer)]
        assigned = [c for c in nobody if c.request.assigned_to is not None]
        if assigned:
            holds.hold(conn, [_assignment_failed(c) for c in assigned], now=now)
        unrouted = [_wait(c, locked[c.request.lead.lead_id], now) for c in nobody if c.request.assigned_to is None]
        if unrouted:
            assignments.mark_unrouted(conn, unrouted, now=now)
        if choices:
            decisions_store.record(
                conn, [_record(c, locked[c.request.lead.lead_id], now) for c in choices], decided_at=now
            )
        missed = [lead_id for lead_id in lead_ids if lead_id not in locked]
        repeated = leads.states(conn, missed) if missed else {}
        transaction.announce(
            [_event(c, locked[c.request.lead.lead_id], unrouted, now) for c in choices]
            + [_near_limit(locked[lead_id], buyer_id, now) for lead_id, buyer_id in near.items()]
            + [
                _routed(state.lead_id, state.buyer_id, state.route_attempts, state.trace_id, now)
                for state in repeated.values()
                if state.status == "delivered" and state.billing_status == "pending" and state.buyer_id is not None
            ]
        )
    by_lead = {c.request.lead.lead_id: c for c in choices}
    return [_outcome(message, by_lead, locked, repeated) for message in messages]


def _policies(locked: Iterable[LockedLead]) -> tuple[dict[int, RoutingPolicy], list[Held]]:
    """The leads' policies by lead id; a lead whose policy does not parse waits for a person, and for nobody else."""
    parsed: dict[int, RoutingPolicy] = {}
    held: list[Held] = []
    for lead in locked:
        try:
            label = f"{lead.policy_name!r} version {lead.policy_version}"
            parsed[lead.lead.lead_id] = routing_policy.parse_routing(lead.config, label=label)
        except PolicyInvalid as fault:
            held.append(Held(lead.lead.lead_id, "policy_invalid", str(fault)))
    return parsed, held


def _assignment_failed(choice: Choice) -> Held:
    """A lead that an operator has given to a buyer who cannot have it: the operator decides again."""
    assert isinstance(choice.decision, NoBuyer)
    detail = f"buyer {choice.request.assigned_to} cannot take it: {choice.decision.reason}"
    return Held(choice.request.lead.lead_id, "assignment_failed", detail)


def _choose(conn: Any, gathered: Gathered, now: datetime) -> list[Choice]:
    spans = allocation.spans(gathered.requests, gathered.usages, now=now)
    stored = rotations.find(conn, spans) if spans else {}
    return allocation.allocate(gathered.requests, gathered.usages, stored, now=now)


def _wait(choice: Choice, locked: LockedLead, now: datetime) -> Waiting:
    assert isinstance(choice.decision, NoBuyer)
    verdict = disposition.unrouted(
        choice.request.policy, choice.facts, choice.decision, first_unrouted_at=locked.unrouted_at or now, now=now
    )
    match verdict:
        case HeldUntil(at=at):
            return Waiting(locked.lead.lead_id, choice.decision.reason, at)
        case GivenUp():
            return Waiting(locked.lead.lead_id, choice.decision.reason, None)
        case _:
            assert_never(verdict)


def _record(choice: Choice, locked: LockedLead, now: datetime) -> Record:
    decision = choice.decision
    return Record(
        lead_id=locked.lead.lead_id,
        stage="routing",
        outcome="routed" if isinstance(decision, Routed) else "unrouted",
        reason=None if isinstance(decision, Routed) else decision.reason,
        policy_id=locked.policy_id,
        policy_version=locked.policy_version,
        inputs=plain(RoutingInputs(choice.request.policy, choice.facts, now)),
        trace=plain(decision),
    )


def _event(choice: Choice, locked: LockedLead, unrouted: Sequence[Waiting], now: datetime) -> Event:
    lead_id = locked.lead.lead_id
    if isinstance(choice.decision, Routed):
        return _routed(lead_id, choice.decision.buyer_id, locked.route_attempts + 1, locked.trace_id, now)
    given_up = any(w.lead_id == lead_id and w.route_again_at is None for w in unrouted)
    topic = Topic.LEAD_REJECTED if given_up else Topic.LEAD_UNROUTED
    return Event(topic, now, lead_id, locked.trace_id, ids={} if given_up else {"attempt": locked.route_attempts + 1})


def _routed(lead_id: int, buyer_id: int, attempt: int, trace_id: str | None, now: datetime) -> Event:
    """The attempt distinguishes it from an earlier claim of the same lead, by a buyer who rejected it."""
    return Event(Topic.LEAD_ROUTED, now, lead_id, trace_id, ids={"buyer_id": buyer_id, "attempt": attempt})


def _near_limit(locked: LockedLead, buyer_id: int, now: datetime) -> Event:
    """About the claim that did it: the next time a buyer comes near its limit is another event."""
    ids: dict[str, int | str] = {"buyer_id": buyer_id, "attempt": locked.route_attempts + 1}
    return Event(Topic.BUYER_CREDIT_LIMIT_NEAR, now, locked.lead.lead_id, locked.trace_id, ids=ids)


def _outcome(
    message: Message, choices: Mapping[int, Choice], locked: Mapping[int, LockedLead], repeated: Mapping[int, State]
) -> Outcome:
    lead_id = message.lead_id
    if lead_id is None or lead_id not in locked:
        return leads_service.repeated(lead_id, repeated)
    lead = locked[lead_id]
    if lead_id not in choices:
        return Outcome("held", lead_id, {"reason": "policy_invalid", "policy_id": lead.policy_id})
    decision = choices[lead_id].decision
    facts: dict[str, Any] = {
        "policy_id": lead.policy_id,
        "policy_version": lead.policy_version,
        "trace_id": lead.trace_id,
        "candidates": len(decision.verdicts),
    }
    match decision:
        case Routed(buyer_id=buyer_id, price=price, exclusive=exclusive):
            return Outcome(
                "routed", lead_id, {**facts, "buyer_id": buyer_id, "price": str(price.amount), "exclusive": exclusive}
            )
        case NoBuyer(reason=reason):
            return Outcome("unrouted", lead_id, {**facts, "reason": reason})
        case _:
            assert_never(decision)
