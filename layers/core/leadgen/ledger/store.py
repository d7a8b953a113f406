"""Posts transactions to the ledger, which never changes them; balances move in the same statement."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from leadgen.ledger.domain import Transaction


class PostedOtherwise(Exception):
    """A key that is taken by a transaction which moved something else."""


def post(conn: Connection[Any], transactions: Sequence[Transaction]) -> dict[str, int]:
    """Add transactions under their buyers' locks, and move ``buyers.balance`` by what they add to the receivable and
    ``wallets.balance`` by what they add to the wallet. The ids of those added now, by key: a key that is taken moves
    nothing again.

    Raises PostedOtherwise where the one that has a key moved something else, and psycopg's errors for accounts that
    may not face each other or a balance below zero.
    """
    if not transactions:
        return {}
    entries = [(place, entry) for place, one in enumerate(transactions) for entry in one.entries]
    rows = conn.execute(
        """
        WITH given AS (
          SELECT * FROM unnest(%(keys)s::text[], %(kinds)s::text[], %(currencies)s::text[], %(times)s::timestamptz[],
                               %(actors)s::text[], %(buyers)s::int[], %(publishers)s::int[], %(leads)s::int[],
                               %(invoices)s::int[], %(payments)s::bigint[], %(credit_notes)s::bigint[],
                               %(reversed)s::bigint[], %(notes)s::text[], %(prints)s::text[])
                 WITH ORDINALITY
                 AS g(key, kind, currency, occurred_at, actor, buyer_id, publisher_id, lead_id, invoice_id, payment_id,
                      credit_note_id, reverses_id, note, fingerprint, place)
        ), added AS (
          INSERT INTO ledger_transactions (idempotency_key, kind, currency, occurred_at, actor, buyer_id, publisher_id,
                                           lead_id, invoice_id, payment_id, credit_note_id, reverses_id, note,
                                           fingerprint)
          SELECT key, kind, currency, occurred_at, actor, buyer_id, publisher_id, lead_id, invoice_id, payment_id,
                 credit_note_id, reverses_id, note, fingerprint
            FROM given ORDER BY place
          ON CONFLICT (idempotency_key) DO NOTHING
          RETURNING id, idempotency_key AS key, kind, buyer_id
        ), moved AS (
          INSERT INTO ledger_entries (transaction_id, kind, debit, credit, amount)
          SELECT added.id, added.kind, e.debit, e.credit, e.amount
            FROM unnest(%(places)s::int[], %(debits)s::text[], %(credits)s::text[], %(amounts)s::numeric[])
                 AS e(place, debit, credit, amount)
            JOIN given ON given.place = e.place + 1
            JOIN added USING (key)
           ORDER BY added.id
          RETURNING transaction_id, debit, credit, amount
        ), change AS (
          SELECT added.buyer_id,
                 sum(CASE 'receivable' WHEN moved.debit THEN amount WHEN moved.credit THEN -amount ELSE 0 END) AS owed,
                 sum(CASE 'wallet' WHEN moved.credit THEN amount WHEN moved.debit THEN -amount ELSE 0 END) AS prepaid
            FROM moved JOIN added ON added.id = moved.transaction_id
           WHERE added.buyer_id IS NOT NULL
           GROUP BY added.buyer_id
        ), owing AS (
          UPDATE buyers SET balance = balance + change.owed
            FROM change WHERE buyers.id = change.buyer_id AND change.owed <> 0
        ), prepaying AS (
          UPDATE wallets SET balance = balance + change.prepaid, updated_at = CURRENT_TIMESTAMP
            FROM change WHERE wallets.buyer_id = change.buyer_id AND change.prepaid <> 0
        )
        SELECT given.key, added.id, t.fingerprint <> given.fingerprint
          FROM given
          LEFT JOIN added USING (key)
          LEFT JOIN ledger_transactions t ON t.idempotency_key = given.key
        """,
        {
            "keys": [one.key for one in transactions],
            "kinds": [one.kind for one in transactions],
            "currencies": [one.currency for one in transactions],
            "times": [one.occurred_at for one in transactions],
            "actors": [one.actor for one in transactions],
            "buyers": [one.buyer_id for one in transactions],
            "publishers": [one.publisher_id for one in transactions],
            "leads": [one.lead_id for one in transactions],
            "invoices": [one.invoice_id for one in transactions],
            "payments": [one.payment_id for one in transactions],
            "credit_notes": [one.credit_note_id for one in transactions],
            "reversed": [one.reverses_id for one in transactions],
            "notes": [one.note for one in transactions],
            "prints": [one.fingerprint for one in transactions],
            "places": [place for place, _ in entries],
            "debits": [entry.debit for _, entry in entries],
            "credits": [entry.credit for _, entry in entries],
            "amounts": [entry.amount for _, entry in entries],
        },
    ).fetchall()
    differing = sorted(key for key, added, differs in rows if added is None and differs)
    if differing:
        raise PostedOtherwise(f"{', '.join(differing)}: posted before, and otherwise")
    return {key: added for key, added, _ in rows if added is not None}


@dataclass(frozen=True)
class Money:
    """What a buyer owes, has claimed and has prepaid, in its currency."""

    buyer_id: int
    currency: str
    owed: Decimal
    pending: Decimal
    wallet: Decimal
    credit_limit: Decimal | None


def money(conn: Connection[Any], buyer_ids: Collection[int]) -> dict[int, Money]:
    """The money of buyers, by id; true until the commit where they are locked."""
    with conn.cursor(row_factory=class_row(Money)) as cursor:
        cursor.execute(
            """
            SELECT b.id AS buyer_id, b.currency, b.balance AS owed, b.pending_amount AS pending,
                   w.balance AS wallet, b.credit_limit
              FROM buyers b JOIN wallets w ON w.buyer_id = b.id
             WHERE b.id = ANY(%s)
            """,
            (sorted(set(buyer_ids)),),
        )
        return {row.buyer_id: row for row in cursor}
