"""Sends reminders and reviews delivery pauses: claim and commit, send, record."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from leadgen.billing.domain import terms as billing_terms
from leadgen.billing.domain.terms import Seller
from leadgen.billing.store import documents
from leadgen.buyers import store as buyers_store
from leadgen.outbound.domain import outcomes
from leadgen.outbound.domain.outcomes import FailedForGood, FailedForNow, Succeeded, Unknown
from leadgen.outbound.service import mail as outbound_mail
from leadgen.platform.log import logger
from leadgen.platform.mail import mail
from leadgen.platform.messaging.bus import Transactions
from leadgen.receivables.domain import dunning as receivables_dunning
from leadgen.receivables.domain import dunning_mail
from leadgen.receivables.domain.dunning import Reminder
from leadgen.receivables.service import overdue
from leadgen.receivables.store import dunning as store
from leadgen.receivables.store.dunning import Debtor

_MAIL_SECONDS = 10.0
# Longer than a run may take: what is claimed after that is a dead one's.
_CLAIM = timedelta(minutes=15)


@dataclass(frozen=True)
class Dunned:
    """What came of it: mails sent, and those that were not; ``left`` are the buyers for the next run."""

    reminded: int = 0
    not_sent: int = 0
    left: int = 0


def review_pauses(transaction: Transactions, *, now: datetime) -> int:
    """Stop the leads of buyers whose invoices are overdue for too long, and let them begin again; how many changed.
    A buyer whose terms do not parse stays as it is.
    """
    with transaction() as reading:
        found = store.debtors(reading.conn, None, now=now)
        agreed = overdue.agreed(reading.conn, found)
    changing = [one.buyer_id for one, terms in agreed if overdue.is_changing(one, terms, now)]
    for buyer_id in changing:
        with transaction() as writing:
            buyers_store.lock(writing.conn, [buyer_id])
            overdue.review(writing.conn, [buyer_id], now=now)
    return len(changing)


def remind(
    transaction: Transactions,
    *,
    now: datetime,
    pay_at: Callable[[int], str],
    has_time: Callable[[], bool] = lambda: True,
) -> Dunned:
    """Send the reminders that are due: one mail a buyer and currency, each step of an invoice once. A step whose mail
    was lost with its worker is sent again, once; one that the mail server did not take, by the next run.
    """
    with transaction() as reading:
        found = store.debtors(reading.conn, None, now=now)
        agreed = overdue.agreed(reading.conn, found)
        seller = billing_terms.parse_seller(documents.seller(reading.conn))
    due = [one for one, terms in agreed if receivables_dunning.reminders(one.invoices, terms, now)]
    sent = not_sent = 0
    for done, debtor in enumerate(due):
        if not has_time():
            return Dunned(sent, not_sent, len(due) - done)
        for address, reminder in _claim(transaction, debtor.buyer_id, now):
            is_sent, goes_on = _send(transaction, debtor.buyer_id, address, reminder, seller, pay_at, now)
            sent += is_sent
            not_sent += not is_sent
            if not goes_on:
                return Dunned(sent, not_sent, len(due) - done - 1)
    return Dunned(sent, not_sent)


def _claim(transaction: Transactions, buyer_id: int, now: datetime) -> list[tuple[str, Reminder]]:
    """The reminders that are this worker's to send, with the address they go to."""
    with transaction() as claiming:
        buyers_store.lock(claiming.conn, [buyer_id])
        due = [
            (_address(debtor), reminder)
            for debtor, terms in overdue.agreed(claiming.conn, store.debtors(claiming.conn, [buyer_id], now=now))
            for reminder in receivables_dunning.reminders(debtor.invoices, terms, now)
        ]
        for _, reminder in due:
            store.claim(claiming.conn, reminder.steps, now=now, until=now + _CLAIM)
    return due


def _address(debtor: Debtor) -> str:
    return billing_terms.parse_buyer(debtor.billing, label=f"buyer {debtor.buyer_id}").email or debtor.email


def _send(
    transaction: Transactions,
    buyer_id: int,
    address: str,
    reminder: Reminder,
    seller: Seller,
    pay_at: Callable[[int], str],
    now: datetime,
) -> tuple[bool, bool]:
    """Hand one mail over and keep what came of it: whether it was sent, and whether the mail server takes more."""
    mailed = dunning_mail.compose(reminder, seller, pay_at, now=now)
    sending = partial(
        mail.send,
        to=address,
        subject=mailed.subject,
        text=mailed.text,
        html=mailed.html,
        message_id=_message_id(reminder),
        timeout_seconds=_MAIL_SECONDS,
    )
    outcome = outbound_mail.outcome_of(sending)  # no transaction is open
    with transaction() as recording:
        match outcome:
            case Succeeded():
                store.sent(recording.conn, reminder.steps, now=now)
            case FailedForGood(cause=cause):
                store.failed(recording.conn, reminder.steps, cause, now=now)
            case Unknown(cause=cause):
                store.unknown(recording.conn, reminder.steps, cause, now=now)
            case FailedForNow(cause=cause):
                store.not_sent(recording.conn, reminder.steps, cause, now=now)
    about = {"stage": "invoice", "buyer_id": buyer_id, "invoices": [invoice_id for invoice_id, _ in reminder.steps]}
    is_sent = isinstance(outcome, Succeeded)
    if is_sent:
        logger.info("dunning.sent", extra=about)
    else:
        logger.error("dunning.not_sent", extra={**about, "error": outcomes.cause(outcome)})
    is_server_well = not isinstance(outcome, FailedForNow) or outcome.only_this
    return is_sent, is_server_well


def _message_id(reminder: Reminder) -> str:
    """The same for the same steps: a repeat is recognizable."""
    steps = ",".join(f"{invoice_id}:{step}" for invoice_id, step in reminder.steps)
    return f"reminder-{hashlib.sha256(steps.encode()).hexdigest()[:32]}"
