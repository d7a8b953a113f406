"""Lists endpoints with their circuit breakers for operators, and closes a circuit by hand."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.audit_trail import service as audit_trail_service
from leadgen.audit_trail.domain import Actor
from leadgen.buyers import store as buyers_store
from leadgen.kernel.errors import Refusal
from leadgen.kernel.trace import plain
from leadgen.outbound import store
from leadgen.outbound.domain.breaker import Breaker
from leadgen.outbound.store import Endpoint
from leadgen.platform.egress.urls import without_query


@dataclass(frozen=True)
class ListedEndpoint:
    """An endpoint, and whose it is by name: a buyer's, or the operator."""

    endpoint: Endpoint
    name: str

    @property
    def url(self) -> str:
        """Without its query."""
        return without_query(self.endpoint.url)


def listed(conn: Connection[Any], *, now: datetime, limit: int) -> list[ListedEndpoint]:
    """The endpoints, those in trouble first, in two statements."""
    known = store.known(conn, now=now, limit=limit)
    names = _names(conn, [endpoint.owner for endpoint in known])
    return [ListedEndpoint(endpoint, names[endpoint.owner]) for endpoint in known]


def _names(conn: Connection[Any], owners: Sequence[str]) -> dict[str, str]:
    of_buyers = {owner: int(owner.removeprefix("buyer:")) for owner in owners if owner.startswith("buyer:")}
    named = buyers_store.buyers_named(conn, of_buyers.values())
    return {owner: named.get(of_buyers[owner], owner) if owner in of_buyers else owner for owner in owners}


def as_json(shown: ListedEndpoint) -> dict[str, Any]:
    """An endpoint; its next probe is when it may be called again."""
    fields = asdict(shown.endpoint)
    next_probe_at = fields.pop("open_until")
    return {**fields, "name": shown.name, "url": shown.url, "next_probe_at": next_probe_at}


@dataclass(frozen=True)
class Reset:
    """An endpoint whose circuit is closed now; ``is_repeated`` is that it was already."""

    endpoint_id: int
    owner: str
    url: str
    state: str
    is_repeated: bool


def reset(conn: Connection[Any], endpoint_id: int, actor: Actor, *, now: datetime) -> Reset:
    """Close an endpoint's breaker in the caller's transaction, whatever it was: calls go there again, as to one that
    nothing is known of. Raises Refusal 404.
    """
    address = store.address(conn, endpoint_id)
    locked = store.lock(conn, [endpoint_id])
    if address is None or endpoint_id not in locked:
        raise Refusal.missing("endpoint", endpoint_id)
    url = without_query(address.url)
    before = locked[endpoint_id]
    if before.state == "closed" and before.failures == 0 and before.open_until is None:
        return Reset(endpoint_id, address.owner, url, before.state, is_repeated=True)
    after = Breaker()
    store.save(conn, {endpoint_id: after}, now=now)
    about = {"owner": address.owner, "url": url}
    audit_trail_service.record(
        conn,
        actor,
        "endpoint.reset",
        ("endpoint", endpoint_id),
        {**about, "breaker": plain(before)},
        {**about, "breaker": plain(after)},
        now=now,
    )
    return Reset(endpoint_id, address.owner, url, after.state, is_repeated=False)
