"""Invariants of payments, refunds, chargebacks, credit notes and returns: each query finds the rows that break one."""

from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.reconciliation.store.ledger import Broken


def a_payment_is_posted_once(conn: Connection[Any]) -> list[Broken]:
    """What was received is posted as cash once, in full, and what was undone is posted back."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'payments' AS subject, p.id,
                   coalesce(t.came, 0) || ' in, ' || coalesce(t.went, 0) || ' back' AS says,
                   CASE WHEN p.status IN ('succeeded', 'undone') THEN p.amount ELSE 0 END || ' in, '
                   || CASE p.status WHEN 'undone' THEN p.amount ELSE 0 END || ' back' AS should
              FROM payments p
              LEFT JOIN (SELECT t.payment_id, sum(e.amount) FILTER (WHERE t.kind = 'payment') AS came,
                                sum(e.amount) FILTER (WHERE t.kind = 'payment_undone') AS went
                           FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
                          WHERE t.kind IN ('payment', 'payment_undone') GROUP BY t.payment_id) AS t
                ON t.payment_id = p.id
             WHERE coalesce(t.came, 0) <> CASE WHEN p.status IN ('succeeded', 'undone') THEN p.amount ELSE 0 END
                OR coalesce(t.went, 0) <> CASE p.status WHEN 'undone' THEN p.amount ELSE 0 END
            """
        )
        return cursor.fetchall()


def a_payment_settles_what_it_says(conn: Connection[Any]) -> list[Broken]:
    """What a payment gave its invoice is the settlement it made; what was undone made one back."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'payments' AS subject, p.id, coalesce(s.amount, 0)::text AS says,
                   CASE p.status WHEN 'undone' THEN 0 ELSE p.to_invoice END::text AS should
              FROM payments p
              LEFT JOIN (SELECT payment_id, sum(amount) AS amount FROM invoice_settlements
                          WHERE kind IN ('payment', 'payment_undone') GROUP BY payment_id) AS s ON s.payment_id = p.id
             WHERE coalesce(s.amount, 0) <> CASE p.status WHEN 'undone' THEN 0 ELSE p.to_invoice END
            """
        )
        return cursor.fetchall()


def no_more_goes_back_than_came(conn: Connection[Any]) -> list[Broken]:
    """Refunds and chargebacks of a payment are each at most its amount."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'payments' AS subject, p.id,
                   coalesce(r.amount, 0) || ' refunded, ' || coalesce(c.amount, 0) || ' charged back' AS says,
                   'at most ' || p.amount || ' each' AS should
              FROM payments p
              LEFT JOIN (SELECT payment_id, sum(amount) AS amount FROM refunds WHERE status <> 'failed'
                          GROUP BY payment_id) AS r ON r.payment_id = p.id
              LEFT JOIN (SELECT payment_id, sum(amount) AS amount FROM chargebacks WHERE status <> 'won'
                          GROUP BY payment_id) AS c ON c.payment_id = p.id
             WHERE greatest(r.amount, c.amount) > CASE p.status WHEN 'succeeded' THEN p.amount ELSE 0 END
            """
        )
        return cursor.fetchall()


def a_refund_is_posted_as_far_as_it_got(conn: Connection[Any]) -> list[Broken]:
    """A refund is taken from the wallet once, and paid out or put back once, as its state says; or put back later."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'refunds' AS subject, r.id, coalesce(t.kinds, 'nothing') AS says,
                   r.status || ' of ' || r.amount AS should
              FROM refunds r
              LEFT JOIN (SELECT split_part(t.idempotency_key, ':', 2)::bigint AS refund_id,
                                string_agg(t.kind || ' ' || e.amount, ', ' ORDER BY t.id) AS kinds,
                                sum(e.amount) FILTER (WHERE t.kind = 'refund_requested') AS requested,
                                sum(e.amount) FILTER (WHERE t.kind = 'refund_paid') AS paid,
                                sum(e.amount) FILTER (WHERE t.kind = 'refund_failed') AS failed,
                                sum(e.amount) FILTER (WHERE t.kind = 'refund_failed' AND e.debit = 'cash') AS came_back
                           FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
                          WHERE t.kind IN ('refund_requested', 'refund_paid', 'refund_failed') GROUP BY 1) AS t
                ON t.refund_id = r.id
             WHERE (t.requested, coalesce(t.paid, 0), coalesce(t.failed, 0)) IS DISTINCT FROM
                   (r.amount,
                    CASE r.status WHEN 'succeeded' THEN r.amount WHEN 'failed' THEN coalesce(t.came_back, 0) ELSE 0 END,
                    CASE r.status WHEN 'failed' THEN r.amount ELSE 0 END)
            """
        )
        return cursor.fetchall()


