"""Reads and writes endpoints. A row's lock covers its circuit breaker and its calls under way."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.outbound.domain.breaker import Breaker, InFlight


@dataclass(frozen=True, order=True)
class Address:
    """Whose endpoint it is (``buyer:7``, ``operator``), and its URL; ``mail:`` and ``sms:`` are who sends those."""

    owner: str
    url: str


MAIL = Address("operator", "mail:")
SMS = Address("operator", "sms:")


def of_buyer(buyer_id: int, url: str) -> Address:
    """A buyer's own endpoint: what others do at the same URL is not its fault."""
    return Address(f"buyer:{buyer_id}", url)


def of_operator(url: str) -> Address:
    """An endpoint of the operator's."""
    return Address("operator", url)


def reopen(conn: Connection[Any], address: Address, *, now: datetime) -> None:
    """Call an endpoint again, whatever it did before: somebody has named it anew."""
    conn.execute(
        """
        UPDATE endpoints
           SET state = 'closed', reason = NULL, failures = 0, openings = 0, open_until = NULL, state_since = %s
         WHERE owner = %s AND url = %s
        """,
        (now, address.owner, address.url),
    )


def find(conn: Connection[Any], addresses: Collection[Address]) -> dict[Address, int]:
    """The ids of those endpoints that are known; not locked."""
    rows = conn.execute(
        """
        SELECT e.owner, e.url, e.id FROM unnest(%s::text[], %s::text[]) AS a(owner, url)
          JOIN endpoints e ON e.owner = a.owner AND e.url = a.url
        """,
        ([address.owner for address in addresses], [address.url for address in addresses]),
    )
    return {Address(owner, url): endpoint_id for owner, url, endpoint_id in rows}


def add(conn: Connection[Any], addresses: Collection[Address], *, now: datetime) -> None:
    """Add endpoints; those already stored stay as they are."""
    conn.execute(
        """
        INSERT INTO endpoints (owner, url, created_at, state_since)
        SELECT owner, url, %(now)s, %(now)s FROM unnest(%(owners)s::text[], %(urls)s::text[]) AS a(owner, url)
        ON CONFLICT (owner, url) DO NOTHING
        """,
        {
            "owners": [address.owner for address in sorted(addresses)],
            "urls": [address.url for address in sorted(addresses)],
            "now": now,
        },
    )


def lock(conn: Connection[Any], endpoint_ids: Collection[int]) -> dict[int, Breaker]:
    """Lock endpoints in id order, after whatever leads and buyers the transaction locks; their breakers by id."""
    rows = conn.execute(
        """
        SELECT id, state, reason, failures, openings, allowed, open_until FROM endpoints
         WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
        """,
        (sorted(set(endpoint_ids)),),
    )
    return {endpoint_id: Breaker(*breaker) for endpoint_id, *breaker in rows}


def in_flight(conn: Connection[Any], endpoint_ids: Collection[int], *, now: datetime) -> dict[int, InFlight]:
    """The calls under way to locked endpoints, by id; a call whose claim is over is under way no more."""
    rows = conn.execute(
        """
        SELECT endpoint_id, count(*), min(claimed_at)
          FROM (SELECT endpoint_id, claimed_at FROM deliveries
                 WHERE endpoint_id = ANY(%(ids)s) AND claimed_until >= %(now)s
                 UNION ALL
                SELECT endpoint_id, claimed_at FROM notices
                 WHERE endpoint_id = ANY(%(ids)s) AND claimed_until >= %(now)s) AS calls
         GROUP BY endpoint_id
        """,
        {"ids": list(endpoint_ids), "now": now},
    )
    return {endpoint_id: InFlight(calls, oldest_at) for endpoint_id, calls, oldest_at in rows}


def save(conn: Connection[Any], breakers: Mapping[int, Breaker], *, now: datetime) -> None:
    """Keep the breakers of locked endpoints."""
    conn.execute(
        """
        UPDATE endpoints e
           SET state = b.state, reason = left(b.reason, 200), failures = b.failures, openings = b.openings,
               allowed = b.allowed, open_until = b.open_until,
               state_since = CASE WHEN e.state <> b.state THEN %(now)s ELSE e.state_since END
          FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(reasons)s::text[], %(failures)s::int[],
                      %(openings)s::int[], %(allowed)s::int[], %(until)s::timestamptz[])
               AS b(id, state, reason, failures, openings, allowed, open_until)
         WHERE e.id = b.id
        """,
        {
            "ids": list(breakers),
            "states": [b.state for b in breakers.values()],
            "reasons": [b.reason for b in breakers.values()],
            "failures": [b.failures for b in breakers.values()],
            "openings": [b.openings for b in breakers.values()],
            "allowed": [b.allowed for b in breakers.values()],
            "until": [b.open_until for b in breakers.values()],
            "now": now,
        },
    )


def address(conn: Connection[Any], endpoint_id: int) -> Address | None:
    """Where an endpoint is, or None where there is none; it never moves."""
    with conn.cursor(row_factory=class_row(Address)) as cursor:
        cursor.execute("SELECT owner, url FROM endpoints WHERE id = %s", (endpoint_id,))
        return cursor.fetchone()


def delete(conn: Connection[Any], *, before: datetime, limit: int) -> int:
    """Forget up to ``limit`` endpoints that nothing refers to and nothing has happened to since; how many."""
    return conn.execute(
        """
        DELETE FROM endpoints e
         USING (SELECT id FROM endpoints own
                 WHERE state_since < %s AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.endpoint_id = own.id)
                   AND NOT EXISTS (SELECT 1 FROM notices n WHERE n.endpoint_id = own.id)
                 ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED) AS old
         WHERE e.id = old.id
        """,
        (before, limit),
    ).rowcount


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as an operator sees it; ``calls`` are under way now, ``allowed`` at most."""

    endpoint_id: int
    owner: str
    url: str
    state: str
    since: datetime
    reason: str | None
    failures: int
    allowed: int
    open_until: datetime | None
    calls: int


def known(conn: Connection[Any], *, now: datetime, limit: int) -> list[Endpoint]:
    """The endpoints, those in trouble first."""
    with conn.cursor(row_factory=class_row(Endpoint)) as cursor:
        cursor.execute(
            """
            SELECT e.id AS endpoint_id, e.owner, e.url, e.state, e.state_since AS since, e.reason, e.failures,
                   e.allowed, e.open_until,
                   ((SELECT count(*) FROM deliveries d WHERE d.endpoint_id = e.id AND d.claimed_until >= %(now)s)
                    + (SELECT count(*) FROM notices n WHERE n.endpoint_id = e.id AND n.claimed_until >= %(now)s)
                   )::int AS calls
              FROM endpoints e ORDER BY e.state = 'closed', e.failures = 0, e.id LIMIT %(limit)s
            """,
            {"now": now, "limit": limit},
        )
        return cursor.fetchall()
