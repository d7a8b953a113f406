"""Reads leads and their states, erases old ones, and finds those that wait too long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.leads.domain.lead import Lead


@dataclass(frozen=True)
class Answer:
    """The public answer about a lead; ``settled`` is whether it is routed, rejected, unrouted or in review."""

    lead_id: int
    status: str
    buyer_id: int | None
    price: Decimal | None
    source_id: int
    offer_id: int
    market_id: int
    vertical_id: int
    idempotency_key: str
    is_duplicate: bool
    duplicate_of_lead_id: int | None
    settled: bool


def lead_under_decision(row: Mapping[str, Any], filled: frozenset[str]) -> Lead:
    """The lead that a stage's locking statement has read."""
    return Lead(
        lead_id=row["id"],
        created_at=row["created_at"],
        offer_id=row["offer_id"],
        source_id=row["source_id"],
        market_id=row["market_id"],
        country_code=row["country_code"],
        postal_code=row["postal_code"],
        city=row["city"],
        filled=filled,
    )


def answer(conn: Connection[Any], lead_id: int) -> Answer | None:
    """The lead as its poster may see it, or None."""
    with conn.cursor(row_factory=class_row(Answer)) as cursor:
        cursor.execute(
            """
            SELECT id AS lead_id, status::text, buyer_id, coalesce(price, delivered_price) AS price,
                   source_id, offer_id, market_id, vertical_id, idempotency_key, is_duplicate, duplicate_of_lead_id,
                   status NOT IN ('received', 'validated') OR unrouted_at IS NOT NULL
                     OR in_review_since IS NOT NULL AS settled
              FROM leads WHERE id = %s
            """,
            (lead_id,),
        )
        return cursor.fetchone()


@dataclass(frozen=True)
class State:
    """How far a lead is that a repeated message names."""

    lead_id: int
    status: str
    billing_status: str
    is_unrouted: bool
    trace_id: str | None
    buyer_id: int | None
    route_attempts: int


def states(conn: Connection[Any], lead_ids: Sequence[int]) -> dict[int, State]:
    """How far these leads are, by id; not locked."""
    with conn.cursor(row_factory=class_row(State)) as cursor:
        cursor.execute(
            """
            SELECT id AS lead_id, status::text, billing_status::text, unrouted_at IS NOT NULL AS is_unrouted, trace_id,
                   buyer_id, route_attempts
              FROM leads WHERE id = ANY(%s)
            """,
            (list(lead_ids),),
        )
        return {state.lead_id: state for state in cursor}


@dataclass(frozen=True)
class Stuck:
    """A lead that has waited too long for its next step, and the event that takes it there."""

    lead_id: int
    event: str
    trace_id: str | None
    buyer_id: int | None


def take_stuck(conn: Connection[Any], *, now: datetime, since: datetime, limit: int) -> list[Stuck]:
    """Leads whose next step is overdue, the longest untouched first; they count as touched from now on.

    Overdue is what has not been touched since ``since``, and the unrouted whose time has come. A lead that announcing
    does not help is announced ever more rarely: after twice the time it had waited before. What a person has is not
    overdue.
    """
    with conn.cursor(row_factory=class_row(Stuck)) as cursor:
        cursor.execute(
            """
            WITH waiting AS (
              SELECT id, 'lead.received' AS event, greatest(created_at, released_at) AS began FROM leads
               WHERE status = 'received' AND in_review_since IS NULL
              UNION ALL
              SELECT id, 'lead.validated',
                     coalesce(route_again_at,
                              greatest(created_at, released_at,
                                       (SELECT max(d.settled_at) FROM deliveries d WHERE d.lead_id = leads.id)))
                FROM leads
               WHERE status = 'validated' AND (route_again_at IS NULL OR route_again_at <= %(now)s)
                 AND in_review_since IS NULL
              UNION ALL
              SELECT l.id, 'lead.delivered', d.settled_at FROM leads l JOIN deliveries d ON d.lead_id = l.id
               WHERE l.status IN ('delivered', 'accepted') AND l.billing_status = 'pending' AND d.status = 'succeeded'
            ), stuck AS (
              SELECT l.id, w.event
                FROM waiting w
                JOIN leads l ON l.id = w.id
                CROSS JOIN LATERAL (SELECT greatest(w.began, l.updated_at) AS touched) AS t
               WHERE (t.touched < %(since)s OR (l.route_again_at <= %(now)s AND t.touched = l.route_again_at))
                 AND %(now)s - t.touched >= t.touched - w.began
               ORDER BY t.touched, l.id LIMIT %(limit)s
                 FOR NO KEY UPDATE OF l SKIP LOCKED
            )
            UPDATE leads SET updated_at = %(now)s FROM stuck WHERE leads.id = stuck.id
            RETURNING leads.id AS lead_id, stuck.event, leads.trace_id, leads.buyer_id
            """,
            {"now": now, "since": since, "limit": limit},
        )
        return sorted(cursor.fetchall(), key=lambda lead: lead.lead_id)


def erase_older_than(conn: Connection[Any], *, before: datetime, now: datetime, limit: int) -> list[int]:
    """Take the personal data out of up to ``limit`` leads created before ``before``; their ids.

    The rows stay: invoices, decisions and counts refer to them. One that still waits for a buyer or for a person is
    rejected: there is nothing left of it to sell. One that is on its way to its buyer is left for another day.
    """
    rows = conn.execute(
        """
        UPDATE leads
           SET name = 'erased', email = 'erased', phone = 'erased', message = NULL, ip_address = NULL,
               user_agent = NULL, normalized_email = NULL, normalized_phone = NULL, attributes = '{}',
               status = CASE WHEN status IN ('received', 'validated') THEN 'rejected' ELSE status END,
               validation_reason = CASE WHEN status = 'received' THEN 'erased' ELSE validation_reason END,
               rejection_reason = CASE WHEN status = 'validated' THEN 'erased' ELSE rejection_reason END,
               rejected_at = CASE WHEN status = 'validated' THEN %(now)s ELSE rejected_at END,
               route_again_at = NULL, in_review_since = NULL, review_reason = NULL, review_detail = NULL,
               erased_at = %(now)s, updated_at = %(now)s
         WHERE id IN (SELECT id FROM leads
                       WHERE created_at < %(before)s AND erased_at IS NULL
                         AND (status <> 'received' OR in_review_since IS NOT NULL)
                         AND NOT EXISTS (SELECT 1 FROM deliveries d
                                          WHERE d.lead_id = leads.id AND d.status = 'pending')
                       ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED)
        RETURNING id
        """,
        {"before": before, "now": now, "limit": limit},
    )
    return [row[0] for row in rows]
