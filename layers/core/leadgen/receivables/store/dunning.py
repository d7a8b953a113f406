"""Reads open invoices, records reminders, and pauses buyers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row, dict_row

from leadgen.receivables.domain.dunning import RemindableInvoice

MOST_UNKNOWN_OUTCOMES = 2
"""Mails of one step of which it is unknown whether they were sent: after these it is given up."""


@dataclass(frozen=True)
class SentInvoice:
    """An issued invoice that is not marked overdue."""

    invoice_id: int
    buyer_id: int
    due_date: datetime
    timezone: str


def may_be_overdue(conn: Connection[Any], *, now: datetime) -> list[SentInvoice]:
    """The sent invoices whose due day has begun."""
    with conn.cursor(row_factory=class_row(SentInvoice)) as cursor:
        cursor.execute(
            """
            SELECT id AS invoice_id, buyer_id, due_date, timezone FROM invoices
             WHERE status = 'sent' AND due_date <= %s ORDER BY id
            """,
            (now,),
        )
        return cursor.fetchall()


def mark_overdue(conn: Connection[Any], invoice_ids: Collection[int], *, now: datetime) -> int:
    """The guarded transition of locked buyers' invoices; how many were still sent."""
    return conn.execute(
        """
        UPDATE invoices SET status = 'overdue', updated_at = %s
         WHERE id = ANY(%s) AND status = 'sent' AND amount_due > 0
        """,
        (now, sorted(invoice_ids)),
    ).rowcount


@dataclass(frozen=True)
class Debtor:
    """A buyer with open invoices, or with a pause because of such; ``billing`` is as stored."""

    buyer_id: int
    name: str
    email: str
    billing: object
    paused_since: datetime | None
    invoices: tuple[RemindableInvoice, ...]


def debtors(conn: Connection[Any], buyer_ids: Collection[int] | None, *, now: datetime) -> list[Debtor]:
    """Buyers with undisputed open invoices, or that are paused: of these buyers, or of all. Of one that has neither
    nothing is returned. True until the commit where the buyers are locked.
    """
    found: dict[int, tuple[dict[str, Any], list[RemindableInvoice]]] = {}
    with conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            """
            SELECT b.id AS buyer_id, b.name, b.email, b.billing, b.paused_since, i.id AS invoice_id,
                   i.invoice_number AS number, i.currency, i.timezone, i.issued_at, i.due_date, i.amount_due AS due,
                   i.promised_until,
                   (SELECT max(n.step) FROM dunning_notices n
                     WHERE n.invoice_id = i.id
                       AND (n.status <> 'claimed' OR n.claimed_until > %(now)s
                            OR n.unknown_outcomes >= %(most)s)) AS reminded
              FROM buyers b
              LEFT JOIN invoices i ON i.buyer_id = b.id AND i.status IN ('sent', 'overdue') AND i.amount_due > 0
             WHERE (%(buyers)s::int[] IS NULL OR b.id = ANY(%(buyers)s))
               AND (i.id IS NOT NULL OR b.paused_since IS NOT NULL)
             ORDER BY b.id, i.id
            """,
            {
                "buyers": None if buyer_ids is None else sorted(set(buyer_ids)),
                "now": now,
                "most": MOST_UNKNOWN_OUTCOMES,
            },
        )
        for row in cursor:
            _, invoices = found.setdefault(row["buyer_id"], (row, []))
            if row["invoice_id"] is not None:
                invoices.append(
                    RemindableInvoice(**{name: row[name] for name in RemindableInvoice.__dataclass_fields__})
                )
    return [
        Debtor(buyer_id, row["name"], row["email"], row["billing"], row["paused_since"], tuple(invoices))
        for buyer_id, (row, invoices) in found.items()
    ]


def set_paused(conn: Connection[Any], paused: Collection[int], free: Collection[int], *, now: datetime) -> None:
    """Give locked buyers no more leads, and others leads again; of who is so already nothing changes."""
    conn.execute(
        """
        UPDATE buyers SET paused_since = CASE WHEN id = ANY(%(paused)s) THEN %(now)s END, updated_at = %(now)s
         WHERE (id = ANY(%(paused)s) AND paused_since IS NULL) OR (id = ANY(%(free)s) AND paused_since IS NOT NULL)
        """,
        {"paused": sorted(paused), "free": sorted(free), "now": now},
    )


