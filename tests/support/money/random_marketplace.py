"""A small marketplace whose money is moved at random, by the operations that move it: each picks what it works on by a
number, so that a list of numbers is a history that can be repeated.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from leadgen.audit_trail.domain import Actor
from leadgen.billing.service import charges
from leadgen.buyers import store as buyers_store
from leadgen.invoicing.service import decisions, issue
from leadgen.invoicing.service import run as invoicing_run
from leadgen.invoicing.service.issue import DueAccount
from leadgen.invoicing.store import drafts
from leadgen.kernel.errors import Refusal
from leadgen.payments.domain import minor_units
from leadgen.payments.domain.provider_events import DisputeChanged, ProviderEvent, RefundChanged
from leadgen.payments.service import chargebacks, provider_events, receipts, refunds
from leadgen.payments.service.receipts import Received
from leadgen.platform.messaging import bus
from leadgen.publishers.service import payouts
from leadgen.receivables.service import credit_notes, disputes, dunning, overdue, wallet_draws, write_offs
from leadgen.returns.domain.rules import ReturnRequest, ReturnVerdict
from leadgen.returns.service import returns
from tests.support.factories import a_buyer, a_market, a_source, an_enrollment, an_offer, insert
from tests.support.money.sold_leads import a_taken_lead

CLERK = Actor("clerk")
PRICES = ("45.00", "20.10", "33.33", "0.01", "120.00")
YEN = ("4500", "2010", "3333", "1", "12000")
RETURNS = {"reasons": ["duplicate", "spam", "wrong_area"], "window_hours": 8760, "auto_approve": ["duplicate"]}


class World:
    """Four buyers, some of them taxed, one whose invoices wait for an approval and one of another currency; three
    offers, two of them on sources that somebody owns.

    ``conn`` is in autocommit; ``at`` is called before every operation.
    """

    def __init__(self, conn: Connection[Any], at: datetime) -> None:
        self.conn = conn
        self.at = at
        publisher = insert(conn, "publishers", name="Roof Media", email="media@example.com")
        abroad = insert(
            conn, "publishers", name="Yane Media", email="yane@example.com", currency="JPY", timezone="Asia/Tokyo"
        )
        self.offers = [
            an_offer(conn, invoice_threshold="150.00"),
            an_offer(conn, invoice_threshold="100000"),
            an_offer(conn, invoice_threshold="15000", market_id=a_market(conn, currency="JPY", timezone="Asia/Tokyo")),
        ]
        self.sources = [
            a_source(conn, self.offers[0], publisher_id=publisher, earning={"type": "share", "value": 40}),
            a_source(conn, self.offers[1]),
            a_source(conn, self.offers[2], publisher_id=abroad, earning={"type": "share", "value": 33.3}),
        ]
        self.buyers = [
            a_buyer(conn, billing={"tax": {"name": "VAT", "rate": 19}}),
            a_buyer(conn, billing={"tax": {"name": "VAT", "rate": 7.7}, "dunning": {"pause_after_days": 5}}),
            a_buyer(conn, billing={"approval": True}),
            a_buyer(conn, billing={"tax": {"name": "CT", "rate": 8.25}}, currency="JPY"),
        ]
        for buyer in self.buyers[:3]:
            for offer in self.offers[:2]:
                an_enrollment(conn, buyer, offer, returns=RETURNS)
        an_enrollment(conn, self.buyers[3], self.offers[2], returns=RETURNS)

    def beside(self, conn: Connection[Any]) -> "World":
        """The same marketplace for another worker."""
        other = object.__new__(World)
        other.__dict__ = self.__dict__ | {"conn": conn}
        return other

    def run(self, operation: str, pick: int, *, at: datetime) -> str:
        """Do one operation; what came of it: ``done``, ``nothing`` there to do it to, or the code of a refusal."""
        self.at = at
        work: Callable[[int], str | None] = getattr(self, operation)
        try:
            return work(pick) or "done"
        except Refusal as refusal:
            return refusal.code

    # What is picked from.

    def _one(self, pick: int, query: str, *values: Any) -> Any:
        rows = self.conn.execute(query.encode(), values).fetchall()
        return rows[pick % len(rows)] if rows else None

    def _invoice(self, pick: int, *statuses: str) -> Any:
        return self._one(
            pick,
            "SELECT id, buyer_id, amount_due, currency FROM invoices WHERE status::text = ANY(%s) ORDER BY id",
            list(statuses),
        )

    def _receive(
        self, pick: int, invoice: Any, amount: Decimal, *, key: str | None = None, **values: Any
    ) -> str | None:
        buyer, invoice_id = (self.buyers[pick % 4], None) if invoice is None else (invoice[1], invoice[0])
        money = Received(
            buyer_id=buyer, invoice_id=invoice_id, method=values.pop("method", "check"), amount=amount,
            currency="JPY" if buyer == self.buyers[3] else "USD", received_at=self.at, actor="clerk",
            idempotency_key=key, **values,
        )  # fmt: skip
        with self.conn.transaction():
            receipt = receipts.receive(self.conn, money, now=self.at, anyway=money.method == "stripe")
        return "repeated" if receipt.is_repeated else None

    # What happens to leads.

    def deliver(self, pick: int) -> None:
        """A buyer takes a lead; sometimes one that it has had before."""
        buyer = self.buyers[pick % 4]
        place, prices = (2, YEN) if buyer == self.buyers[3] else (pick % 2, PRICES)
        person = f"person{pick % 7}@example.com"
        with self.conn.transaction():
            buyers_store.lock(self.conn, [buyer])
            a_taken_lead(
                self.conn, self.offers[place], buyer, self.at, prices[pick % 5], source_id=self.sources[place],
                email=person,
            )  # fmt: skip

    def bill(self, pick: int) -> str | None:
        """As the stage does: all that waits, with the threshold checked under the lock."""
        query = "SELECT id FROM leads WHERE billing_status = 'pending' ORDER BY id LIMIT 10"
        return self._bill([row[0] for row in self.conn.execute(query)])

    def bill_again(self, pick: int) -> str | None:
        """A message that comes twice."""
        row = self._one(pick, "SELECT id FROM leads WHERE billing_status <> 'pending' ORDER BY id")
        return "nothing" if row is None else self._bill([row[0]])

    def _bill(self, leads: list[int]) -> str | None:
        with self.conn.transaction():
            billed = charges.charge(self.conn, leads, now=self.at)
            found = {(lead.buyer_id, lead.offer_id) for lead in billed}
            due = [
                DueAccount(account, self.at, closes=False)
                for account in drafts.open_accounts(self.conn, sorted({buyer for buyer, _ in found}))
                if (account.buyer_id, account.offer_id) in found and account.uninvoiced >= account.threshold
            ]
            issue.issue(self.conn, due, actor="stage:bill", now=self.at)
        return None if billed else "nothing"

    def roll_back(self, pick: int) -> str:
        """Everything of one operation, undone by a crash before its commit."""
        # The schedule takes a transaction for each buyer or publisher: within another it would hold numbers meanwhile.
        operations = [name for name in OPERATIONS if name not in ("roll_back", "cycle", "pay_out", "review_pauses")]
        with self.conn.transaction(force_rollback=True):
            self.run(operations[pick % len(operations)], pick // 7, at=self.at)
        return "rolled back"

    # Invoices.

    def cycle(self, pick: int) -> None:
        """The schedule, as late as it comes."""

        def transactions() -> AbstractContextManager[Any]:
            return bus.on_connection(self.conn, keep=True)()

        run = invoicing_run.run(transactions, now=self.at)
        assert run.failed == 0, "an account failed"

    def approve(self, pick: int) -> str | None:
        row = self._invoice(pick, "draft")
        if row is None:
            return "nothing"
        with self.conn.transaction():
            buyers_store.lock(self.conn, [row[1]])
            return None if issue.finalize(self.conn, [row[0]], actor="clerk", now=self.at) else "nothing"

    def cancel_draft(self, pick: int) -> str | None:
        row = self._invoice(pick, "draft")
        if row is None:
            return "nothing"
        with self.conn.transaction():
            decisions.cancel(self.conn, row[0], "a mistake", CLERK, now=self.at)
        return None

    def cancel(self, pick: int) -> str | None:
        row = self._invoice(pick, "sent", "paid", "overdue", "disputed", "draft", "cancelled")
        if row is None:
            return "nothing"
        with self.conn.transaction():
            credit_notes.cancel(self.conn, row[0], note="a mistake", actor=CLERK, now=self.at)
        return None

    def write_off(self, pick: int) -> str | None:
        row = self._invoice(pick, "sent", "overdue", "disputed", "paid", "draft")
        if row is None:
            return "nothing"
        with self.conn.transaction():
            write_offs.write_off(self.conn, row[0], reason="insolvent", actor=CLERK, now=self.at)
        return None

    def undo_write_off(self, pick: int) -> str | None:
        row = self._invoice(pick, "cancelled", "sent")
        if row is None:
            return "nothing"
        with self.conn.transaction():
            write_offs.undo(self.conn, row[0], reason="it pays", actor=CLERK, now=self.at)
        return None

    def mark_overdue(self, pick: int) -> str | None:
        with self.conn.transaction():
            return None if overdue.mark_overdue(self.conn, now=self.at) else "nothing"

    def review_pauses(self, pick: int) -> str | None:
        """As the schedule does, of all buyers."""

        def transactions() -> AbstractContextManager[Any]:
            return bus.on_connection(self.conn, keep=True)()

        return None if dunning.review_pauses(transactions, now=self.at) else "nothing"

    def promise(self, pick: int) -> str | None:
        row = self._invoice(pick, "sent", "overdue", "paid", "disputed")
        if row is None:
            return "nothing"
        until = None if pick % 3 == 0 else (self.at + timedelta(days=pick % 40)).date()
        with self.conn.transaction():
            decided = decisions.promise(self.conn, row[0], until, CLERK, now=self.at)
        return "repeated" if decided.is_repeated else None

    def agree_otherwise(self, pick: int) -> None:
        """Other terms for a buyer: tax, approval, days to pay, cycle."""
        billing = {
            "tax": {"rate": (0, 19, 7.7)[pick % 3]},
            "approval": pick % 4 == 0,
            "terms_days": pick % 31,
            "dunning": {"pause_after_days": pick % 9},
        }
        with self.conn.transaction():
            buyers_store.lock(self.conn, [self.buyers[pick % 4]])
            self.conn.execute(
                "UPDATE buyers SET billing = %s, billing_cycle = %s WHERE id = %s",
                (Jsonb(billing), ("weekly", "biweekly", "monthly")[pick % 3], self.buyers[pick % 4]),
            )

    # Publishers.

    def pay_out(self, pick: int) -> str | None:
        """The schedule, a month or more after it was due or not at all yet."""
        done = payouts.issue_all(bus.on_connection(self.conn, keep=True), actor="stage:invoice", now=self.at)
        assert done["payouts_failed"] == 0, "a publisher failed"
        return None if done["payouts"] else "nothing"

    def pay_publisher(self, pick: int) -> str | None:
        row = self._one(pick, "SELECT id FROM payouts ORDER BY id")
        if row is None:
            return "nothing"
        with self.conn.transaction():
            paid = payouts.pay(self.conn, row[0], f"wire {pick % 2}", CLERK, now=self.at)
        return "repeated" if paid.is_repeated else None

    # Money.

    def pay(self, pick: int) -> str | None:
        """All that is due; also of what cannot be paid."""
        row = self._invoice(pick, "sent", "overdue", "disputed", "draft", "cancelled", "paid")
        if row is None:
            return "nothing"
        return self._receive(pick, row, row[2] or Decimal(5), key=f"pay-{pick}-{row[0]}")

    def pay_twice(self, pick: int) -> str | None:
        row = self._invoice(pick, "sent", "overdue", "disputed")
        if row is None:
            return "nothing"
        for _ in range(2):
            self._receive(pick, row, row[2], method="stripe", provider_id=f"pi_{row[0]}_{pick % 3}_{row[2]}")
        return None

    def pay_too_little(self, pick: int) -> str | None:
        row = self._invoice(pick, "sent", "overdue", "disputed")
        if row is None or row[2] < 1:
            return "nothing"
        amount = Decimal(1) if row[3] == "JPY" else Decimal("0.50")
        return self._receive(pick, row, amount, method="stripe", provider_id=f"pi_l_{row[0]}_{row[2]}_{pick}")

    def pay_too_much(self, pick: int) -> str | None:
        row = self._invoice(pick, "sent", "overdue", "disputed")
        if row is None:
            return "nothing"
        return self._receive(pick, row, row[2] + 25, method="stripe", provider_id=f"pi_m_{row[0]}_{row[2]}_{pick}")

    def undo_payment(self, pick: int) -> str | None:
        row = self._one(pick, "SELECT id FROM payments ORDER BY id")
        if row is None:
            return "nothing"
        with self.conn.transaction():
            receipts.undo(self.conn, row[0], reason="it bounced", actor=CLERK, now=self.at)
        return None

    def top_up(self, pick: int) -> None:
        self._receive(pick, None, Decimal(10 + pick % 50), method="stripe", provider_id=f"pi_top_{pick}_{self.at}")

    def apply_wallet(self, pick: int) -> str | None:
        row = self._invoice(pick, "sent", "overdue", "draft", "paid")
        if row is None:
            return "nothing"
        with self.conn.transaction():
            wallet_draws.draw(self.conn, row[0], actor=CLERK, now=self.at)
        return None

    def refund(self, pick: int) -> str | None:
        row = self._one(pick, "SELECT id, amount FROM payments ORDER BY id")
        if row is None:
            return "nothing"
        amount = (row[1], Decimal(1), row[1] + 1)[pick % 3]
        with self.conn.transaction():
            refunds.request(self.conn, row[0], amount, reason="asked for", actor=CLERK, now=self.at)
        return None

    def refund_arrives(self, pick: int) -> str | None:
        row = self._one(pick, "SELECT id FROM refunds ORDER BY id")
        if row is None:
            return "nothing"
        with self.conn.transaction():
            refunds.succeed(self.conn, row[0], provider_id=f"re_{row[0]}", now=self.at)
        return None

    def refund_fails(self, pick: int) -> str | None:
        row = self._one(pick, "SELECT id FROM refunds ORDER BY id")
        if row is None:
            return "nothing"
        with self.conn.transaction():
            refunds.fail(self.conn, row[0], error="closed account", now=self.at)
        return None

    def charge_back(self, pick: int) -> str | None:
        row = self._one(
            pick, "SELECT provider_id, amount, id, currency FROM payments WHERE provider_id IS NOT NULL ORDER BY id"
        )
        if row is None:
            return "nothing"
        with self.conn.transaction():
            chargebacks.open_(
                self.conn, provider_payment_id=row[0], provider_id=f"dp_{row[2]}_{pick % 2}",
                amount=row[1] if pick % 3 else Decimal(1), currency=row[3], reason="fraudulent",
                evidence_due_by=None, opened_at=self.at, now=self.at,
            )  # fmt: skip
        return None

    def win(self, pick: int) -> str | None:
        return self._close_chargeback(pick, won=True)

    def lose(self, pick: int) -> str | None:
        return self._close_chargeback(pick, won=False)

    def _close_chargeback(self, pick: int, *, won: bool) -> str | None:
        row = self._one(pick, "SELECT provider_id FROM chargebacks ORDER BY id")
        if row is None:
            return "nothing"
        with self.conn.transaction():
            chargebacks.close(self.conn, provider_id=row[0], won=won, now=self.at)
        return None

    # The provider's events, in any order.

    def hear_of_refund(self, pick: int) -> str | None:
        """One that was made in the provider's own console, or that we asked for: made, pending, paid or failed."""
        row = self._one(
            pick,
            """
            SELECT p.provider_id, p.amount, p.currency, r.id, r.amount, r.provider_id
              FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id
             WHERE p.provider_id IS NOT NULL ORDER BY p.id, r.id
            """,
        )
        if row is None:
            return "nothing"
        payment, paid, currency, refund_id, refunded, known = row
        amount = paid if refunded is None else refunded
        facts = RefundChanged(
            refund=known or f"re_{payment}_{refund_id}_{pick % 3}", payment=payment, currency=currency,
            refund_id=refund_id if pick % 2 else None, amount=minor_units.minor(amount, currency),
            status=("pending", "succeeded", "succeeded", "failed")[pick % 4],
        )  # fmt: skip
        return self._hear("refund.updated", facts.refund, facts, pick)

    def hear_of_dispute(self, pick: int) -> str | None:
        """It is open, won or lost, whatever came before; also of a payment that nobody knows."""
        row = self._one(
            pick, "SELECT provider_id, amount, currency FROM payments WHERE provider_id IS NOT NULL ORDER BY id"
        )
        if row is None:
            return "nothing"
        payment, paid, currency = ("pi_unknown", Decimal(5), "USD") if pick % 11 == 0 else row
        status = ("needs_response", "won", "lost")[pick % 3]
        facts = DisputeChanged(
            dispute=f"dp_{payment}", payment=payment, amount=minor_units.minor(paid, currency), currency=currency,
            status=status, opened_at=self.at, moves=True, closed=status != "needs_response",
        )  # fmt: skip
        return self._hear("charge.dispute.updated", facts.dispute, facts, pick)

    def _hear(self, kind: str, about: str, facts: RefundChanged | DisputeChanged, pick: int) -> str:
        event = ProviderEvent(
            event_id=f"evt_{about}_{facts.status}_{pick % 5}",
            type=kind,
            object_id=about,
            created_at=self.at,
            facts=facts,
        )
        with self.conn.transaction():
            provider_events.take_in(self.conn, event, now=self.at)
        row = self._one(
            0, "SELECT coalesce(outcome, waits_for) FROM payment_events WHERE event_id = %s", event.event_id
        )
        assert row[0] != "CheckViolation", "the provider gets an error for a fault of ours"
        return f"heard: {row[0]}"

    # After the sale.

    def give_back(self, pick: int) -> str | None:
        """A buyer requests a lead's money back, sold or not."""
        row = self._one(pick, "SELECT id, buyer_id FROM leads ORDER BY id")
        if row is None:
            return "nothing"
        wanted = ReturnRequest(reason=("duplicate", "spam", "wrong_area")[pick % 3])
        with self.conn.transaction():
            returns.bill_first(self.conn, row[0], buyer_id=row[1], now=self.at)
        with self.conn.transaction():
            returns.request(self.conn, row[0], wanted, actor=Actor("buyer"), buyer_id=row[1], now=self.at)
        return None

    def decide_return(self, pick: int) -> str | None:
        row = self._one(pick, "SELECT id FROM lead_returns ORDER BY id")
        if row is None:
            return "nothing"
        verdict = ReturnVerdict(verdict="reject" if pick % 4 == 0 else "approve", remark="looked at")
        with self.conn.transaction():
            returns.decide(self.conn, row[0], verdict, actor=CLERK, now=self.at)
        return None

    def dispute(self, pick: int) -> str | None:
        row = self._invoice(pick, "sent", "overdue", "paid", "draft", "cancelled")
        if row is None:
            return "nothing"
        with self.conn.transaction():
            disputes.open_(self.conn, row[0], reason="too much", actor=CLERK, buyer_id=row[1], now=self.at)
        return None

    def end_dispute(self, pick: int) -> str | None:
        row = self._one(pick, "SELECT id FROM invoice_disputes ORDER BY id")
        if row is None:
            return "nothing"
        with self.conn.transaction():
            disputes.close(
                self.conn, row[0], outcome=("upheld", "rejected", "withdrawn")[pick % 3], remark=None, actor=CLERK,
                buyer_id=None, now=self.at,
            )  # fmt: skip
        return None


OPERATIONS = sorted(name for name in vars(World) if not name.startswith("_") and name not in ("run", "beside"))

# What a marketplace mostly does comes more often than what it seldom does.
WEIGHTS = {"deliver": 8, "bill": 5, "cycle": 2, "pay": 2, "give_back": 2, "approve": 2}


def hours(step: int) -> timedelta:
    """How long after the beginning a step happens: a day and a half, so that cycles close on the way."""
    return timedelta(hours=36 * step)
