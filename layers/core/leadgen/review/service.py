"""Carries out an operator's verdicts on leads and deliveries in review: guarded, audited, idempotent."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never

from psycopg import Connection

from leadgen.audit_trail import service as audit_trail_service
from leadgen.audit_trail.domain import Actor
from leadgen.buyers import store as buyers_store
from leadgen.delivery.domain import verdicts
from leadgen.delivery.domain.verdicts import Delivery, DeliveryVerdict
from leadgen.delivery.store import deliveries as delivery_deliveries
from leadgen.delivery.store import history
from leadgen.kernel.errors import Refusal
from leadgen.kernel.events import Event, Topic
from leadgen.notifications.store import replays
from leadgen.review import domain
from leadgen.review.domain import LeadVerdict
from leadgen.review.store import deliveries as review_deliveries
from leadgen.review.store import leads
from leadgen.review.store.deliveries import Ended
from leadgen.routing.domain.disposition import Way
from leadgen.routing.service import release as routing_release
from leadgen.routing.store import release as routing_release_store


@dataclass(frozen=True)
class DeliveryDecided:
    """What a verdict on a delivery made of it and of its lead; ``is_repeated`` is that it had been given before.

    The events are the caller's to announce, in the same transaction.
    """

    delivery_id: str
    lead_id: int
    verdict: verdicts.Name
    status: str
    lead_status: str
    outcome_unknown: bool
    trace_id: str | None
    is_repeated: bool
    events: tuple[Event, ...] = ()


def on_delivery(
    conn: Connection[Any], delivery_id: str, verdict: DeliveryVerdict, actor: Actor, *, now: datetime
) -> DeliveryDecided:
    """Carry out a verdict in the caller's transaction. Raises Refusal 404 and 409.

    Locks the lead, then its buyer, then the delivery, then its replays.
    """
    sale = review_deliveries.find(conn, delivery_id)
    if sale is None:
        raise Refusal.missing("delivery", delivery_id)
    review_deliveries.lock_lead(conn, sale.lead_id)
    buyers_store.lock(conn, [sale.buyer_id])
    delivery_deliveries.lock_delivery(conn, delivery_id)
    (before,) = history.shown(conn, [delivery_id])
    if verdicts.is_repeated(verdict, before):
        return _decided(verdict, before, is_repeated=True)
    verdicts.refuse(verdict, before)
    if verdict.buyer_id is not None:
        _refuse_stranger(conn, verdict.buyer_id, before)
    events = _carry_out(conn, verdict, before, actor.name, now)
    (after,) = history.shown(conn, [delivery_id])
    _audit(conn, verdict, before, after, actor, now)
    return replace(_decided(verdict, after, is_repeated=False), events=tuple(events))


def _decided(verdict: DeliveryVerdict, after: Delivery, *, is_repeated: bool) -> DeliveryDecided:
    return DeliveryDecided(
        delivery_id=after.delivery_id,
        lead_id=after.lead_id,
        verdict=verdict.verdict,
        status=after.status,
        lead_status=after.lead_status,
        outcome_unknown=after.outcome_unknown,
        trace_id=after.trace_id,
        is_repeated=is_repeated,
    )


def _refuse_stranger(conn: Connection[Any], buyer_id: int, delivery: Delivery) -> None:
    buyer = review_deliveries.candidate(conn, buyer_id, delivery.offer_id)
    if buyer is None:
        raise Refusal.missing("buyer", buyer_id)
    if not buyer.is_enrolled:
        raise Refusal(
            409, "not_enrolled", f"{buyer.name} ({buyer_id}) is not enrolled in {delivery.offer}, the lead's offer"
        )
    if not buyer.is_active:
        raise Refusal(
            409, "not_active", f"{buyer.name} ({buyer_id}) takes no leads of {delivery.offer}: it is deactivated"
        )


def _carry_out(
    conn: Connection[Any], verdict: DeliveryVerdict, delivery: Delivery, by: str, now: datetime
) -> list[Event]:
    match verdict.verdict:
        case "redeliver":
            review_deliveries.redeliver(conn, delivery.delivery_id, by=by, now=now)
            return [Event(Topic.DELIVERY_DUE, now, delivery.lead_id, delivery.trace_id)]
        case "succeeded":
            review_deliveries.end(conn, delivery.delivery_id, Ended("succeeded", "succeeded"), by=by, now=now)
            return [
                Event(
                    Topic.LEAD_DELIVERED, now, delivery.lead_id, delivery.trace_id, ids={"buyer_id": delivery.buyer_id}
                )
            ]
        case "assign" | "return":
            return _take_back(conn, verdict, delivery, "next_buyer", by, now)
        case "reject":
            return _take_back(conn, verdict, delivery, "reject", by, now)
        case _:
            assert_never(verdict.verdict)


def _take_back(
    conn: Connection[Any], verdict: DeliveryVerdict, delivery: Delivery, way: Way, by: str, now: datetime
) -> list[Event]:
    held = routing_release_store.lock(conn, [delivery.lead_id])[delivery.lead_id]
    ended = Ended("released", verdict.verdict, verdict.buyer_id)
    review_deliveries.end(conn, delivery.delivery_id, ended, by=by, now=now)
    replays.withdraw(conn, delivery.delivery_id, now=now)
    back = routing_release.ReleasedLead(held, way, "operator", assigned_to=verdict.buyer_id)
    return routing_release.apply(conn, [back], rejected_as="operator", now=now)


def _audit(
    conn: Connection[Any], verdict: DeliveryVerdict, before: Delivery, after: Delivery, actor: Actor, now: datetime
) -> None:
    # The buyer's reason for a rejection is left out: it may be about a person, and the trail is kept for years.
    audit_trail_service.record(
        conn,
        actor,
        "delivery.review",
        ("lead", before.lead_id),
        {
            "delivery_id": before.delivery_id,
            "buyer_id": before.buyer_id,
            "status": before.status,
            "reason": before.review_reason,
            "outcome_unknown": before.outcome_unknown,
            "lead_status": before.lead_status,
        },
        {
            "delivery_id": after.delivery_id,
            "status": after.status,
            "lead_status": after.lead_status,
            "verdict": verdict.verdict,
            "assigned_to": verdict.buyer_id,
            "reason": verdict.reason,
        },
        now=now,
    )


@dataclass(frozen=True)
class LeadDecided:
    """What a verdict on a lead made of it. The event is the caller's to announce, in the same transaction."""

    lead_id: int
    status: str
    verdict: str
    event: Event


def on_lead(conn: Connection[Any], lead_id: int, verdict: LeadVerdict, actor: Actor, *, now: datetime) -> LeadDecided:
    """Carry out a verdict in the caller's transaction. Raises Refusal 404 and 409."""
    found = leads.lock(conn, lead_id)
    if found is None:
        raise Refusal.missing("lead", lead_id)
    if found.since is None or found.status not in ("received", "validated"):
        raise Refusal(409, "not_in_review", f"lead {lead_id} is not in review", {"status": found.status})
    if verdict.verdict == "release":
        leads.release(conn, lead_id, now=now)
    else:
        leads.reject(conn, lead_id, now=now)
    status = domain.status_after(verdict, found.status)
    before = {"status": found.status, "reason": found.reason, "detail": found.detail}
    after = {"status": status, "verdict": verdict.verdict, "reason": verdict.reason}
    audit_trail_service.record(conn, actor, "lead.review", ("lead", lead_id), before, after, now=now)
    event = domain.event(verdict, lead_id, found.status, found.trace_id, now)
    return LeadDecided(lead_id, status, verdict.verdict, event)
