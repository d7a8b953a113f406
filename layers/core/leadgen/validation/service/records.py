"""What validation writes down of a screened lead: its transition, its decisions, its event and its log line."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from leadgen.decisions.store import Record, Stage
from leadgen.kernel.events import Event, Topic
from leadgen.kernel.trace import Json, plain
from leadgen.leads import service as leads_service
from leadgen.leads.store.leads import State
from leadgen.platform import settings
from leadgen.platform.messaging.batch import Message, Outcome
from leadgen.validation.domain import duplicates, rules
from leadgen.validation.domain.duplicates import Duplicate
from leadgen.validation.domain.rules import Held, Rejected
from leadgen.validation.domain.screening import (
    Deferred,
    RecordedVerdict,
    Screened,
    duplicate_verdict,
    validation_verdict,
)
from leadgen.validation.service import lookups
from leadgen.validation.store.screening import DuplicateEvent, LockedLead, Transition


def transition(screened: Screened) -> Transition:
    """The new state of a screened lead."""
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


def held(lead_id: int, why: Held) -> Transition:
    """The new state of a lead whose policy does not parse: it waits for a person."""
    return Transition(lead_id, "received", None, None, why.reason, why.detail)


def decisions(screened: Screened, locked: LockedLead) -> list[Record]:
    """The decisions about a screened lead: on duplicates and, unless that ended it, on validation."""
    request = screened.request
    looked_for = duplicates.inputs(request.policy.detection, request.contact, request.search, screened.found)
    found = [_record(locked, "duplicates", plain(looked_for), duplicate_verdict(screened.duplicate))]
    if screened.validation is not None and screened.observations is not None:
        inputs = rules.inputs(request.policy, screened.observations)
        found.append(_record(locked, "validation", plain(inputs), validation_verdict(screened.validation)))
    return found


def unreadable(locked: LockedLead, why: Held) -> Record:
    """The decision to hold a lead whose policy does not parse."""
    inputs = rules.unreadable_inputs(locked.rules, label=lookups.policy_label(locked))
    return _record(locked, "validation", plain(inputs), validation_verdict(why))


def _record(locked: LockedLead, stage: Stage, inputs: Json, verdict: RecordedVerdict) -> Record:
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


def duplicate(screened: Screened, found: Duplicate) -> DuplicateEvent:
    """The row of ``lead_duplicate_events`` for a lead that matched an earlier one."""
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


def event(screened: Screened, locked: LockedLead, now: datetime) -> Event:
    """``lead.validated`` or ``lead.rejected``."""
    topic = Topic.LEAD_VALIDATED if screened.status == "validated" else Topic.LEAD_REJECTED
    return Event(topic, now, locked.lead.lead_id, locked.trace_id)


def validated_again(state: State, now: datetime) -> Event:
    """``lead.validated`` once more, for a lead that an earlier message validated."""
    return Event(Topic.LEAD_VALIDATED, now, state.lead_id, state.trace_id)


def outcome(
    message: Message,
    results: Mapping[int, Screened | Deferred],
    unreadable: Mapping[int, Held],
    locked: Mapping[int, LockedLead],
    repeated: Mapping[int, State],
) -> Outcome:
    """The log line of a message. The mappings are by lead id."""
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
