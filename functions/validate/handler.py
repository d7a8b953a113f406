"""lead.received: is it a duplicate, is it valid? → lead.validated or lead.rejected, or a person looks at it first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, assert_never

from leadgen.decisions import store as decisions_store
from leadgen.decisions.store import Record
from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.events import Event, Topic
from leadgen.kernel.trace import Json, plain
from leadgen.leads import service as leads_service
from leadgen.leads.store import leads
from leadgen.leads.store.leads import State
from leadgen.platform import settings
from leadgen.platform.messaging import batch, bus
from leadgen.platform.messaging.batch import Message, Outcome
from leadgen.validation.domain import duplicates, rules
from leadgen.validation.domain import policy as validation_policy
from leadgen.validation.domain.duplicates import Duplicate, Search
from leadgen.validation.domain.policy import ValidationPolicy
from leadgen.validation.domain.rules import Held, Rejected
from leadgen.validation.domain.screening import (
    Deferred,
    Screened,
    Verdict,
    duplicate_verdict,
    screen,
    validation_verdict,
)
from leadgen.validation.service import lookups
from leadgen.validation.store import screening
from leadgen.validation.store.screening import DuplicateEvent, LockedLead, Transition


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: an SQS batch."""
    return batch.run("validate", event, process)


def process(messages: Sequence[Message], now: datetime) -> list[Outcome]:
    """Screen the leads of the messages, and with them every earlier undecided lead of the same people."""
    lead_ids = leads_service.lead_ids(messages)
    taking_mail = lookups.domains_taking_mail(lead_ids, now)
    with bus.transaction() as transaction:
        conn = transaction.conn
        with_kin = screening.with_undecided_kin(conn, lead_ids)
        locked = {lead.lead.lead_id: lead for lead in screening.lock_received(conn, with_kin)}
        readable, unreadable = _parsed(locked.values())
        requests = lookups.requests(conn, readable, taking_mail)
        searches = [request.search for request in requests if isinstance(request.search, Search)]
        in_batch = [request.lead.lead_id for request in requests]
        stored = screening.latest_matches(conn, searches, except_ids=in_batch) if searches else {}
        results = {result.request.lead.lead_id: result for result in screen(requests, stored)}
        screened = [result for result in results.values() if isinstance(result, Screened)]
        if screened or unreadable:
            transitions = [_transition(s) for s in screened] + [_held(i, held) for i, held in unreadable.items()]
            screening.apply_transitions(conn, transitions, now=now)
            records = [r for s in screened for r in _records(s, locked)]
            records += [_unreadable_record(locked[lead_id], held) for lead_id, held in unreadable.items()]
            decisions_store.record(conn, records, decided_at=now)
        found = [
            _duplicate_event(s, s.duplicate)
            for s in screened
            if isinstance(s.duplicate, Duplicate) and s.status != "received"
        ]
        if found:
            screening.record_duplicates(conn, found)
        # A repeat finds its lead decided and says again what the next stage may have missed.
        missed = [lead_id for lead_id in lead_ids if lead_id not in locked]
        repeated = leads.states(conn, missed) if missed else {}
        transaction.announce(
            [_event(s, locked[s.request.lead.lead_id], now) for s in screened if s.status != "received"]
            + [
                Event(Topic.LEAD_VALIDATED, now, state.lead_id, state.trace_id)
                for state in repeated.values()
                if state.status == "validated" and not state.is_unrouted
            ]
        )
    return [_outcome(message, results, unreadable, locked, repeated) for message in messages]


def _parsed(
    locked: Iterable[LockedLead],
) -> tuple[list[tuple[LockedLead, ValidationPolicy]], dict[int, Held]]:
    readable: list[tuple[LockedLead, ValidationPolicy]] = []
    unreadable: dict[int, Held] = {}
    for lead in locked:
        try:
            readable.append((lead, validation_policy.parse_validation(lead.rules, label=_label(lead))))
        except PolicyInvalid as problem:
            unreadable[lead.lead.lead_id] = rules.unreadable(problem)
    return readable, unreadable


def _label(locked: LockedLead) -> str:
    return f"{locked.policy_name!r} version {locked.policy_version}"


