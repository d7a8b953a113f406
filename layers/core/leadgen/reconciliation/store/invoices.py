"""Invariants of invoices and their lines: each query finds the rows that break one."""

from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.reconciliation.store.ledger import Broken


def a_line_is_a_billed_lead_of_the_account(conn: Connection[Any]) -> list[Broken]:
    """A living line is a billed lead of the invoice's buyer and offer at its price, and not of a cancelled draft."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'invoice_lines' AS subject, x.id,
                   concat_ws(', ', x.amount, l.billing_status, 'buyer ' || l.buyer_id, 'offer ' || l.offer_id, i.status)
                   AS says,
                   concat_ws(', ', l.price, 'billed', 'buyer ' || i.buyer_id, 'offer ' || i.offer_id) AS should
              FROM invoice_lines x
              JOIN leads l ON l.id = x.lead_id
              JOIN invoices i ON i.id = x.invoice_id
             WHERE x.released_at IS NULL
               AND (l.billing_status = 'pending' OR (l.buyer_id, l.offer_id) IS DISTINCT FROM (i.buyer_id, i.offer_id)
                    OR x.amount IS DISTINCT FROM l.price OR (i.status = 'cancelled' AND i.issued_at IS NULL)
                    OR (l.billing_status = 'refunded' AND i.issued_at IS NULL))
            """
        )
        return cursor.fetchall()


def a_lead_is_on_one_invoice(conn: Connection[Any]) -> list[Broken]:
    """A billed lead has one living line or waits for one; what is given back waits for none."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'leads' AS subject, l.id,
                   l.lines || ' lines' || CASE WHEN l.waits THEN ', waits' ELSE '' END AS says,
                   CASE WHEN l.billing_status = 'pending' THEN 'nothing'
                        WHEN l.billing_status = 'refunded' THEN '1 line or nothing'
                        ELSE '1 line or waits' END AS should
              FROM (SELECT l.id, l.billing_status, coalesce(x.lines, 0) AS lines, u.lead_id IS NOT NULL AS waits,
                           (u.buyer_id, u.offer_id, u.price) IS DISTINCT FROM (l.buyer_id, l.offer_id, l.price)
                           AS differs
                      FROM leads l
                      LEFT JOIN (SELECT lead_id, count(*) AS lines FROM invoice_lines
                                  WHERE released_at IS NULL GROUP BY lead_id) AS x ON x.lead_id = l.id
                      LEFT JOIN uninvoiced_leads u ON u.lead_id = l.id
                     WHERE l.billing_status <> 'pending' OR u.lead_id IS NOT NULL OR x.lead_id IS NOT NULL) AS l
             WHERE (l.waits AND l.differs)
                OR CASE l.billing_status WHEN 'pending' THEN true
                                         WHEN 'refunded' THEN l.waits OR l.lines > 1
                                         ELSE l.lines + l.waits::int <> 1 END
            """
        )
        return cursor.fetchall()


def an_invoice_is_the_sum_of_its_lines(conn: Connection[Any]) -> list[Broken]:
    """Subtotal and count are those of the living lines; an invoice that is not cancelled has some."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'invoices' AS subject, i.id, i.total_leads || ' leads, ' || i.subtotal AS says,
                   coalesce(x.leads, 0) || ' leads, ' || coalesce(x.amount, 0) AS should
              FROM invoices i
              LEFT JOIN (SELECT invoice_id, count(*) AS leads, sum(amount) AS amount FROM invoice_lines
                          WHERE released_at IS NULL GROUP BY invoice_id) AS x ON x.invoice_id = i.id
             WHERE (i.status <> 'cancelled' OR i.issued_at IS NOT NULL)
               AND (x.leads IS NULL OR i.subtotal <> x.amount OR i.total_leads <> x.leads)
            """
        )
        return cursor.fetchall()


def tax_is_the_rate_rounded_once(conn: Connection[Any]) -> list[Broken]:
    """The tax is the rate of the subtotal, to the nearest unit of the currency."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'invoices' AS subject, id, tax_amount::text AS says, (subtotal * tax_rate / 100)::text AS should
              FROM invoices
             WHERE abs(tax_amount - subtotal * tax_rate / 100)
                   > CASE WHEN tax_amount = trunc(tax_amount) AND subtotal = trunc(subtotal) THEN 0.5 ELSE 0.005 END
            """
        )
        return cursor.fetchall()