def a_chargeback_is_posted_as_far_as_it_got(conn: Connection[Any]) -> list[Broken]:
    """A chargeback takes its amount once, and gives it back once where it was won."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'chargebacks' AS subject, c.id,
                   coalesce(t.taken, 0) || ' taken, ' || coalesce(t.won, 0) || ' won' AS says,
                   c.amount || ' taken, ' || CASE c.status WHEN 'won' THEN c.amount ELSE 0 END || ' won' AS should
              FROM chargebacks c
              LEFT JOIN (SELECT split_part(t.idempotency_key, ':', 2)::bigint AS chargeback_id,
                                sum(e.amount) FILTER (WHERE t.kind = 'chargeback') AS taken,
                                sum(e.amount) FILTER (WHERE t.kind = 'chargeback_won') AS won
                           FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
                          WHERE t.kind IN ('chargeback', 'chargeback_won') GROUP BY 1) AS t ON t.chargeback_id = c.id
             WHERE coalesce(t.taken, 0) <> c.amount
                OR coalesce(t.won, 0) <> CASE c.status WHEN 'won' THEN c.amount ELSE 0 END
            """
        )
        return cursor.fetchall()


def a_credit_note_is_the_sum_of_its_lines(conn: Connection[Any]) -> list[Broken]:
    """Its net is its lines, each a lead of its invoice at the price invoiced; what it takes off the due is settled; and
    the ledger has its total.
    """
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'credit_notes' AS subject, c.id,
                   concat_ws(' / ', c.net, c.to_due, c.total) AS says,
                   concat_ws(' / ', coalesce(x.net, 0), coalesce(s.amount, 0), coalesce(t.amount, 0)) AS should
              FROM credit_notes c
              LEFT JOIN (SELECT x.credit_note_id, sum(i.amount) AS net,
                                bool_and(i.amount IS NOT DISTINCT FROM x.amount) AS as_invoiced
                           FROM credit_note_lines x
                           JOIN credit_notes n ON n.id = x.credit_note_id
                           LEFT JOIN invoice_lines i ON i.lead_id = x.lead_id AND i.invoice_id = n.invoice_id
                                                    AND i.released_at IS NULL
                          GROUP BY x.credit_note_id) AS x ON x.credit_note_id = c.id
              LEFT JOIN (SELECT credit_note_id, sum(amount) AS amount FROM invoice_settlements
                          WHERE kind = 'credit_note' GROUP BY credit_note_id) AS s ON s.credit_note_id = c.id
              LEFT JOIN (SELECT t.credit_note_id, sum(e.amount) AS amount
                           FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
                          WHERE t.kind = 'credit_note' GROUP BY t.credit_note_id) AS t ON t.credit_note_id = c.id
             WHERE NOT coalesce(x.as_invoiced, false)
                OR (c.net, c.to_due, c.total) IS DISTINCT FROM (x.net, coalesce(s.amount, 0), t.amount)
            """
        )
        return cursor.fetchall()


def no_more_is_credited_than_was_invoiced(conn: Connection[Any]) -> list[Broken]:
    """Credit notes of an invoice take back at most its subtotal and its tax, and all of the tax with the last of it."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'invoices' AS subject, i.id, c.net || ' + ' || c.tax AS says,
                   'at most ' || i.subtotal || ' + ' || i.tax_amount AS should
              FROM invoices i
              JOIN (SELECT invoice_id, sum(net) AS net, sum(tax) AS tax FROM credit_notes GROUP BY invoice_id) AS c
                ON c.invoice_id = i.id
             WHERE c.net > i.subtotal OR c.tax > i.tax_amount OR (c.net = i.subtotal AND c.tax <> i.tax_amount)
            """
        )
        return cursor.fetchall()


def what_is_refunded_was_given_back_once(conn: Connection[Any]) -> list[Broken]:
    """A lead is refunded exactly where one credit note, or one posting before any invoice, gave its price back."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'leads' AS subject, coalesce(l.id, g.lead_id) AS id,
                   coalesce(g.amount, 0) || ' given back, ' || coalesce(g.times, 0) || ' times' AS says,
                   CASE WHEN l.id IS NULL THEN '0 given back, 0 times' ELSE l.price || ' given back, 1 times' END
                   AS should
              FROM (SELECT id, price FROM leads WHERE billing_status = 'refunded') AS l
              FULL JOIN (SELECT lead_id, sum(amount) AS amount, count(*) AS times
                           FROM (SELECT lead_id, amount FROM credit_note_lines
                                 UNION ALL
                                 SELECT t.lead_id, sum(e.amount)
                                   FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
                                  WHERE t.kind = 'lead_returned' GROUP BY t.id) AS every
                          GROUP BY lead_id) AS g ON g.lead_id = l.id
             WHERE (g.amount, g.times) IS DISTINCT FROM (l.price, 1::bigint)
            """
        )
        return cursor.fetchall()


def an_approved_return_gave_its_lead_back(conn: Connection[Any]) -> list[Broken]:
    """A lead whose return was approved is refunded."""
    with conn.cursor(row_factory=class_row(Broken)) as cursor:
        cursor.execute(
            """
            SELECT 'lead_returns' AS subject, r.id, 'approved, lead ' || l.billing_status AS says,
                   'lead refunded' AS should
              FROM lead_returns r JOIN leads l ON l.id = r.lead_id
             WHERE r.status = 'approved'
               AND (l.billing_status <> 'refunded' OR r.transaction_id IS NULL)
            """
        )
        return cursor.fetchall()