def claim(conn: Connection[Any], steps: Sequence[tuple[int, int]], *, now: datetime, until: datetime) -> None:
    """Take steps, as (invoice_id, step), of locked buyers' invoices, which are free: nobody had them, or whoever had is
    dead, or its mail was not sent.
    """
    conn.execute(
        """
        INSERT INTO dunning_notices AS n (created_at, invoice_id, step, claimed_until)
        SELECT %(now)s, invoice_id, step, %(until)s
          FROM unnest(%(invoices)s::int[], %(steps)s::int[]) AS s(invoice_id, step)
        ON CONFLICT (invoice_id, step)
        DO UPDATE SET claimed_until = excluded.claimed_until, unknown_outcomes = n.unknown_outcomes + 1
         WHERE n.status = 'claimed' AND n.claimed_until <= %(now)s AND n.unknown_outcomes < %(most)s
        """,
        {
            "invoices": [invoice_id for invoice_id, _ in steps],
            "steps": [step for _, step in steps],
            "now": now,
            "until": until,
            "most": MOST_UNKNOWN_OUTCOMES,
        },
    )


def sent(conn: Connection[Any], steps: Sequence[tuple[int, int]], *, now: datetime) -> None:
    """Their mail is handed over."""
    _settle(conn, steps, status="sent", sent_at=now, error=None, is_known=True, now=now)


def failed(conn: Connection[Any], steps: Sequence[tuple[int, int]], error: str, *, now: datetime) -> None:
    """Their mail failed for good."""
    _settle(conn, steps, status="failed", sent_at=None, error=error, is_known=True, now=now)


def not_sent(conn: Connection[Any], steps: Sequence[tuple[int, int]], error: str, *, now: datetime) -> None:
    """Their mail was not taken: the next run sends it."""
    _settle(conn, steps, status="claimed", sent_at=None, error=error, is_known=True, now=now)


def unknown(conn: Connection[Any], steps: Sequence[tuple[int, int]], error: str, *, now: datetime) -> None:
    """It is unknown whether their mail was taken: the next run sends it again, once."""
    _settle(conn, steps, status="claimed", sent_at=None, error=error, is_known=False, now=now)


def _settle(
    conn: Connection[Any],
    steps: Sequence[tuple[int, int]],
    *,
    status: str,
    sent_at: datetime | None,
    error: str | None,
    is_known: bool,
    now: datetime,
) -> None:
    conn.execute(
        """
        UPDATE dunning_notices n
           SET status = %(status)s, sent_at = %(sent_at)s, error = %(error)s, claimed_until = %(now)s,
               unknown_outcomes = n.unknown_outcomes - %(known)s::int
          FROM unnest(%(invoices)s::int[], %(steps)s::int[]) AS s(invoice_id, step)
         WHERE (n.invoice_id, n.step) = (s.invoice_id, s.step) AND n.status = 'claimed'
        """,
        {
            "invoices": [invoice_id for invoice_id, _ in steps],
            "steps": [step for _, step in steps],
            "status": status,
            "sent_at": sent_at,
            "error": error,
            "known": int(is_known),
            "now": now,
        },
    )


@dataclass(frozen=True)
class Notice:
    """A reminder of an invoice: claimed, sent or failed."""

    step: int
    status: str
    created_at: datetime
    sent_at: datetime | None
    error: str | None


def notices(conn: Connection[Any], invoice_id: int) -> list[Notice]:
    """The reminders of an invoice, in the order of their steps."""
    with conn.cursor(row_factory=class_row(Notice)) as cursor:
        cursor.execute(
            "SELECT step, status, created_at, sent_at, error FROM dunning_notices WHERE invoice_id = %s ORDER BY step",
            (invoice_id,),
        )
        return cursor.fetchall()
