"""Publishers for tests: a source that somebody owns, what its leads earn, and leads that come back."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection

from leadgen.domain.ledger import Entry, Transaction, reversal
from leadgen.operations import paying_out
from leadgen.store import ledger, publishers
from tests.factories import a_buyer, a_source, an_offer, insert
from tests.money import a_billed_lead


class Published:
    """A publisher with one source of an offer, and its buyer."""

    def __init__(self, conn: Connection[Any], name: str = "Home Pages", **values: Any) -> None:
        self.conn = conn
        self.publisher_id = insert(conn, "publishers", name=name, email="owner@example.com", **values)
        self.offer = an_offer(conn)
        self.buyer = a_buyer(conn)
        self.source = a_source(
            conn, self.offer, publisher_id=self.publisher_id, earning={"type": "share", "value": "10"}
        )

    def earn(self, at: datetime, price: str = "45.00") -> int:
        """A lead billed then; it earns a tenth of its price."""
        return a_billed_lead(self.conn, self.offer, self.buyer, at, price, source_id=self.source)

    def take_back(self, lead: int, at: datetime) -> None:
        """What the lead has earned is reversed, as its return does."""
        found = self.conn.execute(
            "SELECT t.id, t.currency, e.debit, e.credit, e.amount FROM ledger_transactions t"
            " JOIN ledger_entries e ON e.transaction_id = t.id WHERE t.idempotency_key = %s",
            (f"lead_earned:{lead}",),
        ).fetchone()
        assert found is not None
        back = Transaction(
            key=f"earning_reversed:{lead}",
            kind="earning_reversed",
            currency=found[1],
            occurred_at=at,
            actor="a test",
            entries=reversal([Entry(*found[2:])]),
            publisher_id=self.publisher_id,
            lead_id=lead,
            reverses_id=found[0],
        )
        ledger.post(self.conn, [back])

    def issue(self, now: datetime) -> int | None:
        """The payout issued then, if one is due."""
        with self.conn.transaction():
            return paying_out.issue(self.conn, self.publisher_id, actor="a test", now=now)

    def total(self, payout_id: int | None) -> Decimal:
        """What a payout pays."""
        found = publishers.payout(self.conn, payout_id or 0)
        assert found is not None
        return found.total

    @property
    def payable(self) -> Decimal:
        """What the ledger says is owed to the publisher."""
        row = self.conn.execute(
            "SELECT coalesce(-sum(amount), 0) FROM ledger_postings WHERE account = 'publisher_payable'"
            " AND publisher_id = %s",
            (self.publisher_id,),
        ).fetchone()
        assert row is not None
        return Decimal(row[0])
