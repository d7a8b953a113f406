"""lead.received: is it a duplicate, is it valid? → lead.validated or lead.rejected."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from leadgen.adapters import batch, bus, settings
from leadgen.adapters.batch import Message, Outcome
from leadgen.domain import duplicates, policies
from leadgen.domain.duplicates import Duplicate, NotDuplicate, Search
from leadgen.domain.events import Event, Topic
from leadgen.domain.screening import Request, Screened, screen_in_turn
from leadgen.domain.trace import plain
from leadgen.domain.validation import Rejected
from leadgen.store import decisions, leads, validation
from leadgen.store.decisions import Record
from leadgen.store.leads import State
from leadgen.store.validation import DuplicateEvent, LockedLead, Transition


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: an SQS batch."""
    return batch.run("validate", event, process)


def process(messages: Sequence[Message], now: datetime) -> list[Outcome]:
    """Screen the leads of the messages, and with them every earlier undecided lead of the same people."""
    with bus.transaction() as transaction:
        conn = transaction.conn
        lead_ids = batch.lead_ids(messages)
        with_kin = validation.with_undecided_kin(conn, lead_ids)
        locked = {lead.lead.lead_id: lead for lead in validation.lock_received(conn, with_kin)}
        requests = [_request(lead) for lead in locked.values()]
        searches = [request.search for request in requests if isinstance(request.search, Search)]
        in_batch = [request.lead.lead_id for request in requests]
        stored = validation.latest_matches(conn, searches, except_ids=in_batch) if searches else {}
        screened = screen_in_turn(requests, stored)
        if screened:
            validation.apply_transitions(conn, [_transition(s) for s in screened], now=now)
            decisions.record(conn, [r for s in screened for r in _records(s, locked)], decided_at=now)
        found = [_duplicate_event(s) for s in screened if isinstance(s.duplicate, Duplicate)]
        if found:
            validation.record_duplicates(conn, found)
        # A repeat finds its lead decided and says again what the next stage may have missed.
        missed = [lead_id for lead_id in lead_ids if lead_id not in locked]
        repeated = leads.states(conn, missed) if missed else {}
        transaction.announce(
            [_event(s, locked[s.request.lead.lead_id], now) for s in screened]
            + [
                Event(Topic.LEAD_VALIDATED, now, state.lead_id, state.trace_id)
                for state in repeated.values()
                if state.status == "validated" and not state.is_unrouted
            ]
        )
    by_lead = {s.request.lead.lead_id: s for s in screened}
    return [_outcome(message, by_lead, locked, repeated) for message in messages]


def _request(locked: LockedLead) -> Request:
    policy = policies.parse_validation(locked.rules, label=f"{locked.policy_name!r} version {locked.policy_version}")
    search = duplicates.search_for(
        policy.detection,
        locked.lead,
        locked.contact,
        default_window_hours=settings.current().default_duplicate_window_hours,
    )
    return Request(locked.lead, locked.contact, policy, search)


def _transition(screened: Screened) -> Transition:
    matched = screened.duplicate.matched_lead_id if isinstance(screened.duplicate, Duplicate) else None
    return Transition(screened.request.lead.lead_id, screened.status, screened.reason, matched)


def _records(screened: Screened, locked: Mapping[int, LockedLead]) -> list[Record]:
    lead = screened.request.lead
    policy_id, version = locked[lead.lead_id].policy_id, locked[lead.lead_id].policy_version
    search = screened.request.search
    looked_for = {
        "policy": screened.request.policy.detection.model_dump(mode="json"),
        "since": search.since if isinstance(search, Search) else None,
        # The values themselves stay with the lead: the record says which there were.
        "present": [key for key in ("phone", "email") if getattr(screened.request.contact, f"normalized_{key}")],
        "skipped": search.why if isinstance(search, NotDuplicate) else None,
        "found": screened.found,
    }
    match screened.duplicate:
        case Duplicate(action=action, reason_code=code):
            duplicate = ("duplicate_" + action, code)
        case NotDuplicate(why=why):
            duplicate = ("not_duplicate", why)
    records = [
        Record(lead.lead_id, "duplicates", *duplicate, policy_id, version, plain(looked_for), plain(screened.duplicate))
    ]
    if screened.validation is not None:
        inputs = {"lead": lead, "policy": screened.request.policy.model_dump(mode="json")}
        records.append(
            Record(lead.lead_id, "validation", screened.status, screened.reason, policy_id, version, plain(inputs),
                   plain(screened.validation.checks))
        )  # fmt: skip
    return records


def _duplicate_event(screened: Screened) -> DuplicateEvent:
    policy, lead, found = screened.request.policy.detection, screened.request.lead, screened.duplicate
    assert isinstance(found, Duplicate)
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
    screened: Mapping[int, Screened],
    locked: Mapping[int, LockedLead],
    repeated: Mapping[int, State],
) -> Outcome:
    lead_id = message.lead_id
    if lead_id is None or lead_id not in locked:
        return batch.repeated(lead_id, repeated)
    lead, result = locked[lead_id], screened[lead_id]
    failed = (
        [c.rule for c in result.validation.checks if not c.passed] if isinstance(result.validation, Rejected) else []
    )
    return Outcome(
        result.status,
        lead_id,
        {
            "reason": result.reason,
            "failed_rules": failed,
            "duplicate_of": result.duplicate.matched_lead_id if isinstance(result.duplicate, Duplicate) else None,
            "policy_id": lead.policy_id,
            "policy_version": lead.policy_version,
            "trace_id": lead.trace_id,
        },
    )
