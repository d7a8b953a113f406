"""lead.validated: which buyer, at what price? → lead.routed, lead.unrouted or lead.rejected."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, assert_never

from leadgen.adapters import batch, bus
from leadgen.adapters.batch import Message, Outcome
from leadgen.domain import calendar, conditions, consent, policies, suppression, turns, waiting
from leadgen.domain.again import RoutingInputs
from leadgen.domain.calendar import PERIODS, CapPeriods
from leadgen.domain.errors import PolicyInvalid
from leadgen.domain.events import Event, Topic
from leadgen.domain.policies import PerformanceBased, RoutingPolicy
from leadgen.domain.routing import NoBuyer, Routed
from leadgen.domain.trace import plain
from leadgen.domain.turns import Choice, Request
from leadgen.domain.waiting import GivenUp, HeldUntil
from leadgen.store import buyers, decisions, leads, review, suppressions
from leadgen.store import routing as store
from leadgen.store.decisions import Record
from leadgen.store.leads import State
from leadgen.store.review import Held
from leadgen.store.routing import CapacityUse, LockedLead, Lookback, Waiting
from leadgen.store.suppressions import Asked


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: an SQS batch."""
    return batch.run("route", event, process)


def process(messages: Sequence[Message], now: datetime) -> list[Outcome]:
    """Choose a buyer for each validated lead, oldest first, and claim place and credit for it."""
    with bus.transaction() as transaction:
        conn = transaction.conn
        lead_ids = batch.lead_ids(messages)
        locked = {lead.lead.lead_id: lead for lead in store.lock_validated(conn, lead_ids)}
        parsed, held = _policies(locked.values())
        if held:
            review.hold(conn, held, now=now)
        periods = {lead.lead.offer_id: calendar.cap_periods(now, lead.offer.timezone) for lead in locked.values()}
        choices = _choose(conn, [locked[lead_id] for lead_id in parsed], parsed, periods, now) if parsed else []
        routed = {c.request.lead.lead_id: c.decision for c in choices if isinstance(c.decision, Routed)}
        if routed:
            store.claim(conn, routed, now=now)
            store.reserve_credit(conn, _amounts(routed))
            store.use_capacity(conn, _capacity(choices, periods))
            store.open_deliveries(conn, list(routed), now=now)
        shared = turns.rotated(choices)
        if shared:
            store.save_pools(conn, shared)
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


def _policies(locked: Iterable[LockedLead]) -> tuple[dict[int, RoutingPolicy], list[Held]]:
    """The leads' policies by lead id; a lead whose policy does not parse waits for a person, and for nobody else."""
    parsed: dict[int, RoutingPolicy] = {}
    held: list[Held] = []
    for lead in locked:
        try:
            label = f"{lead.policy_name!r} version {lead.policy_version}"
            parsed[lead.lead.lead_id] = policies.parse_routing(lead.config, label=label)
        except PolicyInvalid as fault:
            held.append(Held(lead.lead.lead_id, "policy_invalid", str(fault)))
    return parsed, held


