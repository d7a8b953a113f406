"""The scheduled run: invoices every account whose cycle has closed or that is over its threshold."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import psycopg
from psycopg import Connection

from leadgen.billing.domain import charges
from leadgen.buyers import store as buyers_store
from leadgen.invoicing.service import issue
from leadgen.invoicing.service.issue import DueAccount
from leadgen.invoicing.store import drafts as invoicing_drafts
from leadgen.invoicing.store import failures
from leadgen.invoicing.store.drafts import UninvoicedAccount
from leadgen.kernel import calendar
from leadgen.kernel.calendar import Cycle
from leadgen.kernel.errors import PolicyInvalid
from leadgen.platform.db import DatabaseAway
from leadgen.platform.log import logger
from leadgen.platform.messaging.bus import Transaction, Transactions

ACTOR = "stage:invoice"


_AWAY = ("08", "57P")  # the classes of errors by which the server, or the way to it, goes away


@dataclass(frozen=True)
class Run:
    """What a run did: invoices issued, drafts that wait for a person, buyers that failed, and those it had no time for,
    which are the next run's.
    """

    issued: int = 0
    drafted: int = 0
    failed: int = 0
    left: int = 0


def run(
    transaction: Transactions,
    *,
    now: datetime,
    has_time: Callable[[], bool] = lambda: True,
    report: Callable[[int, int], None] = lambda done, total: None,
    seen: Callable[[Connection[Any], Sequence[int]], None] = lambda conn, invoice_ids: None,
) -> Run:
    """Invoice what is due. One transaction a buyer: one that fails is kept on record, and the others go on. Safe to run
    twice, at once, weeks late, and to be killed anywhere: leads are claimed by state under the buyer's lock.

    ``report`` gets how many of the buyers are done, ``seen`` each buyer's invoices before they are committed.
    """
    with transaction() as reading:
        accounts = invoicing_drafts.open_accounts(reading.conn, invoicing_drafts.waiting_buyers(reading.conn))
        due = sorted({entry.account.buyer_id for entry in _due(accounts, now)})
        failing = failures.failing(reading.conn)
    _forgive(transaction, failing - set(due))
    issued = drafted = failed = 0
    for done, buyer_id in enumerate(due):
        report(done, len(due))
        if not has_time():
            return Run(issued, drafted, failed, len(due) - done)
        try:
            with transaction() as writing:
                written, told_of = _invoice(writing, buyer_id, now)
                if buyer_id in failing:
                    failures.delete(writing.conn, [buyer_id])
                seen(writing.conn, written)
            issued += told_of
            drafted += len(written) - told_of
        except Exception as error:  # one account must not hold back the others
            if _is_away(error):
                raise
            failed += 1
            _record(transaction, buyer_id, error, now)
    report(len(due), len(due))
    return Run(issued, drafted, failed)


def _invoice(transaction: Transaction, buyer_id: int, now: datetime) -> tuple[list[int], int]:
    """Invoice what a buyer has due; the invoices' ids, and how many of them are issued."""
    conn = transaction.conn
    buyers_store.lock(conn, [buyer_id])
    written: list[int] = []
    issued = 0
    # A second time where a cycle has closed: what was delivered since may be over the threshold by itself.
    for _ in ("closed", "since"):
        due = list(_due(invoicing_drafts.open_accounts(conn, [buyer_id]), now))
        if not due:
            break
        drafts = [draft.invoice_id for draft in issue.draft(conn, due, now=now)]
        written += drafts
        if not issue.billing_of(due[0].account).approval:
            events = issue.finalize(conn, drafts, actor=ACTOR, now=now)
            transaction.announce(events)
            issued += len(events)
        if not any(_is_over_threshold(entry.account) for entry in due if entry.closes):
            break
    return written, issued


def _due(accounts: Collection[UninvoicedAccount], now: datetime) -> Iterator[DueAccount]:
    """The accounts to invoice: closed ones up to their close, then those whose threshold was lowered meanwhile."""
    for account in accounts:
        close = calendar.last_close(now, account.timezone, cast(Cycle, account.billing_cycle))
        has_closed = account.last_period_end is None or account.last_period_end < close
        if has_closed and account.oldest < close:
            yield DueAccount(account, close, closes=True)
        elif _is_over_threshold(account):
            yield DueAccount(account, now, closes=False)


def _is_over_threshold(account: UninvoicedAccount) -> bool:
    return charges.crosses_threshold(account.uninvoiced, account.threshold)


def _forgive(transaction: Transactions, buyer_ids: Collection[int]) -> None:
    """Those that failed and have nothing to invoice any more."""
    if buyer_ids:
        with transaction() as forgiving:
            failures.delete(forgiving.conn, buyer_ids)


def _record(transaction: Transactions, buyer_id: int, error: Exception, now: datetime) -> None:
    cause = _cause(error)
    logger.error("invoice.failed", extra={"stage": "invoice", "buyer_id": buyer_id, "cause": cause})
    with transaction() as recording:
        failures.record(recording.conn, buyer_id, cause, now=now)


def _cause(error: Exception) -> str:
    """What went wrong, without what the error may quote of a row."""
    match error:
        case PolicyInvalid():
            return str(error)
        case psycopg.Error():
            return error.diag.message_primary or type(error).__name__
        case _:
            return type(error).__name__


def _is_away(error: Exception) -> bool:
    if isinstance(error, psycopg.OperationalError):
        return error.sqlstate is None or error.sqlstate.startswith(_AWAY)
    return isinstance(error, DatabaseAway)
