"""Issuing invoices: at the threshold and at the close of a cycle, by the same steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from psycopg import Connection

from leadgen.adapters import bus, db
from leadgen.adapters.log import logger
from leadgen.domain import calendar, invoicing
from leadgen.domain.calendar import Cycle
from leadgen.domain.events import Event, Topic
from leadgen.store import billing, buyers
from leadgen.store.billing import Account


@dataclass(frozen=True)
class Due:
    """An account to invoice up to ``period_end``: all it has (a threshold was crossed), or with ``closes`` only what
    was delivered before (a cycle has closed).
    """

    account: Account
    period_end: datetime
    closes: bool


def issue(conn: Connection[Any], due: Sequence[Due], *, now: datetime) -> list[Event]:
    """Put the billed leads of each due account on an invoice.

    The buyers are locked. Numbers are taken last of all that can wait; the events are the caller's to announce.
    """
    wanted = [(entry.account, entry.period_end if entry.closes else None) for entry in due]
    leads = billing.uninvoiced_leads(conn, wanted) if due else {}
    drafts = [
        invoicing.draft(
            buyer_id=entry.account.buyer_id,
            offer_id=entry.account.offer_id,
            leads=found,
            last_period_end=entry.account.last_period_end,
            period_end=entry.period_end,
            now=now,
        )
        for entry in due
        if (found := leads.get((entry.account.buyer_id, entry.account.offer_id)))
    ]
    if not drafts:
        return []
    last = billing.next_numbers(conn, invoicing.SERIES, len(drafts))
    numbers = [invoicing.number(invoicing.SERIES, last - len(drafts) + 1 + place) for place in range(len(drafts))]
    issued = {
        (row.buyer_id, row.offer_id): row.invoice_id for row in billing.write_invoices(conn, drafts, numbers, now=now)
    }
    lines = [(issued[draft.buyer_id, draft.offer_id], line) for draft in drafts for line in draft.lines]
    billing.write_lines(conn, lines, now=now)
    return [
        Event(Topic.INVOICE_GENERATED, now, ids={"invoice_id": invoice_id, "buyer_id": buyer_id})
        for (buyer_id, _), invoice_id in sorted(issued.items())
    ]


def close_cycles(*, now: datetime) -> tuple[int, int]:
    """Invoice every account whose cycle has closed since its last invoice; how many were issued, how many failed.

    One transaction a buyer: one that fails is logged, and the others go on. Safe to run twice, at once, or weeks late:
    leads are claimed by state under the buyer's lock.
    """
    with db.current().connection() as conn:
        buyer_ids = sorted({account.buyer_id for account in billing.open_accounts(conn)})
    issued = failed = 0
    for buyer_id in buyer_ids:
        try:
            with bus.transaction() as transaction:
                buyers.lock(transaction.conn, [buyer_id])
                accounts = billing.open_accounts(transaction.conn, [buyer_id])
                due = [Due(a, close, closes=True) for a in accounts if (close := _close(a, now)) is not None]
                events = issue(transaction.conn, due, now=now)
                transaction.announce(events)
            issued += len(events)
        except Exception:  # one account must not hold back the others
            logger.exception("invoice.failed", extra={"stage": "invoice", "buyer_id": buyer_id})
            failed += 1
    return issued, failed


def _close(account: Account, now: datetime) -> datetime | None:
    close = calendar.last_close(now, account.timezone, cast(Cycle, account.billing_cycle))
    already_closed = account.last_period_end is not None and account.last_period_end >= close
    return None if already_closed else close
