"""Reads the leads in review, and releases or rejects one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True)
class LeadInReview:
    """A lead that waits for an operator."""

    lead_id: int
    status: str
    offer_id: int
    offer: str
    since: datetime
    reason: str
    detail: str | None
    fraud_score: int | None
    lead_score: int | None


def waiting(conn: Connection[Any], *, limit: int) -> list[LeadInReview]:
    """The leads in review, longest waiting first."""
    with conn.cursor(row_factory=class_row(LeadInReview)) as cursor:
        cursor.execute(
            """
            SELECT l.id AS lead_id, l.status::text, l.offer_id, o.name AS offer, l.in_review_since AS since,
                   l.review_reason AS reason, l.review_detail AS detail, l.fraud_score, l.lead_score
              FROM leads l JOIN offers o ON o.id = l.offer_id
             WHERE l.in_review_since IS NOT NULL ORDER BY l.in_review_since, l.id LIMIT %s
            """,
            (limit,),
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class LockedLead:
    """A lead as a verdict finds it, locked; ``since`` is None where it is not in review."""

    lead_id: int
    status: str
    since: datetime | None
    reason: str | None
    detail: str | None
    trace_id: str | None


def lock(conn: Connection[Any], lead_id: int) -> LockedLead | None:
    """Lock a lead for a verdict, or None where there is none."""
    with conn.cursor(row_factory=class_row(LockedLead)) as cursor:
        cursor.execute(
            """
            SELECT id AS lead_id, status::text, in_review_since AS since, review_reason AS reason,
                   review_detail AS detail, trace_id
              FROM leads WHERE id = %s FOR NO KEY UPDATE
            """,
            (lead_id,),
        )
        return cursor.fetchone()


def release(conn: Connection[Any], lead_id: int, *, now: datetime) -> None:
    """Let a lead in review go on from where it is; it is not held for a score again."""
    conn.execute(
        """
        UPDATE leads SET in_review_since = NULL, review_reason = NULL, review_detail = NULL,
                         released_at = %(now)s, assigned_buyer_id = NULL, updated_at = %(now)s
         WHERE id = %(lead)s AND in_review_since IS NOT NULL
        """,
        {"lead": lead_id, "now": now},
    )


def reject(conn: Connection[Any], lead_id: int, *, now: datetime) -> None:
    """Reject a lead in review, for good: as an invalid one, or where it was valid, as one that is not sold."""
    conn.execute(
        """
        UPDATE leads SET in_review_since = NULL, review_reason = NULL, review_detail = NULL, status = 'rejected',
                         validation_reason = CASE WHEN status = 'received' THEN 'review_rejected' END,
                         rejection_reason = CASE WHEN status = 'validated' THEN 'review_rejected' END,
                         rejected_at = CASE WHEN status = 'validated' THEN %(now)s::timestamptz END,
                         route_again_at = NULL, updated_at = %(now)s
         WHERE id = %(lead)s AND in_review_since IS NOT NULL
        """,
        {"lead": lead_id, "now": now},
    )
