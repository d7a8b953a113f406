"""Pays publishers: one payout a month, each earning on one payout, posted when it is paid."""

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import Connection

from leadgen.audit_trail import service as audit_trail_service
from leadgen.audit_trail.domain import Actor
from leadgen.billing.domain import documents as billing_documents
from leadgen.billing.store import documents as billing_documents_store
from leadgen.kernel import csv_text, money
from leadgen.kernel.errors import Refusal
from leadgen.ledger import store as ledger_store
from leadgen.platform.log import logger
from leadgen.platform.messaging import bus
from leadgen.platform.messaging.bus import Transactions
from leadgen.publishers import store
from leadgen.publishers.domain import payouts
from leadgen.publishers.domain.payouts import IssuedPayout, Payout, PayoutLine

_STAGE = "stage:invoice"
_LONGEST_REFERENCE = 200
_HEAD = ("payout", "time", "kind", "lead_id", "source", "lead_price", "amount", "currency")


def run(now: datetime) -> dict[str, int]:
    """Issue the payouts that are due; how many were, and how many failed. Safe to run twice, at once, or late."""
    return issue_all(bus.transaction, actor=_STAGE, now=now)


def issue_all(transaction: Transactions, *, actor: str, now: datetime) -> dict[str, int]:
    """Issue what is due in a transaction for each publisher: one that fails is logged, and the others go on."""
    with transaction() as work:
        publisher_ids = [account.publisher_id for account in store.accounts(work.conn)]
    issued = failed = 0
    for publisher_id in publisher_ids:
        try:
            with transaction() as work:
                issued += issue(work.conn, publisher_id, actor=actor, now=now) is not None
        except Exception:  # one publisher must not hold back the others
            logger.exception("payout.failed", extra={"stage": "invoice", "publisher_id": publisher_id})
            failed += 1
    return {"payouts": issued, "payouts_failed": failed}


def issue(conn: Connection[Any], publisher_id: int, *, actor: str, now: datetime) -> int | None:
    """Issue the payout that a publisher is due, under its lock; the payout's id, None where nothing is to be paid."""
    store.lock(conn, publisher_id)
    payout = _due(conn, publisher_id, now)
    if payout is None:
        return None
    sequence = billing_documents_store.next_numbers(conn, payouts.SERIES, 1)
    number = billing_documents.number(payouts.SERIES, sequence)
    payout_id = store.write_payout(
        conn, payout, series=payouts.SERIES, sequence=sequence, number=number, actor=actor, now=now
    )
    store.write_lines(conn, payout_id, payout.lines)
    return payout_id


def due(conn: Connection[Any], *, now: datetime) -> list[Payout]:
    """The payouts that would be issued."""
    found = (_due(conn, account.publisher_id, now) for account in store.accounts(conn))
    return [payout for payout in found if payout is not None]


def _due(conn: Connection[Any], publisher_id: int, now: datetime) -> Payout | None:
    for account in store.accounts(conn, publisher_id):
        period_end = payouts.close(account, now)
        if period_end is not None:
            return payouts.draft(account, store.unpaid(conn, publisher_id, before=period_end), period_end=period_end)
    return None


@dataclass(frozen=True)
class Paid:
    """A payout that is paid; ``is_repeated`` is that it was so already, with the same reference."""

    payout: IssuedPayout
    is_repeated: bool


def pay(conn: Connection[Any], payout_id: int, reference: object, actor: Actor, *, now: datetime) -> Paid:
    """Note in the caller's transaction that a payout was transferred, and post it; the same again does nothing more.

    Raises Refusal 404, 400 ``invalid_reference``, and 409 ``payout_differs`` for one that was paid with another
    reference.
    """
    wanted = _reference(reference)
    before = read(conn, payout_id)
    store.lock(conn, before.publisher_id)
    if not store.mark_paid(conn, payout_id, reference=wanted, by=actor.name, at=now):
        paid = read(conn, payout_id)
        if paid.reference != wanted:
            message = f"payout {paid.number} was paid already, with the reference {paid.reference!r}"
            raise Refusal(409, "payout_differs", message, {"reference": paid.reference})
        return Paid(paid, is_repeated=True)
    move = payouts.payment(
        payout_id,
        before.publisher_id,
        before.total,
        before.currency,
        reference=wanted,
        actor=actor.name,
        now=now,
    )
    ledger_store.post(conn, [move])
    about = {"number": before.number, "total": str(before.total)}
    before_paid, after = {**about, "status": "issued"}, {**about, "status": "paid", "reference": wanted}
    audit_trail_service.record(conn, actor, "payout.paid", ("payout", payout_id), before_paid, after, now=now)
    return Paid(read(conn, payout_id), is_repeated=False)


def _reference(written: object) -> str:
    wanted = written.strip() if isinstance(written, str) else ""
    if not wanted or len(wanted) > _LONGEST_REFERENCE or not wanted.isprintable():
        raise Refusal(
            400,
            "invalid_reference",
            f"reference must be the transfer's own, a text of 1 to {_LONGEST_REFERENCE} characters in one line",
        )
    return wanted


def read(conn: Connection[Any], payout_id: int) -> IssuedPayout:
    """A payout. Raises Refusal 404."""
    found = store.payout(conn, payout_id)
    if found is None:
        raise Refusal.missing("payout", payout_id)
    return found


@dataclass(frozen=True)
class PayoutStatement:
    """A payout with what each lead has earned, and what went back with leads."""

    payout: IssuedPayout
    lines: tuple[PayoutLine, ...]

    def as_json(self) -> dict[str, Any]:
        """Amounts as they are."""
        return {**asdict(self.payout), "lines": [asdict(line) for line in self.lines]}

    def as_csv(self) -> str:
        """A row a line, then the total; times in the publisher's zone, amounts with a point."""
        payout, zone = self.payout, ZoneInfo(self.payout.timezone)
        rows: list[list[csv_text.Cell]] = [
            [
                payout.number,
                line.occurred_at.astimezone(zone).isoformat(timespec="seconds"),
                "earned" if line.amount > 0 else "reversed",
                line.lead_id,
                line.source_key,
                self._exact(line.price),
                self._exact(line.amount),
                payout.currency,
            ]
            for line in self.lines
        ]
        closing = payout.period_end.astimezone(zone).isoformat(timespec="seconds")
        rows.append([payout.number, closing, "total", None, None, None, self._exact(payout.total), payout.currency])
        return csv_text.written(_HEAD, rows)

    def _exact(self, amount: Decimal) -> Decimal:
        return money.rounded(amount, self.payout.currency)


def statement(conn: Connection[Any], payout_id: int) -> PayoutStatement:
    """The statement of a payout. Raises Refusal 404."""
    return PayoutStatement(read(conn, payout_id), tuple(store.payout_lines(conn, payout_id)))
