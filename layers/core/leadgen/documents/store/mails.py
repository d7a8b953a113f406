"""Claims and records the mails of documents."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True)
class ClaimedMail:
    """A mail that is this worker's to send. ``outcome_unknown`` is that another worker claimed it before, and died over
    it.
    """

    mail_id: int
    buyer_id: int
    invoice_id: int | None
    credit_note_id: int | None
    email: str
    attempts: int
    outcome_unknown: bool


@dataclass(frozen=True)
class PendingMail:
    """A document whose mail has not been sent: an invoice's or a credit note's."""

    invoice_id: int | None
    credit_note_id: int | None


def pending(conn: Connection[Any], invoice_ids: Collection[int], credit_note_ids: Collection[int]) -> list[PendingMail]:
    """Those of these documents whose mails have not been sent."""
    with conn.cursor(row_factory=class_row(PendingMail)) as cursor:
        cursor.execute(
            """
            SELECT invoice_id, credit_note_id FROM document_mails
             WHERE (invoice_id = ANY(%s) OR credit_note_id = ANY(%s)) AND status = 'pending' ORDER BY id
            """,
            (sorted(set(invoice_ids)), sorted(set(credit_note_ids))),
        )
        return cursor.fetchall()


def claim(
    conn: Connection[Any],
    invoice_ids: Collection[int],
    credit_note_ids: Collection[int],
    *,
    now: datetime,
    until: datetime,
) -> list[ClaimedMail]:
    """Claim what is due of the mails of these documents and nobody works on, until ``until``."""
    with conn.cursor(row_factory=class_row(ClaimedMail)) as cursor:
        cursor.execute(
            """
            WITH due AS (
              SELECT m.id, m.claimed_until IS NOT NULL AS outcome_unknown FROM document_mails m
               WHERE (m.invoice_id = ANY(%(invoices)s) OR m.credit_note_id = ANY(%(credit_notes)s))
                 AND m.status = 'pending' AND m.next_attempt_at <= %(now)s
                 AND (m.claimed_until IS NULL OR m.claimed_until < %(now)s)
               ORDER BY m.id FOR UPDATE SKIP LOCKED
            )
            UPDATE document_mails m
               SET attempts = m.attempts + 1, claimed_until = %(until)s, updated_at = %(now)s
              FROM due, buyers b
             WHERE m.id = due.id AND b.id = m.buyer_id
            RETURNING m.id AS mail_id, m.buyer_id, m.invoice_id, m.credit_note_id,
                      coalesce(b.billing->>'email', b.email) AS email, m.attempts, due.outcome_unknown
            """,
            {
                "invoices": sorted(set(invoice_ids)),
                "credit_notes": sorted(set(credit_note_ids)),
                "now": now,
                "until": until,
            },
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class MailResult:
    """What came of a mail: ``sent``, ``given_up``, or ``pending`` until ``next_attempt_at``."""

    mail_id: int
    status: str
    next_attempt_at: datetime | None = None
    error: str | None = None


def record(conn: Connection[Any], results: Sequence[MailResult], *, now: datetime) -> None:
    """Keep what came of mails. One that was sent is sent, whatever another worker does meanwhile."""
    conn.execute(
        """
        UPDATE document_mails m
           SET status = r.status, next_attempt_at = coalesce(r.next_attempt_at, m.next_attempt_at),
               sent_at = CASE WHEN r.status = 'sent' THEN %(now)s::timestamptz END, error = left(r.error, 200),
               claimed_until = NULL, updated_at = %(now)s
          FROM unnest(%(ids)s::bigint[], %(statuses)s::text[], %(next)s::timestamptz[], %(errors)s::text[])
               AS r(id, status, next_attempt_at, error)
         WHERE m.id = r.id AND (m.status = 'pending' OR (m.status = 'given_up' AND r.status = 'sent'))
        """,
        {
            "ids": [result.mail_id for result in results],
            "statuses": [result.status for result in results],
            "next": [result.next_attempt_at for result in results],
            "errors": [result.error for result in results],
            "now": now,
        },
    )


@dataclass(frozen=True)
class WaitingMail:
    """A document whose mail is due, and nobody works on."""

    buyer_id: int
    invoice_id: int
    credit_note_id: int | None


def overdue(conn: Connection[Any], *, now: datetime, since: datetime, limit: int) -> list[WaitingMail]:
    """Mails that were due before ``since``, without a live claim; ``invoice_id`` also of a credit note."""
    with conn.cursor(row_factory=class_row(WaitingMail)) as cursor:
        cursor.execute(
            """
            SELECT m.buyer_id, coalesce(m.invoice_id, c.invoice_id) AS invoice_id, m.credit_note_id
              FROM document_mails m LEFT JOIN credit_notes c ON c.id = m.credit_note_id
             WHERE m.status = 'pending' AND m.next_attempt_at < %(since)s
               AND (m.claimed_until IS NULL OR m.claimed_until < %(now)s)
             ORDER BY m.next_attempt_at, m.id LIMIT %(limit)s
            """,
            {"now": now, "since": since, "limit": limit},
        )
        return cursor.fetchall()
