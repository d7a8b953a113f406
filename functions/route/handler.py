"""lead.validated: which buyer, at what price? → lead.routed, lead.unrouted or lead.rejected."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from leadgen.decisions import store as decisions_store
from leadgen.kernel import calendar
from leadgen.leads import service as leads_service
from leadgen.leads.store import holds, leads
from leadgen.platform.messaging import batch, bus
from leadgen.platform.messaging.batch import Message, Outcome
from leadgen.routing.domain import allocation, reservations
from leadgen.routing.domain.allocation import Choice
from leadgen.routing.domain.decision import NoBuyer, Routed
from leadgen.routing.service import candidates, records
from leadgen.routing.service.candidates import RoutableLead
from leadgen.routing.store import assignments, rotations
from leadgen.routing.store import candidates as candidates_store


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: an SQS batch."""
    return batch.run("route", event, process)


def process(messages: Sequence[Message], now: datetime) -> list[Outcome]:
    """Choose a buyer for each validated lead, oldest first, and claim capacity and credit for it."""
    with bus.transaction() as transaction:
        conn = transaction.conn
        lead_ids = leads_service.lead_ids(messages)
        locked = {lead.lead.lead_id: lead for lead in candidates_store.lock_validated(conn, lead_ids)}
        policies, held = candidates.policies(locked.values())
        periods = {lead.lead.offer_id: calendar.cap_periods(now, lead.offer.timezone) for lead in locked.values()}

        choices: list[Choice] = []
        if policies:
            routable = [RoutableLead(locked[lead_id], policy) for lead_id, policy in policies.items()]
            found = candidates.load(conn, routable, periods, now=now)
            choices = allocation.allocate(found.requests, found.usages, found.rotations, now=now)
        by_lead = {c.request.lead.lead_id: c for c in choices}
        routed = {lead_id: c.decision for lead_id, c in by_lead.items() if isinstance(c.decision, Routed)}
        nobody = {lead_id: c for lead_id, c in by_lead.items() if isinstance(c.decision, NoBuyer)}
        held += [records.assignment_failed(c) for c in nobody.values() if c.request.assigned_to is not None]
        unrouted = [
            records.waiting(c, locked[lead_id], now) for lead_id, c in nobody.items() if c.request.assigned_to is None
        ]

        near: dict[int, int] = {}
        if routed:
            assignments.claim(conn, routed, now=now)
            near = reservations.near_limit(choices, assignments.reserve_credit(conn, reservations.credit(choices)))
            assignments.use_capacity(conn, reservations.capacity(choices, periods))
            assignments.open_deliveries(conn, {lead_id: locked[lead_id].offer.timezone for lead_id in routed}, now=now)
        if shared := allocation.rotated(choices):
            rotations.save(conn, shared, now=now)
        if held:
            holds.hold(conn, held, now=now)
        if unrouted:
            assignments.mark_unrouted(conn, unrouted, now=now)
        if choices:
            decided = [records.decision(c, locked[lead_id], now) for lead_id, c in by_lead.items()]
            decisions_store.record(conn, decided, decided_at=now)

        missed = [lead_id for lead_id in lead_ids if lead_id not in locked]
        repeated = leads.states(conn, missed) if missed else {}
        transaction.announce(
            [records.event(c, locked[lead_id], unrouted, now) for lead_id, c in by_lead.items()]
            + [records.near_limit(locked[lead_id], buyer_id, now) for lead_id, buyer_id in near.items()]
            + records.routed_again(repeated, now)
        )
    return [records.outcome(message, by_lead, locked, repeated) for message in messages]
