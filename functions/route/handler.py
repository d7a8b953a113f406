"""lead.validated: which buyer, at what price? → lead.routed, lead.unrouted or lead.rejected."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, assert_never

from leadgen.adapters import batch, bus
from leadgen.adapters.batch import Message, Outcome
from leadgen.domain import calendar, policies, routing
from leadgen.domain.calendar import CapPeriods
from leadgen.domain.events import Event, Topic
from leadgen.domain.routing import Choice, GivenUp, HeldUntil, NoBuyer, Request, Routed
from leadgen.domain.trace import plain
from leadgen.store import buyers, decisions, leads
from leadgen.store import routing as store
from leadgen.store.decisions import Record
from leadgen.store.leads import State
from leadgen.store.routing import CapacityUse, LockedLead, Waiting


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: an SQS batch."""
    return batch.run("route", event, process)


def process(messages: Sequence[Message], now: datetime) -> list[Outcome]:
    """Choose a buyer for each validated lead, oldest first, and claim place and credit for it."""
    with bus.transaction() as transaction:
        conn = transaction.conn
        lead_ids = batch.lead_ids(messages)
        locked = {lead.lead.lead_id: lead for lead in store.lock_validated(conn, lead_ids)}
        periods = {lead.lead.offer_id: calendar.cap_periods(now, lead.offer.timezone) for lead in locked.values()}
        choices = _choose(conn, list(locked.values()), periods, now) if locked else []
        routed = {c.request.lead.lead_id: c.decision for c in choices if isinstance(c.decision, Routed)}
        if routed:
            store.claim(conn, routed, now=now)
            store.reserve_credit(conn, _amounts(routed))
            store.use_capacity(conn, _capacity(choices, periods))
            store.open_deliveries(conn, list(routed), now=now)
        unrouted = [_wait(c, locked[c.request.lead.lead_id], now) for c in choices if isinstance(c.decision, NoBuyer)]
        if unrouted:
            store.mark_unrouted(conn, unrouted, now=now)
        if choices:
            decisions.record(conn, [_record(c, locked[c.request.lead.lead_id], now) for c in choices], decided_at=now)
        missed = [lead_id for lead_id in lead_ids if lead_id not in locked]
        repeated = leads.states(conn, missed) if missed else {}
        transaction.announce(
            [_event(c, locked[c.request.lead.lead_id], unrouted, now) for c in choices]
            + [
                Event(Topic.LEAD_ROUTED, now, state.lead_id, state.trace_id)
                for state in repeated.values()
                if state.status == "delivered" and state.billing_status == "pending"
            ]
        )
    by_lead = {c.request.lead.lead_id: c for c in choices}
    return [_outcome(message, by_lead, locked, repeated) for message in messages]


def _choose(conn: Any, waiting: Sequence[LockedLead], periods: Mapping[int, CapPeriods], now: datetime) -> list[Choice]:
    asking = [lead.lead for lead in waiting]
    exclusive = store.exclusive_buyers(conn, asking)
    served = store.candidates(conn, asking, exclusive)
    buyer_ids = {s.buyer_id for s in served}
    buyers.lock(conn, buyer_ids)
    loaded = store.load_enrolments(conn, buyer_ids, periods)
    enrolments = {(entry.offer_id, entry.enrolment.buyer_id): entry.enrolment for entry in loaded}
    standings = {entry.enrolment.buyer_offer_id: entry.standing for entry in loaded}
    candidates: dict[int, list[tuple[int, bool]]] = defaultdict(list)
    for s in served:
        candidates[s.lead_id].append((s.buyer_id, s.serves_area))
    requests = [
        Request(
            lead=lead.lead,
            policy=policies.parse_routing(lead.config, label=f"{lead.policy_name!r} version {lead.policy_version}"),
            offer=lead.offer,
            exclusive=exclusive.get(lead.lead.lead_id),
            enrolments=tuple(
                replace(enrolments[lead.lead.offer_id, buyer_id], serves_area=serves)
                for buyer_id, serves in sorted(candidates[lead.lead.lead_id])
            ),
        )
        for lead in waiting
    ]
    return routing.choose_in_turn(requests, standings, now=now)


def _amounts(routed: Mapping[int, Routed]) -> dict[int, Decimal]:
    amounts: dict[int, Decimal] = defaultdict(Decimal)
    for decision in routed.values():
        amounts[decision.buyer_id] += decision.price.amount
    return dict(amounts)


def _capacity(choices: Sequence[Choice], periods: Mapping[int, CapPeriods]) -> list[CapacityUse]:
    claimed = Counter(
        (choice.decision.buyer_offer_id, choice.request.lead.offer_id)
        for choice in choices
        if isinstance(choice.decision, Routed)
    )
    return [
        CapacityUse(buyer_offer_id, period, starts_at, times)
        for (buyer_offer_id, offer_id), times in sorted(claimed.items())
        for period, starts_at in (("day", periods[offer_id].day), ("hour", periods[offer_id].hour))
    ]


def _wait(choice: Choice, locked: LockedLead, now: datetime) -> Waiting:
    assert isinstance(choice.decision, NoBuyer)
    verdict = routing.unrouted(choice.request.policy.unrouted, first_unrouted_at=locked.unrouted_at or now, now=now)
    match verdict:
        case HeldUntil(at=at):
            return Waiting(locked.lead.lead_id, choice.decision.reason, at)
        case GivenUp():
            return Waiting(locked.lead.lead_id, choice.decision.reason, None)
        case _:
            assert_never(verdict)


def _record(choice: Choice, locked: LockedLead, now: datetime) -> Record:
    decision = choice.decision
    inputs = {
        "lead": choice.request.lead,
        "policy": choice.request.policy.model_dump(mode="json"),
        "facts": choice.facts,
        "now": now,
    }
    return Record(
        lead_id=locked.lead.lead_id,
        stage="routing",
        outcome="routed" if isinstance(decision, Routed) else "unrouted",
        reason=None if isinstance(decision, Routed) else decision.reason,
        policy_id=locked.policy_id,
        policy_version=locked.policy_version,
        inputs=plain(inputs),
        trace=plain(decision),
    )


def _event(choice: Choice, locked: LockedLead, unrouted: Sequence[Waiting], now: datetime) -> Event:
    lead_id = locked.lead.lead_id
    if isinstance(choice.decision, Routed):
        return Event(Topic.LEAD_ROUTED, now, lead_id, locked.trace_id, ids={"buyer_id": choice.decision.buyer_id})
    given_up = any(w.lead_id == lead_id and w.route_again_at is None for w in unrouted)
    topic = Topic.LEAD_REJECTED if given_up else Topic.LEAD_UNROUTED
    return Event(topic, now, lead_id, locked.trace_id, ids={} if given_up else {"attempt": locked.route_attempts + 1})


def _outcome(
    message: Message, choices: Mapping[int, Choice], locked: Mapping[int, LockedLead], repeated: Mapping[int, State]
) -> Outcome:
    lead_id = message.lead_id
    if lead_id is None or lead_id not in locked:
        return batch.repeated(lead_id, repeated)
    lead = locked[lead_id]
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
