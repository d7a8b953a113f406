"""Publishers for tests: a source that somebody owns, what its leads earn, and leads that come back."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection

from leadgen.ledger import store as ledger_store
from leadgen.ledger.domain import Entry, Transaction
from leadgen.publishers import store as publishers_store
from leadgen.publishers.service import payouts
from tests.support.factories import a_buyer, a_source, an_offer, insert
from tests.support.money.sold_leads import a_billed_lead

# What is planted in a database with one paid payout, and the invariants that find it.
CORRUPTIONS = [
    ("a_payout_is_the_sum_of_its_lines", "UPDATE payouts SET earned = 11, total = 11"),
    ("a_payout_is_the_sum_of_its_lines", "DELETE FROM payout_lines"),
    ("a_payout_line_is_an_earning_of_its_publisher", "UPDATE payout_lines SET amount = 9"),
    ("a_payout_line_is_an_earning_of_its_publisher", "UPDATE payouts SET period_end = '2026-06-02'"),
    ("a_payout_line_is_an_earning_of_its_publisher", "UPDATE payouts SET publisher_id = 7"),
    ("a_payout_is_posted_when_it_is_paid", "DELETE FROM ledger_transactions WHERE kind = 'payout'"),
    ("a_payout_is_posted_when_it_is_paid", "UPDATE ledger_entries SET amount = 9 WHERE kind = 'payout'"),
    (
        "a_payout_is_posted_when_it_is_paid",
        "UPDATE payouts SET status = 'issued', paid_at = NULL, paid_by = NULL, reference = NULL",
    ),
    ("numbers_have_no_gaps", "UPDATE payouts SET sequence = 2"),
    ("numbers_have_no_gaps", "UPDATE number_series SET last = 2 WHERE series = 'PO'"),
]


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
            entries=(Entry(debit=found[3], credit=found[2], amount=found[4]),),
            publisher_id=self.publisher_id,
            lead_id=lead,
            reverses_id=found[0],
        )
        ledger_store.post(self.conn, [back])

    def issue(self, now: datetime) -> int | None:
        """The payout issued then, if one is due."""
        with self.conn.transaction():
            return payouts.issue(self.conn, self.publisher_id, actor="a test", now=now)

    def total(self, payout_id: int | None) -> Decimal:
        """What a payout pays."""
        found = publishers_store.payout(self.conn, payout_id or 0)
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
