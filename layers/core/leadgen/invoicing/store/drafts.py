"""Writes invoices and their lines for a whole batch, under the buyers' locks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from leadgen.invoicing.domain import BilledLead, InvoiceDraft, Issue


@dataclass(frozen=True)
class UninvoicedAccount:
    """What a buyer owes for an offer that no invoice names yet, and the terms it is invoiced on; ``billing`` as
    stored, ``oldest`` is when the first of the leads was delivered.
    """

    buyer_id: int
    offer_id: int
    uninvoiced: Decimal
    threshold: Decimal
    billing_cycle: str
    timezone: str
    currency: str
    billing: object
    oldest: datetime
    last_period_end: datetime | None


def waiting_buyers(conn: Connection[Any]) -> list[int]:
    """The buyers with billed leads on no invoice, in the order of their ids."""
    return [row[0] for row in conn.execute("SELECT DISTINCT buyer_id FROM uninvoiced_leads ORDER BY buyer_id")]


def open_accounts(conn: Connection[Any], buyer_ids: Sequence[int]) -> list[UninvoicedAccount]:
    """The accounts of these buyers with billed leads on no invoice."""
    with conn.cursor(row_factory=class_row(UninvoicedAccount)) as cursor:
        cursor.execute(
            """
            SELECT owed.buyer_id, owed.offer_id, owed.uninvoiced, o.invoice_threshold AS threshold, b.billing_cycle,
                   m.timezone, b.currency, b.billing, owed.oldest,
                   (SELECT max(i.period_end) FROM invoices i
                     WHERE i.buyer_id = owed.buyer_id AND i.offer_id = owed.offer_id
                       -- One that was issued and written off may be owed again: its period stays its own.
                       AND (i.status <> 'cancelled' OR i.issued_at IS NOT NULL)) AS last_period_end
              FROM (SELECT buyer_id, offer_id, sum(price) AS uninvoiced, min(delivered_at) AS oldest
                      FROM uninvoiced_leads
                     WHERE buyer_id = ANY(%(buyer_ids)s)
                     GROUP BY buyer_id, offer_id) AS owed
              JOIN offers o ON o.id = owed.offer_id
              JOIN markets m ON m.id = o.market_id
              JOIN buyers b ON b.id = owed.buyer_id
             ORDER BY owed.buyer_id, owed.offer_id
            """,
            {"buyer_ids": sorted(set(buyer_ids))},
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
    conn: Connection[Any], accounts: Sequence[tuple[UninvoicedAccount, datetime | None]]
) -> dict[tuple[int, int], list[BilledLead]]:
    """The billed leads on no invoice, by (buyer_id, offer_id): all, or those delivered before the account's instant."""
    found: dict[tuple[int, int], list[BilledLead]] = {}
    with conn.cursor(row_factory=class_row(_Uninvoiced)) as cursor:
        cursor.execute(
            """
            SELECT u.buyer_id, u.offer_id, u.lead_id, u.delivered_at, u.price
              FROM unnest(%s::int[], %s::int[], %s::timestamptz[]) AS a(buyer_id, offer_id, before)
              JOIN uninvoiced_leads u ON u.buyer_id = a.buyer_id AND u.offer_id = a.offer_id
             WHERE a.before IS NULL OR u.delivered_at < a.before
             ORDER BY u.lead_id
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


@dataclass(frozen=True)
class WrittenDraft:
    """A draft just written."""

    invoice_id: int
    buyer_id: int
    offer_id: int


def write_drafts(conn: Connection[Any], drafts: Sequence[InvoiceDraft], *, now: datetime) -> list[WrittenDraft]:
    """Write drafts, which have no number; their lines follow with :func:`write_lines`."""
    with conn.cursor(row_factory=class_row(WrittenDraft)) as cursor:
        cursor.execute(
            """
            INSERT INTO invoices (created_at, buyer_id, offer_id, currency, timezone, occasion, period_start,
                                  period_end, due_date, terms_days, total_leads, subtotal, tax_rate, tax_amount,
                                  total_amount)
            SELECT %(now)s, d.buyer_id, d.offer_id, d.currency, d.timezone, d.occasion, d.period_start, d.period_end,
                   d.due_date, d.terms_days, d.leads, d.subtotal, d.tax_rate, d.tax, d.subtotal + d.tax
              FROM unnest(%(buyers)s::int[], %(offers)s::int[], %(currencies)s::text[], %(timezones)s::text[],
                          %(occasions)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
                          %(due)s::timestamptz[], %(terms)s::int[], %(leads)s::int[], %(subtotals)s::numeric[],
                          %(rates)s::numeric[], %(taxes)s::numeric[])
                   AS d(buyer_id, offer_id, currency, timezone, occasion, period_start, period_end, due_date,
                        terms_days, leads, subtotal, tax_rate, tax)
            RETURNING id AS invoice_id, buyer_id, offer_id
            """,
            {
                "now": now,
                "buyers": [d.buyer_id for d in drafts],
                "offers": [d.offer_id for d in drafts],
                "currencies": [d.currency for d in drafts],
                "timezones": [d.timezone for d in drafts],
                "occasions": [d.occasion for d in drafts],
                "starts": [d.period_start for d in drafts],
                "ends": [d.period_end for d in drafts],
                "due": [d.due_date for d in drafts],
                "terms": [d.terms_days for d in drafts],
                "leads": [len(d.lines) for d in drafts],
                "subtotals": [d.subtotal for d in drafts],
                "rates": [d.tax_rate for d in drafts],
                "taxes": [d.tax for d in drafts],
            },
        )
        return cursor.fetchall()


def write_lines(conn: Connection[Any], lines: Sequence[tuple[int, BilledLead]]) -> None:
    """Put each lead on its draft (by id), and off the list of those that wait for one."""
    conn.execute(
        """
        WITH lines AS (
          INSERT INTO invoice_lines (invoice_id, lead_id, delivered_at, amount)
          SELECT * FROM unnest(%(invoices)s::int[], %(leads)s::int[], %(delivered)s::timestamptz[],
                               %(amounts)s::numeric[])
        )
        DELETE FROM uninvoiced_leads WHERE lead_id = ANY(%(leads)s)
        """,
        {
            "invoices": [invoice_id for invoice_id, _ in lines],
            "leads": [line.lead_id for _, line in lines],
            "delivered": [line.delivered_at for _, line in lines],
            "amounts": [line.price for _, line in lines],
        },
    )


@dataclass(frozen=True)
class Unissued:
    """A draft and the terms it would be issued on now; ``drawn`` is what prepaid money has paid of its leads,
    ``wallet`` what is left of it, ``billing`` as stored.
    """

    invoice_id: int
    buyer_id: int
    offer_id: int
    currency: str
    timezone: str
    subtotal: Decimal
    drawn: Decimal
    wallet: Decimal
    name: str
    company: str | None
    email: str
    phone: str
    billing: object
    subject: str


def unissued(conn: Connection[Any], invoice_ids: Collection[int]) -> list[Unissued]:
    """Those of the invoices that are drafts, in the order of their ids."""
    with conn.cursor(row_factory=class_row(Unissued)) as cursor:
        cursor.execute(
            """
            SELECT i.id AS invoice_id, i.buyer_id, i.offer_id, i.currency, i.timezone, i.subtotal,
                   coalesce((SELECT sum(e.amount)
                               FROM invoice_lines x
                               JOIN ledger_transactions t ON t.lead_id = x.lead_id AND t.kind = 'wallet_drawn'
                               JOIN ledger_entries e ON e.transaction_id = t.id
                              WHERE x.invoice_id = i.id AND x.released_at IS NULL), 0) AS drawn,
                   w.balance AS wallet, b.name, b.company, b.email, b.phone, b.billing,
                   o.name || ', ' || m.name AS subject
              FROM invoices i
              JOIN offers o ON o.id = i.offer_id
              JOIN markets m ON m.id = o.market_id
              JOIN buyers b ON b.id = i.buyer_id
              JOIN wallets w ON w.buyer_id = b.id
             WHERE i.id = ANY(%s) AND i.status = 'draft'
             ORDER BY i.id
            """,
            (sorted(set(invoice_ids)),),
        )
        return cursor.fetchall()


@dataclass(frozen=True)
class Numbered:
    """The place of an issue in its series."""

    issue: Issue
    series: str
    sequence: int
    number: str


def write_issues(conn: Connection[Any], issues: Sequence[Numbered], *, seller: object, now: datetime) -> None:
    """The guarded transition of drafts: number them and fix their terms, with what prepaid money has paid of them.
    Where nothing is left to be paid they are paid, and their leads with them.
    """
    conn.execute(
        """
        WITH issues AS (
          UPDATE invoices i
             SET status = (CASE WHEN n.total = n.wallet THEN 'paid' ELSE 'sent' END)::invoice_status,
                 paid_at = CASE WHEN n.total = n.wallet THEN %(now)s END,
                 issued_at = %(now)s, series = n.series, sequence = n.sequence, invoice_number = n.number,
                 due_date = n.due_date, terms_days = n.terms_days, tax_rate = n.tax_rate, tax_name = n.tax_name,
                 tax_note = n.tax_note, tax_amount = n.tax, total_amount = n.total, wallet_applied = n.wallet,
                 subject = n.subject, seller = %(seller)s, buyer = n.buyer, updated_at = %(now)s
            FROM unnest(%(ids)s::int[], %(series)s::text[], %(sequences)s::int[], %(numbers)s::text[],
                        %(due)s::timestamptz[], %(terms)s::int[], %(rates)s::numeric[], %(names)s::text[],
                        %(notes)s::text[], %(taxes)s::numeric[], %(totals)s::numeric[], %(wallets)s::numeric[],
                        %(subjects)s::text[], %(buyers)s::jsonb[])
                 AS n(id, series, sequence, number, due_date, terms_days, tax_rate, tax_name, tax_note, tax, total,
                      wallet, subject, buyer)
           WHERE i.id = n.id AND i.status = 'draft'
          RETURNING i.id, i.status, i.wallet_applied
        ), settled AS (
          INSERT INTO invoice_settlements (settled_at, invoice_id, kind, amount)
          SELECT %(now)s, id, 'wallet', wallet_applied FROM issues WHERE wallet_applied > 0
        )
        UPDATE leads l SET billing_status = 'paid', paid_at = %(now)s, updated_at = %(now)s
          FROM issues JOIN invoice_lines x ON x.invoice_id = issues.id AND x.released_at IS NULL
         WHERE issues.status = 'paid' AND l.id = x.lead_id AND l.billing_status <> 'refunded'
        """,
        {
            "now": now,
            "seller": Jsonb(seller),
            "ids": [n.issue.invoice_id for n in issues],
            "series": [n.series for n in issues],
            "sequences": [n.sequence for n in issues],
            "numbers": [n.number for n in issues],
            "due": [n.issue.due_date for n in issues],
            "terms": [n.issue.terms_days for n in issues],
            "rates": [n.issue.tax_rate for n in issues],
            "names": [n.issue.tax_name for n in issues],
            "notes": [n.issue.tax_note for n in issues],
            "taxes": [n.issue.tax for n in issues],
            "totals": [n.issue.total for n in issues],
            "wallets": [n.issue.wallet_applied for n in issues],
            "subjects": [n.issue.subject for n in issues],
            "buyers": [Jsonb(n.issue.buyer) for n in issues],
        },
    )
