"""Marks invoices overdue after their due day, and pauses buyers who leave them so for too long."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.billing.domain import terms as billing_terms
from leadgen.billing.domain.terms import Dunning
from leadgen.billing.store import documents
from leadgen.buyers import store as buyers_store
from leadgen.kernel.errors import PolicyInvalid
from leadgen.receivables.domain import dunning as receivables_dunning
from leadgen.receivables.domain import settlement
from leadgen.receivables.store import dunning as store
from leadgen.receivables.store.dunning import Debtor


def mark_overdue(conn: Connection[Any], *, now: datetime) -> int:
    """Every sent invoice whose due day is over in its market is overdue, in the caller's transaction; how many.

    Locks the buyers, in id order.
    """
    over = [
        one for one in store.may_be_overdue(conn, now=now) if settlement.is_overdue(one.due_date, one.timezone, now)
    ]
    if not over:
        return 0
    buyers_store.lock(conn, {one.buyer_id for one in over})
    return store.mark_overdue(conn, [one.invoice_id for one in over], now=now)


def review(conn: Connection[Any], buyer_ids: Collection[int], *, now: datetime) -> None:
    """Ask again whether locked buyers get leads: after what they owe has changed, or time has passed. Two statements,
    and one more where something changes. Of terms that do not parse nothing follows.
    """
    if not buyer_ids:
        return
    found = store.debtors(conn, buyer_ids, now=now)
    changing = [debtor for debtor, terms in agreed(conn, found) if is_changing(debtor, terms, now)]
    if changing:
        paused = [debtor.buyer_id for debtor in changing if debtor.paused_since is None]
        free = [debtor.buyer_id for debtor in changing if debtor.paused_since is not None]
        store.set_paused(conn, paused, free, now=now)


def agreed(conn: Connection[Any], debtors: Sequence[Debtor]) -> list[tuple[Debtor, Dunning]]:
    """What is agreed with each about reminders and the pause: its own terms, or the seller's. Those whose terms do not
    parse are left out; the run keeps it on record when it writes their next invoice.
    """
    found = []
    with suppress(PolicyInvalid):
        of_seller = billing_terms.parse_seller(documents.seller(conn)).dunning
        for debtor in debtors:
            with suppress(PolicyInvalid):
                own = billing_terms.parse_buyer(debtor.billing, label=f"buyer {debtor.buyer_id}").dunning
                found.append((debtor, own or of_seller))
    return found


def is_changing(debtor: Debtor, terms: Dunning, now: datetime) -> bool:
    """Whether a buyer that gets leads should get none, or the other way round."""
    return receivables_dunning.is_paused(debtor.invoices, terms, now) is (debtor.paused_since is None)