def _choose(
    conn: Any,
    asking: Sequence[LockedLead],
    parsed: Mapping[int, RoutingPolicy],
    periods: Mapping[int, CapPeriods],
    now: datetime,
) -> list[Choice]:
    listed = _suppressed(conn, asking)
    exclusive = store.exclusive_buyers(conn, [lead.lead for lead in asking])
    served = store.candidates(conn, asking, exclusive)
    buyer_ids = {s.buyer_id for s in served}
    buyers.lock(conn, buyer_ids)
    loaded = store.load_enrolments(conn, buyer_ids, periods)
    lookbacks = _lookbacks(asking, parsed, now)
    records = store.track_records(conn, buyer_ids, lookbacks, now=now) if lookbacks else {}
    enrolments = {(entry.offer_id, entry.enrolment.buyer_id): entry.enrolment for entry in loaded}
    standings = {
        entry.enrolment.buyer_offer_id: replace(entry.standing, record=records[entry.enrolment.buyer_offer_id])
        if entry.enrolment.buyer_offer_id in records
        else entry.standing
        for entry in loaded
    }
    areas: dict[int, list[tuple[int, str | None]]] = defaultdict(list)
    for s in served:
        areas[s.lead_id].append((s.buyer_id, s.area))
    requests = []
    for lead in asking:
        own = tuple(
            replace(enrolments[lead.lead.offer_id, buyer_id], area=area)
            for buyer_id, area in sorted(areas[lead.lead.lead_id])
        )
        requests.append(
            Request(
                lead=lead.lead,
                policy=parsed[lead.lead.lead_id],
                offer=lead.offer,
                exclusive=exclusive.get(lead.lead.lead_id),
                enrolments=own,
                observed=conditions.observe([e.filter for e in own if e.filter is not None], lead.fields),
                evidence=consent.evidence(lead.fields, [e.consent for e in own if e.consent is not None]),
                suppressed=listed.get(lead.lead.lead_id, ()),
            )
        )
    spans = turns.spans(requests, standings, now=now)
    return turns.choose_in_turn(requests, standings, store.pools(conn, spans) if spans else {}, now=now)


def _suppressed(conn: Any, asking: Sequence[LockedLead]) -> dict[int, tuple[str, ...]]:
    """The lists that leads stand on by now which were held since validation asked: nobody is sold after that."""
    asked = [
        Asked(
            lead.lead.lead_id,
            lead.lead.offer_id,
            suppression.of_lead(*(str(lead.fields[name]) for name in ("email", "phone", "country_code"))),
        )
        for lead in asking
        if lead.unrouted_at is not None or lead.is_released
    ]
    return suppressions.suppressed(conn, asked) if asked else {}


def _lookbacks(asking: Sequence[LockedLead], parsed: Mapping[int, RoutingPolicy], now: datetime) -> list[Lookback]:
    """What the offers' policies want to know of the past; nothing for those that do not ask."""
    found = {}
    for lead in asking:
        policy = parsed[lead.lead.lead_id]
        if policy.sla is None and not isinstance(policy, PerformanceBased):
            continue
        days = policy.lookback_days if isinstance(policy, PerformanceBased) else 0
        hours, seconds = (policy.sla.lookback_hours, policy.sla.max_delivery_seconds) if policy.sla else (0, 0)
        found[lead.lead.offer_id] = Lookback(
            lead.lead.offer_id, now - timedelta(days=days), now - timedelta(hours=hours), seconds
        )
    return list(found.values())


def _amounts(routed: Mapping[int, Routed]) -> dict[int, Decimal]:
    amounts: dict[int, Decimal] = defaultdict(Decimal)
    for decision in routed.values():
        amounts[decision.buyer_id] += decision.price.amount
    return dict(amounts)


def _capacity(choices: Sequence[Choice], periods: Mapping[int, CapPeriods]) -> list[CapacityUse]:
    prices: dict[tuple[int, int], list[Decimal]] = defaultdict(list)
    for choice in choices:
        if isinstance(choice.decision, Routed):
            enrolment = (choice.decision.buyer_offer_id, choice.request.lead.offer_id)
            prices[enrolment].append(choice.decision.price.amount)
    return [
        CapacityUse(buyer_offer_id, period, getattr(periods[offer_id], period), len(paid), sum(paid, Decimal(0)))
        for (buyer_offer_id, offer_id), paid in sorted(prices.items())
        for period in PERIODS
    ]


def _wait(choice: Choice, locked: LockedLead, now: datetime) -> Waiting:
    assert isinstance(choice.decision, NoBuyer)
    verdict = waiting.unrouted(
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
    if lead_id not in choices:
        return Outcome("held_for_review", lead_id, {"reason": "policy_invalid", "policy_id": lead.policy_id})
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
