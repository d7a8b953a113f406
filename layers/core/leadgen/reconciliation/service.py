"""Runs every invariant of the money in one snapshot, and reports the rows that break it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from leadgen.kernel.events import Event, Topic
from leadgen.reconciliation.store import invoices, ledger, publishers, settlements
from leadgen.reconciliation.store.ledger import Broken

# The scheduled run invoices what a lowered threshold has left behind; until it has run twice, nothing is amiss.
_PATIENCE = timedelta(hours=2)

Query = Callable[[Connection[Any]], list[Broken]]
_QUERIES: tuple[Query, ...] = (
    ledger.every_transaction_moves_something,
    ledger.accounts_may_face_each_other,
    ledger.owed_is_the_receivable,
    ledger.prepaid_is_the_wallet,
    ledger.claimed_is_reserved,
    ledger.a_lead_is_billed_once_at_its_price,
    ledger.price_components_add_up,
    ledger.money_is_in_its_owners_currency,
    ledger.the_wallet_pays_no_more_than_a_lead_costs,
    ledger.an_earning_is_reversed_with_its_lead,
    invoices.a_line_is_a_billed_lead_of_the_account,
    invoices.a_lead_is_on_one_invoice,
    invoices.an_invoice_is_the_sum_of_its_lines,
    invoices.tax_is_the_rate_rounded_once,
    invoices.tax_is_on_the_ledger,
    invoices.the_state_says_what_is_due,
    invoices.numbers_have_no_gaps,
    invoices.what_is_owed_is_invoices_leads_and_debts,
    invoices.an_invoice_is_settled_by_its_settlements,
    invoices.a_lead_says_what_its_invoice_says,
    invoices.periods_of_an_account_are_apart,
    settlements.a_payment_is_posted_once,
    settlements.a_payment_settles_what_it_says,
    settlements.no_more_goes_back_than_came,
    settlements.a_refund_is_posted_as_far_as_it_got,
    settlements.a_chargeback_is_posted_as_far_as_it_got,
    settlements.a_credit_note_is_the_sum_of_its_lines,
    settlements.no_more_is_credited_than_was_invoiced,
    settlements.what_is_refunded_was_given_back_once,
    settlements.an_approved_return_gave_its_lead_back,
    publishers.a_payout_is_the_sum_of_its_lines,
    publishers.a_payout_line_is_an_earning_of_its_publisher,
    publishers.a_payout_is_posted_when_it_is_paid,
)


@dataclass(frozen=True)
class Invariant:
    """A rule that no row may break: its name, and its text."""

    name: str
    rule: str
    broken: tuple[Broken, ...]


def audit(conn: Connection[Any], *, now: datetime) -> list[Invariant]:
    """Ask every invariant, in one snapshot, so that work going on meanwhile breaks none; each with the rows that break
    it. ``conn`` is in no transaction.
    """
    with conn.transaction():
        ledger.freeze(conn)
        found = [_invariant(query, query(conn)) for query in _QUERIES]
        late = invoices.what_crosses_a_threshold_is_invoiced
        found.append(_invariant(late, late(conn, before=now - _PATIENCE)))
    return found


def _invariant(query: Callable[..., list[Broken]], broken: list[Broken]) -> Invariant:
    rule = " ".join((query.__doc__ or "").split())
    return Invariant(query.__name__, rule, tuple(broken))


def findings(audited: list[Invariant], *, most: int) -> Mapping[str, list[dict[str, object]]]:
    """The broken invariants by name, each with at most so many of its rows."""
    return {one.name: [asdict(row) for row in one.broken[:most]] for one in audited if one.broken}


def rows(broken: Invariant) -> dict[str, int | str]:
    """The offending rows, as a message may hold them: their table, how many, and the first of their ids."""
    ids = ",".join(str(row.id) for row in broken.broken[:20])
    return {"subject": broken.broken[0].subject, "rows": len(broken.broken), "ids": ids}


def event(broken: Invariant, audit_id: int, now: datetime) -> Event:
    """``audit.failed``, about one broken invariant."""
    return Event(Topic.AUDIT_FAILED, now, ids={"audit_id": audit_id, "invariant": broken.name, **rows(broken)})
