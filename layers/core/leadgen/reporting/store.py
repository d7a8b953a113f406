"""Reads buyers' accounts from the ledger for statements, the aging report and the journal."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.reporting.domain.aging import OpenInvoice, Owing
from leadgen.reporting.domain.statements import Movement, OpenItem


@dataclass(frozen=True)
class Holder:
    """Whose account it is; ``billing`` as stored. The time zone is that of its last invoice, or of a market it buys
    in; UTC where there is neither.
    """

    buyer_id: int
    name: str
    company: str | None
    email: str
    phone: str
    currency: str
    timezone: str
    billing: object


def holder(conn: Connection[Any], buyer_id: int) -> Holder | None:
    """A buyer, or None."""
    with conn.cursor(row_factory=class_row(Holder)) as cursor:
        cursor.execute(
            """
            SELECT b.id AS buyer_id, b.name, b.company, b.email, b.phone, b.currency, b.billing,
                   coalesce((SELECT i.timezone FROM invoices i WHERE i.buyer_id = b.id ORDER BY i.id DESC LIMIT 1),
                            (SELECT m.timezone FROM buyer_offers e JOIN offers o ON o.id = e.offer_id
                               JOIN markets m ON m.id = o.market_id WHERE e.buyer_id = b.id ORDER BY e.id LIMIT 1),
                            'UTC') AS timezone
              FROM buyers b WHERE b.id = %s
            """,
            (buyer_id,),
        )
        return cursor.fetchone()


@dataclass(frozen=True)
class Balances:
    """What a buyer owed, and its prepaid balance, before an instant."""

    owed: Decimal
    prepaid: Decimal


def balances_before(conn: Connection[Any], buyer_id: int, instant: datetime) -> Balances:
    """By the ledger, whose transactions are of the instant at which they happened."""
    with conn.cursor(row_factory=class_row(Balances)) as cursor:
        cursor.execute(
            """
            SELECT coalesce(sum(CASE 'receivable' WHEN e.debit THEN e.amount WHEN e.credit THEN -e.amount END), 0)
                   AS owed,
                   coalesce(sum(CASE 'wallet' WHEN e.credit THEN e.amount WHEN e.debit THEN -e.amount END), 0)
                   AS prepaid
              FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
             WHERE t.buyer_id = %s AND t.occurred_at < %s
            """,
            (buyer_id, instant),
        )
        found = cursor.fetchone()
        assert found is not None
        return found


def movements(conn: Connection[Any], buyer_id: int, start: datetime, end: datetime, timezone: str) -> list[Movement]:
    """What moved from ``start`` to just before ``end``, in order; leads that were billed, and what prepaid money paid
    of them, together for each local day.
    """
    with conn.cursor(row_factory=class_row(Movement)) as cursor:
        cursor.execute(
            """
            WITH moved AS (
              SELECT t.id, t.occurred_at, t.kind, t.lead_id,
                     (t.occurred_at AT TIME ZONE %(zone)s)::date AS day,
                     CASE WHEN t.kind IN ('lead_billed', 'wallet_drawn') AND t.invoice_id IS NULL THEN 0 ELSE t.id END
                     AS alone,
                     coalesce(c.number, i.invoice_number, 'lead ' || t.lead_id,
                              coalesce(p.reference, 'payment ' || p.id)) AS reference,
                     coalesce((SELECT sum(CASE 'receivable' WHEN e.debit THEN e.amount WHEN e.credit THEN -e.amount END)
                                 FROM ledger_entries e WHERE e.transaction_id = t.id), 0) AS owed,
                     coalesce((SELECT sum(CASE 'wallet' WHEN e.credit THEN e.amount WHEN e.debit THEN -e.amount END)
                                 FROM ledger_entries e WHERE e.transaction_id = t.id), 0) AS prepaid
                FROM ledger_transactions t
                LEFT JOIN invoices i ON i.id = t.invoice_id
                LEFT JOIN credit_notes c ON c.id = t.credit_note_id
                LEFT JOIN payments p ON p.id = t.payment_id
               WHERE t.buyer_id = %(buyer)s AND t.occurred_at >= %(start)s AND t.occurred_at < %(end)s
            )
            SELECT min(occurred_at) AS at, kind, count(lead_id)::int AS leads,
                   CASE WHEN alone <> 0 OR count(*) = 1 THEN min(reference) END AS reference,
                   sum(owed) AS owed, sum(prepaid) AS prepaid
              FROM moved GROUP BY day, kind, alone ORDER BY day, min(id)
            """,
            {"buyer": buyer_id, "start": start, "end": end, "zone": timezone},
        )
        return cursor.fetchall()


def open_items(conn: Connection[Any], buyer_id: int, before: datetime) -> list[OpenItem]:
    """The invoices of which something was open just before an instant, by due day."""
    with conn.cursor(row_factory=class_row(OpenItem)) as cursor:
        cursor.execute(
            """
            SELECT * FROM (
              SELECT i.invoice_number AS number, i.issued_at, i.due_date, i.total_amount AS total,
                     i.total_amount - coalesce((SELECT sum(s.amount) FROM invoice_settlements s
                                                 WHERE s.invoice_id = i.id AND s.settled_at < %(before)s), 0) AS due
                FROM invoices i WHERE i.buyer_id = %(buyer)s AND i.issued_at < %(before)s
            ) AS item WHERE due > 0 ORDER BY due_date, number
            """,
            {"buyer": buyer_id, "before": before},
        )
        return cursor.fetchall()


def owing(conn: Connection[Any]) -> list[Owing]:
    """What every buyer owes that owes something, and what of it is on no invoice."""
    with conn.cursor(row_factory=class_row(Owing)) as cursor:
        cursor.execute(
            """
            WITH apart AS (
              SELECT p.buyer_id,
                     sum(p.amount) FILTER (WHERE p.kind = 'opening') AS opening,
                     sum(p.amount) FILTER (WHERE p.kind <> 'opening') AS uninvoiced
                FROM ledger_postings p
               WHERE p.account = 'receivable' AND p.invoice_id IS NULL
                 AND (p.kind = 'opening' OR (p.kind IN ('lead_billed', 'wallet_drawn', 'lead_returned')
                      AND NOT EXISTS (SELECT FROM invoice_lines x JOIN invoices i ON i.id = x.invoice_id
                                       WHERE x.lead_id = p.lead_id AND x.released_at IS NULL
                                         AND i.issued_at IS NOT NULL)))
               GROUP BY p.buyer_id
            )
            SELECT b.id AS buyer_id, b.name, b.currency, b.balance, coalesce(a.uninvoiced, 0) AS uninvoiced,
                   coalesce((SELECT sum(c.debt) FROM chargebacks c WHERE c.buyer_id = b.id), 0) AS debts,
                   coalesce(a.opening, 0) AS opening
              FROM buyers b LEFT JOIN apart a ON a.buyer_id = b.id
             WHERE b.balance <> 0 OR a.uninvoiced <> 0
             ORDER BY b.id
            """
        )
        return cursor.fetchall()


def open_invoices(conn: Connection[Any]) -> list[OpenInvoice]:
    """Every issued invoice of which something is open."""
    with conn.cursor(row_factory=class_row(OpenInvoice)) as cursor:
        cursor.execute(
            """
            SELECT buyer_id, invoice_number AS number, currency, timezone, due_date, amount_due AS due
              FROM invoices WHERE status IN ('sent', 'overdue', 'disputed') ORDER BY due_date, id
            """
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class JournalLine:
    """An entry of the ledger with all fields of its transaction."""

    entry_id: int
    transaction_id: int
    occurred_at: datetime
    kind: str
    debit: str
    credit: str
    amount: Decimal
    currency: str
    buyer_id: int | None
    buyer: str | None
    publisher_id: int | None
    lead_id: int | None
    invoice: str | None
    credit_note: str | None
    payment_id: int | None
    reverses_id: int | None
    actor: str
    note: str | None


def journal(conn: Connection[Any], start: datetime, end: datetime) -> Iterator[JournalLine]:
    """The ledger from ``start`` to just before ``end``, entry by entry as it was written; however long, it takes no
    more memory.
    """
    with conn.cursor(row_factory=class_row(JournalLine)) as cursor:
        yield from cursor.stream(
            """
            SELECT e.id AS entry_id, t.id AS transaction_id, t.occurred_at, t.kind, e.debit, e.credit, e.amount,
                   t.currency, t.buyer_id, b.name AS buyer, t.publisher_id, t.lead_id, i.invoice_number AS invoice,
                   c.number AS credit_note, t.payment_id, t.reverses_id, t.actor, t.note
              FROM ledger_transactions t
              JOIN ledger_entries e ON e.transaction_id = t.id
              LEFT JOIN buyers b ON b.id = t.buyer_id
              LEFT JOIN invoices i ON i.id = t.invoice_id
              LEFT JOIN credit_notes c ON c.id = t.credit_note_id
             WHERE t.occurred_at >= %s AND t.occurred_at < %s
             ORDER BY e.id
            """,
            (start, end),
        )


def issued_between(conn: Connection[Any], first: date, last: date) -> list[int]:
    """The invoices that bear a date from the first day to the last, by number: days of each invoice's own market."""
    rows = conn.execute(
        """
        SELECT id FROM invoices
         WHERE issued_at IS NOT NULL AND (issued_at AT TIME ZONE timezone)::date BETWEEN %s AND %s
         ORDER BY series, sequence
        """,
        (first, last),
    )
    return [row[0] for row in rows]
