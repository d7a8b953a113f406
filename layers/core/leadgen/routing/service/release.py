"""Releases a claim whose buyer refused the lead: frees cap and credit, and moves the lead on as decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.buyers import store as buyers_store
from leadgen.kernel import calendar
from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.events import Event, Topic
from leadgen.routing.domain import disposition, reservations
from leadgen.routing.domain import policy as routing_policy
from leadgen.routing.domain.disposition import Way
from leadgen.routing.store import assignments, release
from leadgen.routing.store.release import ClaimedLead


@dataclass(frozen=True)
class ReleasedLead:
    """A lead that goes back, locked with its buyer, and where it goes; ``assigned_to`` is its one buyer."""

    held: ClaimedLead
    goes: Way
    reason: str
    assigned_to: int | None = None


def decide(conn: Connection[Any], rejected: Mapping[int, str]) -> dict[int, ReleasedLead]:
    """Lock the rejected leads (``rejected`` has each one's reason) and their buyers, and apply their policies.

    A lead that is billed already, or another buyer's, is none of them.
    """
    if not rejected:
        return {}
    held = release.lock(conn, rejected)
    buyers_store.lock(conn, {lead.buyer_id for lead in held.values()})
    return {lead_id: ReleasedLead(lead, _way(lead), rejected[lead_id]) for lead_id, lead in held.items()}


def _way(lead: ClaimedLead) -> Way:
    try:
        policy = routing_policy.parse_routing(lead.config, label=lead.policy)
    except PolicyInvalid:
        return "review"
    return disposition.way(policy, released=lead.released)


def apply(conn: Connection[Any], given_back: Sequence[ReleasedLead], *, rejected_as: str, now: datetime) -> list[Event]:
    """Give back what the claims took, and let the leads go on, whose delivery is released; the events.

    ``rejected_as`` is the reason on record of those that nobody gets.
    """
    if not given_back:
        return []
    claimed = [
        reservations.Claim(
            r.held.buyer_id,
            r.held.buyer_offer_id,
            r.held.price,
            calendar.cap_periods(r.held.delivered_at, r.held.timezone),
        )
        for r in given_back
    ]
    assignments.reserve_credit(conn, reservations.credit_of(claimed))
    assignments.give_back_capacity(conn, reservations.capacity_of(claimed))
    again = {r.held.lead_id: r.assigned_to for r in given_back if r.goes == "next_buyer"}
    ended = [r.held.lead_id for r in given_back if r.goes == "reject"]
    moved = release.to_routing(conn, again, now=now) if again else []
    rejected = release.reject(conn, ended, rejected_as, now=now) if ended else []
    held = {r.held.lead_id: r.held for r in given_back}
    return [
        *(Event(Topic.LEAD_VALIDATED, now, lead_id, held[lead_id].trace_id) for lead_id in moved),
        *(
            Event(Topic.LEAD_REJECTED, now, lead_id, held[lead_id].trace_id, ids={"buyer_id": held[lead_id].buyer_id})
            for lead_id in rejected
        ),
    ]
