"""``make bench-invoice``: a run that invoices 100,000 billed leads of 500 buyers, beside a plain read of the same rows;
and a tenth of both, for how it grows.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import Connection

from bench import database
from leadgen.invoicing.service import run
from leadgen.platform import clock
from leadgen.platform.messaging import bus
from leadgen.reconciliation import service as reconciliation_service
from leadgen.terminal.progress import Progress

LEADS, LEADS_OF_A_BUYER = 100_000, 200
LIMIT_SECONDS, LIMIT_GROWTH = 60, 11
AN_HOUR = 3600  # the auditor comes once in it
CACHE = "512MB"  # the table and its indexes fit in, as they do on a server of the size that has so many leads
CLOSE = datetime(2026, 6, 15, 6, tzinfo=UTC)  # a Monday's midnight in Denver

WEEK = timedelta(days=6)


def main(leads: int = LEADS) -> int:
    """Measure; 1 when a limit is broken."""
    few, _ = _measured(leads // 10)
    seconds, is_sound = _measured(leads)
    growth = seconds / few
    allowed = LIMIT_SECONDS * leads / LEADS
    is_kept = seconds <= allowed and growth <= LIMIT_GROWTH and is_sound
    print(
        f"{leads:,} leads took {growth:.1f} times as long as {leads // 10:,}, at most {LIMIT_GROWTH}; "
        f"{seconds:.1f} s, at most {allowed:.0f} s: {'kept' if is_kept else 'BROKEN'}"
    )
    return 0 if is_kept else 1


def _measured(leads: int) -> tuple[float, bool]:
    """How long the run took, and whether all is invoiced as it should be."""
    with database.fresh(shared_buffers=CACHE) as url, psycopg.connect(url, autocommit=True) as conn:
        fill(conn, leads)
        began = clock.seconds()
        _read(conn)
        beside = clock.seconds() - began
        began = clock.seconds()
        done = run.run(bus.on_connection(conn, keep=True), now=CLOSE, report=Progress(f"invoicing {leads:,}").update)
        seconds = clock.seconds() - began
        began = clock.seconds()
        broken = [one.name for one in reconciliation_service.audit(conn, now=CLOSE) if one.broken]
        audited = clock.seconds() - began
        is_sound = not done.failed and not broken and _are_invoiced(conn, leads)
    print(f"{f'reading {leads:,} leads':34}{beside:8.1f} s {leads / beside:10,.0f} leads/s")
    print(
        f"{f'invoicing them, {done.issued:,} invoices':34}{seconds:8.1f} s {leads / seconds:10,.0f} leads/s"
        f"   {seconds / beside:4.1f} times the read{'' if is_sound else f'   the figures are WRONG {broken}'}"
    )
    print(f"{'auditing all of it':34}{audited:8.1f} s   {audited / AN_HOUR:.2%} of an hour")
    return seconds, is_sound


def _read(conn: Connection[Any]) -> None:
    """What an invoice must hold of every lead, and no more."""
    with conn.transaction(), conn.cursor("leads") as cursor:
        cursor.itersize = 10_000
        cursor.execute("SELECT id, buyer_id, offer_id, delivered_at, price FROM leads WHERE billing_status = 'billed'")
        for _ in cursor:
            pass


def _are_invoiced(conn: Connection[Any], leads: int) -> bool:
    """Whether nothing was forgotten; all else is the auditor's."""
    row = conn.execute("SELECT sum(total_leads) FROM invoices WHERE status = 'sent'").fetchone()
    return row == (leads,)


def fill(conn: Connection[Any], leads: int) -> None:
    """Write so many billed leads of the week before the close, with what the ledger has of them."""
    buyers = leads // LEADS_OF_A_BUYER
    conn.execute("INSERT INTO markets (name, timezone) VALUES ('Bench', 'America/Denver')")
    conn.execute("INSERT INTO verticals (slug, name) VALUES ('bench', 'Bench')")
    conn.execute("INSERT INTO validation_policies (name, rules) VALUES ('Bench', '{}')")
    conn.execute("""INSERT INTO routing_policies (name, config) VALUES ('Bench', '{"strategy": "round_robin"}')""")
    conn.execute(
        "INSERT INTO offers (market_id, vertical_id, name, default_price_per_lead, validation_policy_id,"
        " routing_policy_id, invoice_threshold) VALUES (1, 1, 'Leads', 45.00, 1, 1, 1000000)"
    )
    conn.execute("INSERT INTO sources (offer_id, source_key, kind, name) VALUES (1, 'bench', 'landing_page', 'Bench')")
    conn.execute(
        """
        INSERT INTO buyers (name, email, phone, balance, billing)
        SELECT 'Buyer ' || n, 'buyer' || n || '@bench.example', '+13035550100', 45.37 * %(each)s,
               '{"tax": {"rate": "19"}}'
          FROM generate_series(1, %(buyers)s) n
        """,
        {"buyers": buyers, "each": LEADS_OF_A_BUYER},
    )
    conn.execute(
        """
        INSERT INTO leads (created_at, source_id, offer_id, market_id, vertical_id, idempotency_key, name, email,
                           normalized_email, phone, normalized_phone, postal_code, status, buyer_id, delivered_at,
                           delivered_price, price_components, billing_status, price, billed_at)
        SELECT at, 1, 1, 1, 1, 'bench-lead-' || n, 'Person', email, email, phone, phone, '80014', 'delivered',
               1 + n %% %(buyers)s, at, 45.37, '[{"component": "offer_default", "amount": "45.37"}]', 'billed', 45.37,
               at
          FROM generate_series(1, %(leads)s) n
         CROSS JOIN LATERAL (SELECT %(open)s + %(week)s * ((n - 1)::float8 / %(leads)s),
                                    substr(md5(n::text), 1, 12) || '@example.com',
                                    '+1303' || (1000000 + n * 7919::bigint %% 8999993)) AS t(at, email, phone)
        """,
        {"buyers": buyers, "leads": leads, "open": CLOSE - WEEK, "week": WEEK},
    )
    conn.execute(
        """
        WITH posted AS (
          INSERT INTO ledger_transactions (occurred_at, kind, idempotency_key, currency, buyer_id, lead_id, actor)
          SELECT billed_at, 'lead_billed', 'lead_billed:' || id, 'USD', buyer_id, id, 'bench' FROM leads
          RETURNING id, kind
        )
        INSERT INTO ledger_entries (transaction_id, kind, debit, credit, amount)
        SELECT id, kind, 'receivable', 'revenue', 45.37 FROM posted
        """
    )
    conn.execute(
        """
        INSERT INTO uninvoiced_leads (lead_id, buyer_id, offer_id, delivered_at, since, price)
        SELECT id, buyer_id, offer_id, delivered_at, billed_at, price FROM leads
        """
    )
    # It has written invoices before: what is planned for an empty table looks through all of it for every line.
    conn.execute(
        """
        INSERT INTO invoices (buyer_id, offer_id, period_start, period_end, due_date, currency, timezone, status,
                              cancelled_at)
        SELECT buyer, 1, at - %(week)s, at, at, 'USD', 'America/Denver', 'cancelled', at
          FROM generate_series(1, %(buyers)s) buyer
         CROSS JOIN LATERAL (SELECT %(open)s - %(week)s * n FROM generate_series(1, 20) n) AS t(at)
        """,
        {"buyers": buyers, "open": CLOSE - 2 * WEEK, "week": WEEK},
    )
    conn.execute("VACUUM (ANALYZE)")
    conn.execute("CHECKPOINT")
