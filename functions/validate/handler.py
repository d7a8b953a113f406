"""lead.received: is it a duplicate, is it valid? → lead.validated or lead.rejected, or a person looks at it first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from leadgen.decisions import store as decisions_store
from leadgen.leads import service as leads_service
from leadgen.leads.store import leads
from leadgen.platform.messaging import batch, bus
from leadgen.platform.messaging.batch import Message, Outcome
from leadgen.validation.domain.duplicates import Duplicate, Search
from leadgen.validation.domain.screening import Screened, screen_in_turn
from leadgen.validation.service import lookups, records
from leadgen.validation.store import screening


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
        readable, unreadable = lookups.policies(locked.values())
        requests = lookups.requests(conn, readable, taking_mail)
        searches = [request.search for request in requests if isinstance(request.search, Search)]
        in_batch = [request.lead.lead_id for request in requests]
        stored = screening.latest_matches(conn, searches, except_ids=in_batch) if searches else {}

        results = {result.request.lead.lead_id: result for result in screen_in_turn(requests, stored)}
        screened = [result for result in results.values() if isinstance(result, Screened)]
        moved = [s for s in screened if s.status != "received"]

        if screened or unreadable:
            transitions = [records.transition(s) for s in screened]
            transitions += [records.held(lead_id, why) for lead_id, why in unreadable.items()]
            screening.apply_transitions(conn, transitions, now=now)
            decided = [one for s in screened for one in records.decisions(s, locked[s.request.lead.lead_id])]
            decided += [records.unreadable(locked[lead_id], why) for lead_id, why in unreadable.items()]
            decisions_store.record(conn, decided, decided_at=now)
        found = [records.duplicate(s, s.duplicate) for s in moved if isinstance(s.duplicate, Duplicate)]
        if found:
            screening.record_duplicates(conn, found)

        # A repeated message finds its lead decided: the next stage may have missed the event.
        missed = [lead_id for lead_id in lead_ids if lead_id not in locked]
        repeated = leads.states(conn, missed) if missed else {}
        transaction.announce(
            [records.event(s, locked[s.request.lead.lead_id], now) for s in moved]
            + [
                records.validated_again(state, now)
                for state in repeated.values()
                if state.status == "validated" and not state.is_unrouted
            ]
        )
    return [records.outcome(message, results, unreadable, locked, repeated) for message in messages]