def _transition(screened: Screened) -> Transition:
    matched = screened.duplicate.matched_lead_id if isinstance(screened.duplicate, Duplicate) else None
    decided = Transition(screened.request.lead.lead_id, screened.status, screened.reason, matched)
    if screened.validation is None:
        return decided
    decided = replace(decided, fraud_score=screened.validation.fraud_score, lead_score=screened.validation.lead_score)
    match screened.validation:
        case Held(reason=reason, detail=detail):
            return replace(decided, review_reason=reason, review_detail=detail)
        case Rejected():
            return decided
        case rules.Validated(flags=flags):
            return replace(decided, flags=flags)
        case _:
            assert_never(screened.validation)


def _held(lead_id: int, held: Held) -> Transition:
    return Transition(lead_id, "received", None, None, held.reason, held.detail)


def _records(screened: Screened, locked: Mapping[int, LockedLead]) -> list[Record]:
    request = screened.request
    lead = locked[request.lead.lead_id]
    looked_for = duplicates.inputs(request.policy.detection, request.contact, request.search, screened.found)
    records = [_record(lead, "duplicates", plain(looked_for), duplicate_verdict(screened.duplicate))]
    if screened.validation is not None and screened.observations is not None:
        inputs = rules.inputs(request.policy, screened.observations)
        records.append(_record(lead, "validation", plain(inputs), validation_verdict(screened.validation)))
    return records


def _unreadable_record(locked: LockedLead, held: Held) -> Record:
    inputs = rules.unreadable_inputs(locked.rules, label=_label(locked))
    return _record(locked, "validation", plain(inputs), validation_verdict(held))


def _record(locked: LockedLead, stage: decisions_store.Stage, inputs: Json, verdict: Verdict) -> Record:
    return Record(
        lead_id=locked.lead.lead_id,
        stage=stage,
        outcome=verdict.outcome,
        reason=verdict.reason,
        policy_id=locked.policy_id,
        policy_version=locked.policy_version,
        inputs=inputs,
        trace=verdict.trace,
    )


def _duplicate_event(screened: Screened, found: Duplicate) -> DuplicateEvent:
    policy, lead = screened.request.policy.detection, screened.request.lead
    return DuplicateEvent(
        lead_id=lead.lead_id,
        matched_lead_id=found.matched_lead_id,
        offer_id=lead.offer_id,
        source_id=lead.source_id,
        match_keys=found.keys,
        window_hours=policy.window_hours or settings.current().default_duplicate_window_hours,
        match_mode=policy.match_mode,
        include_sources=policy.include_sources,
        action=found.action,
        reason_code=found.reason_code,
    )


def _event(screened: Screened, locked: LockedLead, now: datetime) -> Event:
    topic = Topic.LEAD_VALIDATED if screened.status == "validated" else Topic.LEAD_REJECTED
    return Event(topic, now, locked.lead.lead_id, locked.trace_id)


def _outcome(
    message: Message,
    results: Mapping[int, Screened | Deferred],
    unreadable: Mapping[int, Held],
    locked: Mapping[int, LockedLead],
    repeated: Mapping[int, State],
) -> Outcome:
    lead_id = message.lead_id
    if lead_id is None or lead_id not in locked:
        return leads_service.repeated(lead_id, repeated)
    lead = locked[lead_id]
    facts = {"policy_id": lead.policy_id, "policy_version": lead.policy_version, "trace_id": lead.trace_id}
    if lead_id in unreadable:
        return Outcome("held", lead_id, {**facts, "reason": unreadable[lead_id].reason})
    match results[lead_id]:
        case Deferred(why=why):
            return Outcome("deferred", lead_id, {**facts, "reason": why})
        case Screened(validation=Held(reason=reason)):
            return Outcome("held", lead_id, {**facts, "reason": reason})
        case Screened() as result:
            failed = result.validation.checks if isinstance(result.validation, Rejected) else ()
            matched = result.duplicate.matched_lead_id if isinstance(result.duplicate, Duplicate) else None
            return Outcome(
                result.status,
                lead_id,
                {
                    **facts,
                    "reason": result.reason,
                    "failed_rules": [check.rule for check in failed if not check.passed],
                    "duplicate_of": matched,
                },
            )