def tax_is_on_the_ledger(conn: Connection[Any]) -> list[Broken]:
    """What an issued invoice adds as tax is posted once."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'invoices' AS subject, i.id, coalesce(t.amount, 0)::text AS says,
                   CASE WHEN i.issued_at IS NULL THEN 0 ELSE i.tax_amount END::text AS should
              FROM invoices i
              LEFT JOIN (SELECT t.invoice_id, sum(e.amount) AS amount
                           FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
                          WHERE t.kind = 'tax_charged' GROUP BY t.invoice_id) AS t ON t.invoice_id = i.id
             WHERE coalesce(t.amount, 0) <> CASE WHEN i.issued_at IS NULL THEN 0 ELSE i.tax_amount END
            """
        )
        return cursor.fetchall()


def the_state_says_what_is_due(conn: Connection[Any]) -> list[Broken]:
    """A draft has no number and what is issued has one; paid is nothing due; nothing is due of what is cancelled."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'invoices' AS subject, id,
                   concat_ws(', ', status, coalesce(invoice_number, 'no number'), amount_due || ' due') AS says,
                   'a state that fits' AS should
              FROM invoices
             WHERE amount_due < 0 OR total_amount <> subtotal + tax_amount
                OR (invoice_number IS NULL) <> (issued_at IS NULL)
                OR CASE status WHEN 'draft' THEN issued_at IS NOT NULL
                               WHEN 'cancelled' THEN issued_at IS NOT NULL AND amount_due <> 0
                               WHEN 'paid' THEN issued_at IS NULL OR amount_due <> 0
                               ELSE issued_at IS NULL OR amount_due = 0 END
            """
        )
        return cursor.fetchall()


def numbers_have_no_gaps(conn: Connection[Any]) -> list[Broken]:
    """Of each series, exactly the numbers up to the last one taken are in use."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'number_series' AS subject, coalesce(n.last, 0)::bigint AS id,
                   coalesce(n.series, used.series) || ': ' || coalesce(used.numbers, 0) || ' up to '
                   || coalesce(used.highest, 0) AS says,
                   coalesce(n.last, 0) || ' up to ' || coalesce(n.last, 0) AS should
              FROM number_series n
              FULL JOIN (SELECT series, count(DISTINCT sequence) AS numbers, max(sequence) AS highest
                           FROM (SELECT series, sequence FROM invoices WHERE series IS NOT NULL
                                 UNION ALL SELECT series, sequence FROM credit_notes
                                 UNION ALL SELECT series, sequence FROM payouts) AS every
                          GROUP BY series) AS used ON used.series = n.series
             WHERE (used.numbers, used.highest) IS DISTINCT FROM (n.last::bigint, n.last)
            """
        )
        return cursor.fetchall()


