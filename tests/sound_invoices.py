"""What must hold of invoices whatever was done, and whoever was killed meanwhile."""

from typing import Any

from psycopg import Connection

_FAULTS = {
    "a lead on two living invoices":
        "SELECT lead_id FROM invoice_lines WHERE released_at IS NULL GROUP BY lead_id HAVING count(*) > 1",
    "a lead said to be on an invoice that names it nowhere, or the other way round":
        "SELECT l.id FROM leads l WHERE (l.invoiced_at IS NOT NULL) <> EXISTS"
        " (SELECT FROM invoice_lines x WHERE x.lead_id = l.id AND x.released_at IS NULL)",
    "totals that are not those of the lines":
        "SELECT i.id FROM invoices i WHERE i.status <> 'cancelled' AND (i.subtotal, i.total_leads) <>"
        " (SELECT coalesce(sum(x.amount), 0), count(*) FROM invoice_lines x"
        "   WHERE x.invoice_id = i.id AND x.released_at IS NULL)",
    "numbers with gaps":
        "SELECT n.series FROM number_series n FULL JOIN invoices i USING (series) WHERE series = 'INV'"
        " GROUP BY n.series, n.last HAVING (n.last, n.last) IS DISTINCT FROM (count(i.id), max(i.sequence))",
    "a balance that is not the ledger's":
        "SELECT b.id FROM buyers b WHERE b.balance <> coalesce((SELECT sum(p.amount) FROM ledger_postings p"
        " WHERE p.buyer_id = b.id AND p.account = 'receivable'), 0)",
    "a wallet that is not the ledger's":
        "SELECT w.buyer_id FROM wallets w WHERE w.balance <> coalesce((SELECT -sum(p.amount) FROM ledger_postings p"
        " WHERE p.buyer_id = w.buyer_id AND p.account = 'wallet'), 0)",
    "a balance that is not open invoices and what is on none":
        "SELECT b.id FROM buyers b WHERE b.balance <>"
        " (SELECT coalesce(sum(i.amount_due), 0) FROM invoices i WHERE i.buyer_id = b.id AND i.issued_at IS NOT NULL)"
        " + (SELECT coalesce(sum(l.price - coalesce((SELECT sum(p.amount) FROM ledger_postings p"
        "           WHERE p.lead_id = l.id AND p.kind = 'wallet_drawn' AND p.account = 'wallet'), 0)), 0)"
        "      FROM leads l WHERE l.buyer_id = b.id AND l.billing_status = 'billed' AND NOT EXISTS"
        "           (SELECT FROM invoice_lines x JOIN invoices i ON i.id = x.invoice_id"
        "             WHERE x.lead_id = l.id AND x.released_at IS NULL AND i.issued_at IS NOT NULL))",
}  # fmt: skip


def faults(conn: Connection[Any]) -> dict[str, list[Any]]:
    """What does not hold, with the ids of the rows; nothing where all is well."""
    found = {fault: [row[0] for row in conn.execute(query.encode())] for fault, query in _FAULTS.items()}
    return {fault: rows for fault, rows in found.items() if rows}
