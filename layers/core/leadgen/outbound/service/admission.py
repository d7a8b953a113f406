"""Admits calls to endpoints by their circuit breakers, under their locks, and reports results back to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.outbound import store
from leadgen.outbound.domain import breaker
from leadgen.outbound.domain.breaker import InFlight
from leadgen.outbound.domain.outcomes import CallOutcome
from leadgen.outbound.store import Address


@dataclass(frozen=True)
class Admitted:
    """How many calls an endpoint takes now; the others come back at ``come_back_at``, never where it is None."""

    endpoint_id: int
    calls: int
    come_back_at: datetime | None


def admit(conn: Connection[Any], wanted: Mapping[Address, int], *, now: datetime) -> dict[Address, Admitted]:
    """Lock the endpoints and return how many of the wanted calls each may get."""
    ids = store.find(conn, wanted)
    strange = wanted.keys() - ids.keys()
    if strange:
        store.add(conn, strange, now=now)
        ids |= store.find(conn, strange)
    before = store.lock(conn, ids.values())
    under_way = store.in_flight(conn, ids.values(), now=now)
    admissions = {
        address: breaker.admit(before[ids[address]], under_way.get(ids[address], InFlight()), count, now=now)
        for address, count in wanted.items()
    }
    _save(conn, before, {ids[address]: admission.breaker for address, admission in admissions.items()}, now)
    return {
        address: Admitted(ids[address], admission.calls, admission.come_back_at)
        for address, admission in admissions.items()
    }


@dataclass(frozen=True)
class Report:
    """What one call to an endpoint came to."""

    endpoint_id: int
    outcome: CallOutcome
    status: int | None
    seconds: float


def report(conn: Connection[Any], reports: Sequence[Report], *, now: datetime) -> None:
    """Update the breakers with the calls' outcomes, in this order."""
    before = store.lock(conn, [one.endpoint_id for one in reports])
    after = dict(before)
    for one in reports:
        after[one.endpoint_id] = breaker.after(
            after[one.endpoint_id], one.outcome, status=one.status, seconds=one.seconds, now=now
        )
    _save(conn, before, after, now)


def _save(
    conn: Connection[Any], before: Mapping[int, breaker.Breaker], after: Mapping[int, breaker.Breaker], now: datetime
) -> None:
    changed = {endpoint_id: state for endpoint_id, state in after.items() if state != before[endpoint_id]}
    if changed:
        store.save(conn, changed, now=now)
