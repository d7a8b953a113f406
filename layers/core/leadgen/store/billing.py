"""Billing and invoices: every statement for a whole batch, under the buyers' locks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.domain.invoicing import BilledLead, Draft


def lock_billable(conn: Connection[Any], lead_ids: Sequence[int]) -> list[int]:
    """Lock, in id order, the leads that a buyer has taken and nobody has billed; the buyers they belong to."""
    rows = conn.execute(
        """
        SELECT l.buyer_id FROM leads l JOIN deliveries d ON d.lead_id = l.id
         WHERE l.id = ANY(%s) AND l.billing_status = 'pending' AND d.status = 'taken'
         ORDER BY l.id
           FOR NO KEY UPDATE OF l
        """,
        (list(lead_ids),),
    )
    return [row[0] for row in rows]


@dataclass(frozen=True)
class Billed:
    """A lead billed just now, with its source and what that one's owner earns by it, as stored."""

    lead_id: int
    buyer_id: int
    offer_id: int
    price: Decimal
    currency: str
    trace_id: str | None
    source_key: str
    publisher_id: int | None
    earning: object


def bill(conn: Connection[Any], lead_ids: Sequence[int], *, now: datetime) -> list[Billed]:
    """The normative guarded statement, for a batch: each pending lead becomes billed at its delivered price, its buyer
    owes as much more, and the ledger has it. The leads billed now; one billed before is none of them.
    """
    with conn.cursor(row_factory=class_row(Billed)) as cursor:
        cursor.execute(
            """
            WITH lead_update AS (
              UPDATE leads
                 SET billing_status = 'billed', price = delivered_price, billed_at = %(now)s, updated_at = %(now)s
               WHERE id = ANY(%(ids)s) AND billing_status = 'pending' AND delivered_price IS NOT NULL
                 AND EXISTS (SELECT 1 FROM deliveries d WHERE d.lead_id = leads.id AND d.status = 'taken')
              RETURNING id AS lead_id, buyer_id, offer_id, source_id, price, trace_id
            ), charge AS (
              SELECT buyer_id, sum(price) AS amount FROM lead_update GROUP BY buyer_id
            ), buyer_update AS (
              UPDATE buyers
                 SET balance = balance + charge.amount, pending_amount = pending_amount - charge.amount,
                     updated_at = %(now)s
                FROM charge WHERE buyers.id = charge.buyer_id
              RETURNING buyers.id, buyers.currency
            ), posted AS (
              INSERT INTO ledger_transactions (occurred_at, kind, idempotency_key, currency, buyer_id, lead_id, actor)
              SELECT %(now)s, 'lead_billed', 'lead_billed:' || lead_id, b.currency, buyer_id, lead_id, 'stage:bill'
                FROM lead_update JOIN buyer_update b ON b.id = buyer_id ORDER BY lead_id
              RETURNING id, kind, lead_id
            ), entered AS (
              INSERT INTO ledger_entries (transaction_id, kind, debit, credit, amount)
              SELECT posted.id, posted.kind, 'receivable', 'revenue', lead_update.price
                FROM posted JOIN lead_update USING (lead_id) ORDER BY posted.id
            )
            SELECT l.lead_id, l.buyer_id, l.offer_id, l.price, b.currency, l.trace_id, s.source_key,
                   s.publisher_id, s.earning
              FROM lead_update l JOIN buyer_update b ON b.id = l.buyer_id JOIN sources s ON s.id = l.source_id
             ORDER BY l.lead_id
            """,
            {"ids": list(lead_ids), "now": now},
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class Account:
    """What a buyer owes for an offer that no invoice names yet, and the terms it is invoiced on."""

    buyer_id: int
    offer_id: int
    uninvoiced: Decimal
    threshold: Decimal
    billing_cycle: str
    timezone: str
    last_period_end: datetime | None


def open_accounts(conn: Connection[Any], buyer_ids: Sequence[int] | None = None) -> list[Account]:
    """The accounts with billed leads on no invoice: of these buyers, or of all."""
    with conn.cursor(row_factory=class_row(Account)) as cursor:
        cursor.execute(
            """
            SELECT owed.buyer_id, owed.offer_id, owed.uninvoiced, o.invoice_threshold AS threshold, b.billing_cycle,
                   m.timezone,
                   (SELECT max(i.period_end) FROM invoices i
                     WHERE i.buyer_id = owed.buyer_id AND i.offer_id = owed.offer_id) AS last_period_end
              FROM (SELECT buyer_id, offer_id, sum(price) AS uninvoiced FROM leads
                     WHERE billing_status = 'billed' AND invoiced_at IS NULL
                       AND (%(buyer_ids)s::int[] IS NULL OR buyer_id = ANY(%(buyer_ids)s))
                     GROUP BY buyer_id, offer_id) AS owed
              JOIN offers o ON o.id = owed.offer_id
              JOIN markets m ON m.id = o.market_id
              JOIN buyers b ON b.id = owed.buyer_id
             ORDER BY owed.buyer_id, owed.offer_id
            """,
            {"buyer_ids": None if buyer_ids is None else sorted(set(buyer_ids))},
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class _Uninvoiced:
    buyer_id: int
    offer_id: int
    lead_id: int
    delivered_at: datetime
    price: Decimal


def uninvoiced_leads(
    conn: Connection[Any], accounts: Sequence[tuple[Account, datetime | None]]
) -> dict[tuple[int, int], list[BilledLead]]:
    """The billed leads on no invoice, by (buyer_id, offer_id): all, or those delivered before the account's instant."""
    found: dict[tuple[int, int], list[BilledLead]] = {}
    with conn.cursor(row_factory=class_row(_Uninvoiced)) as cursor:
        cursor.execute(
            """
            SELECT l.buyer_id, l.offer_id, l.id AS lead_id, l.delivered_at, l.price
              FROM unnest(%s::int[], %s::int[], %s::timestamptz[]) AS a(buyer_id, offer_id, before)
              JOIN leads l ON l.buyer_id = a.buyer_id AND l.offer_id = a.offer_id
             WHERE l.billing_status = 'billed' AND l.invoiced_at IS NULL
               AND (a.before IS NULL OR l.delivered_at < a.before)
             ORDER BY l.id
            """,
            (
                [account.buyer_id for account, _ in accounts],
                [account.offer_id for account, _ in accounts],
                [before for _, before in accounts],
            ),
        )
        for row in cursor:
            lead = BilledLead(row.lead_id, row.delivered_at, row.price)
            found.setdefault((row.buyer_id, row.offer_id), []).append(lead)
    return found


def next_numbers(conn: Connection[Any], series: str, count: int) -> int:
    """Take ``count`` numbers of a series; the last of them. The row stays locked until the commit: no gaps."""
    row = conn.execute(
        """
        INSERT INTO number_series (series, last) VALUES (%s, %s)
        ON CONFLICT (series) DO UPDATE SET last = number_series.last + excluded.last
        RETURNING last
        """,
        (series, count),
    ).fetchone()
    assert row is not None
    return int(row[0])


@dataclass(frozen=True)
class Issued:
    """An invoice just written."""

    invoice_id: int
    buyer_id: int
    offer_id: int


def write_invoices(
    conn: Connection[Any], drafts: Sequence[Draft], numbers: Sequence[str], *, now: datetime
) -> list[Issued]:
    """Write the invoices; their lines follow with :func:`write_lines`."""
    with conn.cursor(row_factory=class_row(Issued)) as cursor:
        cursor.execute(
            """
            INSERT INTO invoices (created_at, buyer_id, offer_id, period_start, period_end, due_date, invoice_number,
                                  total_leads, amount_due, total_amount)
            SELECT %(now)s, d.buyer_id, d.offer_id, d.period_start, d.period_end, d.due_date, d.number, d.leads,
                   d.amount, d.amount
              FROM unnest(%(buyers)s::int[], %(offers)s::int[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
                          %(due)s::timestamptz[], %(numbers)s::text[], %(leads)s::int[], %(amounts)s::numeric[])
                   AS d(buyer_id, offer_id, period_start, period_end, due_date, number, leads, amount)
            RETURNING id AS invoice_id, buyer_id, offer_id
            """,
            {
                "now": now,
                "buyers": [d.buyer_id for d in drafts],
                "offers": [d.offer_id for d in drafts],
                "starts": [d.period_start for d in drafts],
                "ends": [d.period_end for d in drafts],
                "due": [d.due_date for d in drafts],
                "numbers": list(numbers),
                "leads": [len(d.lines) for d in drafts],
                "amounts": [d.amount for d in drafts],
            },
        )
        return cursor.fetchall()


def write_lines(conn: Connection[Any], lines: Sequence[tuple[int, BilledLead]], *, now: datetime) -> None:
    """Put each lead on its invoice (by id), and off the list of those that wait for one."""
    conn.execute(
        """
        WITH lines AS (
          INSERT INTO invoice_lines (invoice_id, lead_id, delivered_at, amount)
          SELECT * FROM unnest(%(invoices)s::int[], %(leads)s::int[], %(delivered)s::timestamptz[],
                               %(amounts)s::numeric[])
          RETURNING lead_id
        )
        UPDATE leads SET invoiced_at = %(now)s, updated_at = %(now)s FROM lines WHERE leads.id = lines.lead_id
        """,
        {
            "invoices": [invoice_id for invoice_id, _ in lines],
            "leads": [line.lead_id for _, line in lines],
            "delivered": [line.delivered_at for _, line in lines],
            "amounts": [line.price for _, line in lines],
            "now": now,
        },
    )
