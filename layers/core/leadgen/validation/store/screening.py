"""Locks received leads, finds their duplicates and moves them on: each statement for a whole batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row, dict_row

from leadgen.leads.domain.lead import LEAD_FIELDS, Contact, Lead, LeadStatus, filled_fields
from leadgen.leads.store.leads import lead_under_decision
from leadgen.validation.domain import duplicates


@dataclass(frozen=True)
class LockedLead:
    """A lead under this transaction's lock, with its offer's validation policy as stored.

    ``fields`` are its own and its attributes, as ``attributes.<name>``: personal data, for looking at only.
    """

    lead: Lead
    contact: Contact
    fields: Mapping[str, object]
    ip_country: str | None
    is_released: bool
    trace_id: str | None
    policy_id: int
    policy_name: str
    policy_version: int
    rules: object


def with_undecided_kin(conn: Connection[Any], lead_ids: Sequence[int]) -> list[int]:
    """The leads, and every earlier undecided lead of the same people in the same offers.

    The first transaction decides for all of them in turn: a lead is never judged against one whose own fate is open.
    One that a person looks at is left out, and counts for what it is: received.
    """
    rows = conn.execute(
        """
        WITH RECURSIVE asked AS (
          SELECT id, created_at, offer_id, normalized_phone AS phone, normalized_email AS email
            FROM leads WHERE id = ANY(%s)
        ), known (offer_id, phone, email) AS (
          SELECT offer_id, phone, NULL::text FROM asked WHERE phone IS NOT NULL
          UNION
          SELECT offer_id, NULL, email FROM asked WHERE email IS NOT NULL
          UNION
          SELECT known.offer_id, found.phone, found.email
            FROM known CROSS JOIN LATERAL (
              SELECT NULL AS phone, l.normalized_email AS email FROM leads l
               WHERE l.status = 'received' AND l.offer_id = known.offer_id AND l.normalized_phone = known.phone
              UNION ALL
              SELECT l.normalized_phone, NULL FROM leads l
               WHERE l.status = 'received' AND l.offer_id = known.offer_id AND l.normalized_email = known.email
            ) AS found
           WHERE found.phone IS NOT NULL OR found.email IS NOT NULL
        ), kin AS (
          SELECT l.id, l.created_at FROM known JOIN leads l
              ON l.status = 'received' AND l.offer_id = known.offer_id AND l.normalized_phone = known.phone
             AND l.in_review_since IS NULL
          UNION
          SELECT l.id, l.created_at FROM known JOIN leads l
              ON l.status = 'received' AND l.offer_id = known.offer_id AND l.normalized_email = known.email
             AND l.in_review_since IS NULL
        )
        SELECT id FROM asked
        UNION
        SELECT id FROM kin WHERE (created_at, id) < (SELECT created_at, id FROM asked
                                                      ORDER BY created_at DESC, id DESC LIMIT 1)
        """,
        (list(lead_ids),),
    )
    return sorted(row[0] for row in rows)


def lock_received(conn: Connection[Any], lead_ids: Sequence[int]) -> list[LockedLead]:
    """Lock, in id order, those of the leads that are not decided yet and that nobody looks at."""
    with conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            """
            SELECT l.id, l.created_at, l.offer_id, l.source_id, l.market_id, l.country_code, l.name, l.email, l.phone,
                   l.postal_code, l.city, l.region_code, l.message, l.utm_source, l.utm_medium, l.utm_campaign,
                   l.consent, l.gdpr_consent, l.attributes, l.normalized_phone, l.normalized_email, l.source,
                   l.ip_country, l.released_at IS NOT NULL AS is_released, l.trace_id,
                   v.id AS policy_id, v.name AS policy_name, v.version AS policy_version, v.rules
              FROM leads l
              JOIN offers o ON o.id = l.offer_id
              JOIN validation_policies v ON v.id = o.validation_policy_id
             WHERE l.id = ANY(%s) AND l.status = 'received' AND l.in_review_since IS NULL
             ORDER BY l.id
               FOR NO KEY UPDATE OF l
            """,
            (list(lead_ids),),
        )
        return [_locked(row) for row in cursor]


def _locked(row: dict[str, Any]) -> LockedLead:
    attributes = {f"attributes.{name}": value for name, value in row["attributes"].items()}
    return LockedLead(
        lead=lead_under_decision(row, filled_fields({field: row[field] for field in LEAD_FIELDS}, row["attributes"])),
        contact=Contact(row["normalized_phone"], row["normalized_email"]),
        fields={**{name: row[name] for name in (*LEAD_FIELDS, "country_code", "source")}, **attributes},
        ip_country=row["ip_country"],
        is_released=row["is_released"],
        trace_id=row["trace_id"],
        policy_id=row["policy_id"],
        policy_name=row["policy_name"],
        policy_version=row["policy_version"],
        rules=row["rules"],
    )


@dataclass(frozen=True)
class _Found:
    searching_lead_id: int
    lead_id: int
    created_at: datetime
    phone_match: bool
    email_match: bool


def latest_matches(
    conn: Connection[Any], searches: Sequence[duplicates.Search], *, except_ids: Sequence[int]
) -> dict[int, duplicates.Match]:
    """For each search the most recent stored lead that matches, by searching lead; ``except_ids`` are left out.

    The leads of the batch itself are judged in memory, where their new states are known.
    """
    with conn.cursor(row_factory=class_row(_Found)) as cursor:
        cursor.execute(
            """
            SELECT s.lead_id AS searching_lead_id, m.*
              FROM unnest(%(lead_ids)s::int[], %(offer_ids)s::int[], %(source_ids)s::int[], %(since)s::timestamptz[],
                          %(created_at)s::timestamptz[], %(phones)s::text[], %(emails)s::text[], %(match_all)s::bool[],
                          %(excluded)s::text[])
                   AS s(lead_id, offer_id, source_id, since, created_at, phone, email, match_all, excluded)
             CROSS JOIN LATERAL (
               (SELECT l.id AS lead_id, l.created_at, true AS phone_match,
                       coalesce(l.normalized_email = s.email, false) AS email_match
                  FROM leads l
                 WHERE l.offer_id = s.offer_id AND l.normalized_phone = s.phone
                   AND l.created_at >= s.since AND (l.created_at, l.id) < (s.created_at, s.lead_id)
                   AND l.status::text <> ALL (string_to_array(s.excluded, ','))
                   AND (s.source_id IS NULL OR l.source_id = s.source_id)
                   AND (NOT s.match_all OR s.email IS NULL OR l.normalized_email = s.email)
                   AND l.id <> ALL (%(except_ids)s)
                 ORDER BY l.created_at DESC, l.id DESC LIMIT 1)
               UNION ALL
               (SELECT l.id, l.created_at, coalesce(l.normalized_phone = s.phone, false), true
                  FROM leads l
                 WHERE l.offer_id = s.offer_id AND l.normalized_email = s.email
                   AND l.created_at >= s.since AND (l.created_at, l.id) < (s.created_at, s.lead_id)
                   AND l.status::text <> ALL (string_to_array(s.excluded, ','))
                   AND (s.source_id IS NULL OR l.source_id = s.source_id)
                   AND (NOT s.match_all OR s.phone IS NULL OR l.normalized_phone = s.phone)
                   AND l.id <> ALL (%(except_ids)s)
                 ORDER BY l.created_at DESC, l.id DESC LIMIT 1)
               ORDER BY 2 DESC, 1 DESC LIMIT 1) AS m
            """,
            {
                "lead_ids": [s.lead_id for s in searches],
                "offer_ids": [s.offer_id for s in searches],
                "source_ids": [s.source_id for s in searches],
                "since": [s.since for s in searches],
                "created_at": [s.created_at for s in searches],
                "phones": [s.phone for s in searches],
                "emails": [s.email for s in searches],
                "match_all": [s.match_all for s in searches],
                "excluded": [",".join(s.exclude_statuses) for s in searches],
                "except_ids": list(except_ids),
            },
        )
        return {
            found.searching_lead_id: duplicates.Match(
                found.lead_id,
                found.created_at,
                tuple(key for key, hit in (("phone", found.phone_match), ("email", found.email_match)) if hit),
            )
            for found in cursor
        }


@dataclass(frozen=True)
class Transition:
    """What validation makes of a received lead; one with a ``review_reason`` waits there for a person."""

    lead_id: int
    status: LeadStatus
    validation_reason: str | None
    duplicate_of_lead_id: int | None
    review_reason: str | None = None
    review_detail: str | None = None
    fraud_score: int | None = None
    lead_score: int | None = None
    flags: tuple[str, ...] = ()


def apply_transitions(conn: Connection[Any], transitions: Sequence[Transition], *, now: datetime) -> list[int]:
    """Move received leads on, or into review; the ids of those that were still received."""
    rows = conn.execute(
        """
        UPDATE leads l
           SET status = t.status::lead_status, validation_reason = t.reason,
               is_duplicate = t.duplicate_of IS NOT NULL, duplicate_of_lead_id = t.duplicate_of,
               in_review_since = CASE WHEN t.review_reason IS NOT NULL THEN %(now)s::timestamptz END,
               review_reason = t.review_reason, review_detail = left(t.review_detail, 1000),
               fraud_score = t.fraud_score, lead_score = t.lead_score, flags = string_to_array(t.flags, ','),
               updated_at = %(now)s
          FROM unnest(%(ids)s::int[], %(statuses)s::text[], %(reasons)s::text[], %(duplicates)s::int[],
                      %(review_reasons)s::text[], %(review_details)s::text[], %(fraud_scores)s::int[],
                      %(lead_scores)s::int[], %(flags)s::text[])
               AS t(lead_id, status, reason, duplicate_of, review_reason, review_detail, fraud_score, lead_score, flags)
         WHERE l.id = t.lead_id AND l.status = 'received'
        RETURNING l.id
        """,
        {
            "ids": [t.lead_id for t in transitions],
            "statuses": [t.status for t in transitions],
            "reasons": [t.validation_reason for t in transitions],
            "duplicates": [t.duplicate_of_lead_id for t in transitions],
            "review_reasons": [t.review_reason for t in transitions],
            "review_details": [t.review_detail for t in transitions],
            "fraud_scores": [t.fraud_score for t in transitions],
            "lead_scores": [t.lead_score for t in transitions],
            "flags": [",".join(t.flags) for t in transitions],
            "now": now,
        },
    )
    return [row[0] for row in rows]


@dataclass(frozen=True)
class DuplicateEvent:
    """A row of the audit-grade ``lead_duplicate_events``."""

    lead_id: int
    matched_lead_id: int
    offer_id: int
    source_id: int
    match_keys: tuple[str, ...]
    window_hours: int
    match_mode: str
    include_sources: str
    action: str
    reason_code: str


def record_duplicates(conn: Connection[Any], events: Sequence[DuplicateEvent]) -> None:
    """Record each match and what was done about it."""
    conn.execute(
        """
        INSERT INTO lead_duplicate_events (lead_id, matched_lead_id, offer_id, source_id, match_keys, window_hours,
                                           match_mode, include_sources, action, reason_code)
        SELECT e.lead_id, e.matched, e.offer_id, e.source_id, string_to_array(e.keys, ','), e.hours, e.mode, e.sources,
               e.action, e.reason
          FROM unnest(%(lead)s::int[], %(matched)s::int[], %(offer)s::int[], %(source)s::int[], %(keys)s::text[],
                      %(hours)s::int[], %(mode)s::text[], %(sources)s::text[], %(action)s::text[], %(reason)s::text[])
               AS e(lead_id, matched, offer_id, source_id, keys, hours, mode, sources, action, reason)
        """,
        {
            "lead": [e.lead_id for e in events],
            "matched": [e.matched_lead_id for e in events],
            "offer": [e.offer_id for e in events],
            "source": [e.source_id for e in events],
            "keys": [",".join(e.match_keys) for e in events],
            "hours": [e.window_hours for e in events],
            "mode": [e.match_mode for e in events],
            "sources": [e.include_sources for e in events],
            "action": [e.action for e in events],
            "reason": [e.reason_code for e in events],
        },
    )