def what_is_owed_is_invoices_leads_and_debts(conn: Connection[Any]) -> list[Broken]:
    """A buyer owes what its issued invoices are due, its billed leads on none of them less what the wallet paid of
    those, the debts of its chargebacks, and what it owed before there was a ledger.
    """
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            WITH parts AS (
              SELECT buyer_id, amount_due AS amount FROM invoices
               WHERE issued_at IS NOT NULL AND amount_due <> 0
              UNION ALL
              SELECT u.buyer_id,
                     u.price - coalesce((SELECT sum(e.amount) FROM ledger_transactions t
                                           JOIN ledger_entries e ON e.transaction_id = t.id
                                          WHERE t.lead_id = u.lead_id AND t.kind = 'wallet_drawn'), 0)
                FROM uninvoiced_leads u
              UNION ALL
              SELECT l.buyer_id,
                     l.price - coalesce((SELECT sum(e.amount) FROM ledger_transactions t
                                           JOIN ledger_entries e ON e.transaction_id = t.id
                                          WHERE t.lead_id = l.id AND t.kind = 'wallet_drawn'), 0)
                FROM invoices i
                JOIN invoice_lines x ON x.invoice_id = i.id AND x.released_at IS NULL
                JOIN leads l ON l.id = x.lead_id
               WHERE i.status = 'draft'
              UNION ALL
              SELECT buyer_id, debt FROM chargebacks WHERE debt > 0
              UNION ALL
              SELECT buyer_id, amount FROM ledger_postings WHERE kind = 'opening' AND account = 'receivable'
            ), owed AS (SELECT buyer_id, sum(amount) AS amount FROM parts GROUP BY buyer_id)
            SELECT 'buyers' AS subject, b.id, b.balance::text AS says, coalesce(owed.amount, 0)::text AS should
              FROM buyers b LEFT JOIN owed ON owed.buyer_id = b.id
             WHERE b.balance <> coalesce(owed.amount, 0)
            """
        )
        return cursor.fetchall()


def an_invoice_is_settled_by_its_settlements(conn: Connection[Any]) -> list[Broken]:
    """What an invoice is owed less is the sum of its settlements, kind by kind."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'invoices' AS subject, i.id,
                   concat_ws(' / ', i.wallet_applied, i.amount_paid, i.amount_credited, i.amount_written_off) AS says,
                   concat_ws(' / ', coalesce(s.wallet, 0), coalesce(s.paid, 0), coalesce(s.credited, 0),
                             coalesce(s.written_off, 0)) AS should
              FROM invoices i
              LEFT JOIN (SELECT invoice_id, sum(amount) FILTER (WHERE kind = 'wallet') AS wallet,
                                sum(amount) FILTER (WHERE kind IN ('payment', 'payment_undone', 'chargeback',
                                                                   'chargeback_won')) AS paid,
                                sum(amount) FILTER (WHERE kind = 'credit_note') AS credited,
                                sum(amount) FILTER (WHERE kind IN ('write_off', 'write_off_undone')) AS written_off
                           FROM invoice_settlements GROUP BY invoice_id) AS s ON s.invoice_id = i.id
             WHERE (i.wallet_applied, i.amount_paid, i.amount_credited, i.amount_written_off)
                   <> (coalesce(s.wallet, 0), coalesce(s.paid, 0), coalesce(s.credited, 0), coalesce(s.written_off, 0))
            """
        )
        return cursor.fetchall()


def a_lead_says_what_its_invoice_says(conn: Connection[Any]) -> list[Broken]:
    """The leads of a paid invoice are paid and of a disputed one disputed; those given back stay refunded."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'leads' AS subject, l.id, l.billing_status::text AS says,
                   CASE i.status WHEN 'paid' THEN 'paid' WHEN 'disputed' THEN 'disputed' ELSE 'billed' END AS should
              FROM leads l
              LEFT JOIN invoice_lines x ON x.lead_id = l.id AND x.released_at IS NULL
              LEFT JOIN invoices i ON i.id = x.invoice_id
             WHERE l.billing_status NOT IN ('pending', 'refunded')
               AND l.billing_status::text
                   <> CASE i.status WHEN 'paid' THEN 'paid' WHEN 'disputed' THEN 'disputed' ELSE 'billed' END
            """
        )
        return cursor.fetchall()


def periods_of_an_account_are_apart(conn: Connection[Any]) -> list[Broken]:
    """No two invoices of a buyer and an offer name the same time."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'invoices' AS subject, id, period_start::text AS says, 'not before ' || ended AS should
              FROM (SELECT id, period_start,
                           max(period_end) OVER (PARTITION BY buyer_id, offer_id ORDER BY period_start, id
                                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ended
                      FROM invoices WHERE status <> 'cancelled' OR issued_at IS NOT NULL) AS every
             WHERE period_start < ended
            """
        )
        return cursor.fetchall()


def what_crosses_a_threshold_is_invoiced(conn: Connection[Any], *, before: datetime) -> list[Broken]:
    """An account that was over its offer's threshold at an instant, by now has its invoice."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'buyers' AS subject, owed.buyer_id AS id, owed.amount || ' of offer ' || o.id AS says,
                   'below ' || o.invoice_threshold AS should
              FROM (SELECT buyer_id, offer_id, sum(price) AS amount FROM uninvoiced_leads
                     WHERE since < %(before)s GROUP BY buyer_id, offer_id) AS owed
              JOIN offers o ON o.id = owed.offer_id
             WHERE owed.amount >= o.invoice_threshold AND coalesce(o.updated_at, o.created_at) < %(before)s
            """,
            {"before": before},
        )
        return cursor.fetchall()
