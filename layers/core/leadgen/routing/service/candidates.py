"""Loads what routing decides on: locks the candidate buyers, then reads their enrollments, caps, credit, track records
and rotation.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from leadgen.buyers import store as buyers_store
from leadgen.kernel.calendar import CapPeriods
from leadgen.kernel.errors import PolicyInvalid
from leadgen.leads.domain import conditions, consent
from leadgen.leads.store.holds import LeadHold
from leadgen.routing.domain import allocation
from leadgen.routing.domain import policy as routing_policy
from leadgen.routing.domain import track_records as domain
from leadgen.routing.domain.allocation import Rotations, RoutingRequest
from leadgen.routing.domain.decision import ExclusiveBuyer
from leadgen.routing.domain.eligibility import Enrollment, Usage
from leadgen.routing.domain.policy import RoutingPolicy
from leadgen.routing.store import candidates, rotations
from leadgen.routing.store import track_records as routing_track_records
from leadgen.routing.store.candidates import LockedLead
from leadgen.routing.store.track_records import Lookback
from leadgen.suppression import domain as suppression_domain
from leadgen.suppression import store as suppression_store
from leadgen.suppression.store import Lookup


@dataclass(frozen=True)
class RoutableLead:
    """A locked lead that is to be routed, and its policy."""

    locked: LockedLead
    policy: RoutingPolicy


@dataclass(frozen=True)
class Gathered:
    """All that a batch is decided by; ``usages`` are by buyer_offer_id, ``rotations`` by offer id."""

    requests: tuple[RoutingRequest, ...]
    usages: Mapping[int, Usage]
    rotations: Rotations


def policies(locked: Iterable[LockedLead]) -> tuple[dict[int, RoutingPolicy], list[LeadHold]]:
    """The leads' policies by lead id; a lead whose policy does not parse waits for a person, and for nobody else."""
    parsed: dict[int, RoutingPolicy] = {}
    held: list[LeadHold] = []
    for lead in locked:
        try:
            label = f"{lead.policy_name!r} version {lead.policy_version}"
            parsed[lead.lead.lead_id] = routing_policy.parse_routing(lead.config, label=label)
        except PolicyInvalid as fault:
            held.append(LeadHold(lead.lead.lead_id, "policy_invalid", str(fault)))
    return parsed, held


def load(
    conn: Connection[Any], routable: Sequence[RoutableLead], periods: Mapping[int, CapPeriods], *, now: datetime
) -> Gathered:
    """Lock the buyers and read what there is of them; ``periods`` are by offer id. A constant number of statements."""
    leads = [one.locked for one in routable]
    listed = _suppressed(conn, leads)
    own_leads = [lead.lead for lead in leads]
    served = candidates.candidates(conn, leads, candidates.exclusive_buyers(conn, own_leads))
    buyer_ids = {s.buyer_id for s in served}
    buyers_store.lock(conn, buyer_ids)
    # Again, now that nobody hands an area over: whoever does holds the buyers of both.
    exclusive = candidates.exclusive_buyers(conn, own_leads)
    loaded = candidates.load_enrollments(conn, buyer_ids, periods)
    asked = _lookbacks(routable, now)
    records = routing_track_records.track_records(conn, buyer_ids, asked, now=now) if asked else {}
    enrollments = {(entry.offer_id, entry.enrollment.buyer_id): entry.enrollment for entry in loaded}
    areas: dict[int, list[tuple[int, str | None]]] = defaultdict(list)
    for s in served:
        areas[s.lead_id].append((s.buyer_id, s.area))
    requests = []
    for one in routable:
        lead = one.locked.lead
        own = tuple(
            replace(enrollments[lead.offer_id, buyer_id], area=area, rejected=buyer_id in one.locked.rejected_by)
            for buyer_id, area in sorted(areas[lead.lead_id])
        )
        requests.append(_request(one, own, exclusive.get(lead.lead_id), listed.get(lead.lead_id, ())))
    usages = {
        entry.enrollment.buyer_offer_id: replace(entry.usage, record=records[entry.enrollment.buyer_offer_id])
        if entry.enrollment.buyer_offer_id in records
        else entry.usage
        for entry in loaded
    }
    spans = allocation.spans(requests, usages, now=now)
    return Gathered(tuple(requests), usages, rotations.find(conn, spans) if spans else {})


def _request(
    one: RoutableLead, own: tuple[Enrollment, ...], exclusive: ExclusiveBuyer | None, suppressed: tuple[str, ...]
) -> RoutingRequest:
    fields = one.locked.fields
    return RoutingRequest(
        lead=one.locked.lead,
        policy=one.policy,
        offer=one.locked.offer,
        exclusive=exclusive,
        enrollments=own,
        observed=conditions.observe([e.filter for e in own if e.filter is not None], fields),
        evidence=consent.evidence(fields, [e.consent for e in own if e.consent is not None]),
        suppressed=suppressed,
        assigned_to=one.locked.assigned_to,
    )


def _suppressed(conn: Connection[Any], leads: Sequence[LockedLead]) -> dict[int, tuple[str, ...]]:
    """The lists that leads stand on by now which were held since validation checked: nobody is sold after that."""
    asked = [
        Lookup(
            lead.lead.lead_id,
            lead.lead.offer_id,
            suppression_domain.of_lead(*(str(lead.fields[name]) for name in ("email", "phone", "country_code"))),
        )
        for lead in leads
        if lead.unrouted_at is not None or lead.is_released
    ]
    return suppression_store.suppressed(conn, asked) if asked else {}


def _lookbacks(routable: Sequence[RoutableLead], now: datetime) -> list[Lookback]:
    """What the offers' policies need of the past; nothing for those that need none."""
    nothing = timedelta(0)
    terms_by_offer = {one.locked.lead.offer_id: domain.lookback_terms(one.policy) for one in routable}
    return [
        Lookback(
            offer_id,
            now - (terms.answers_within or nothing),
            now - (terms.deliveries_within or nothing),
            int((terms.patience or nothing).total_seconds()),
        )
        for offer_id, terms in terms_by_offer.items()
        if terms.anything
    ]
