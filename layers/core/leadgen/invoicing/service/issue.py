"""Drafts invoices from billed leads and issues them, at a threshold and at the close of a cycle alike."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.billing.domain import documents as billing_documents
from leadgen.billing.domain import terms
from leadgen.billing.domain.documents import Party
from leadgen.billing.domain.terms import BuyerBilling, Seller
from leadgen.billing.store import documents as billing_documents_store
from leadgen.invoicing import domain
from leadgen.invoicing.store import drafts as store
from leadgen.invoicing.store.drafts import Numbered, UninvoicedAccount, Unissued
from leadgen.kernel.events import Event, Topic
from leadgen.ledger import store as ledger_store


@dataclass(frozen=True)
class DueAccount:
    """An account to invoice up to ``period_end``: all it has (a threshold was crossed), or with ``closes`` only what
    was delivered before (a cycle has closed).
    """

    account: UninvoicedAccount
    period_end: datetime
    closes: bool


def issue(conn: Connection[Any], due: Sequence[DueAccount], *, actor: str, now: datetime) -> list[Event]:
    """Draft an invoice for each due account of locked buyers, and issue those that need no approval; the events are the
    caller's to announce. Raises PolicyInvalid where a buyer's or the seller's terms do not parse.
    """
    waiting = {entry.account.buyer_id for entry in due if billing_of(entry.account).approval}
    drafted = draft(conn, due, now=now)
    return finalize(conn, [row.invoice_id for row in drafted if row.buyer_id not in waiting], actor=actor, now=now)


def draft(conn: Connection[Any], due: Sequence[DueAccount], *, now: datetime) -> list[store.WrittenDraft]:
    """Put the billed leads of each due account of locked buyers on a draft; an account without any gets none."""
    if not due:
        return []
    wanted = [(entry.account, entry.period_end if entry.closes else None) for entry in due]
    leads = store.uninvoiced_leads(conn, wanted)
    seller = terms.parse_seller(billing_documents_store.seller(conn))
    drafts = [
        domain.draft(
            buyer_id=entry.account.buyer_id,
            offer_id=entry.account.offer_id,
            currency=entry.account.currency,
            timezone=entry.account.timezone,
            occasion="cycle" if entry.closes else "threshold",
            leads=found,
            last_period_end=entry.account.last_period_end,
            period_end=entry.period_end,
            billing=billing_of(entry.account),
            seller=seller,
            now=now,
        )
        for entry in due
        if (found := leads.get((entry.account.buyer_id, entry.account.offer_id)))
    ]
    if not drafts:
        return []
    written = store.write_drafts(conn, drafts, now=now)
    ids = {(row.buyer_id, row.offer_id): row.invoice_id for row in written}
    lines = [(ids[one.buyer_id, one.offer_id], line) for one in drafts for line in one.lines]
    store.write_lines(conn, lines)
    return written


def finalize(conn: Connection[Any], invoice_ids: Collection[int], *, actor: str, now: datetime) -> list[Event]:
    """Issue the drafts among the invoices of locked buyers: terms, tax and parties are fixed, prepaid money pays what
    it can, and the number comes last. The events.
    """
    drafts = store.unissued(conn, invoice_ids) if invoice_ids else []
    if not drafts:
        return []
    seller = terms.parse_seller(billing_documents_store.seller(conn))
    issues = _issues(drafts, seller, now)
    ledger_store.post(conn, [move for one in issues for move in one.transactions(actor=actor, now=now)])
    first = billing_documents_store.next_numbers(conn, billing_documents.SERIES, len(issues)) - len(issues) + 1
    numbered = [
        Numbered(
            one,
            billing_documents.SERIES,
            first + place,
            billing_documents.number(billing_documents.SERIES, first + place),
        )
        for place, one in enumerate(issues)
    ]
    store.write_issues(conn, numbered, seller=seller.model_dump(mode="json"), now=now)
    return [
        Event(Topic.INVOICE_GENERATED, now, ids={"invoice_id": one.invoice_id, "buyer_id": one.buyer_id})
        for one in issues
    ]


def _issues(drafts: Sequence[Unissued], seller: Seller, now: datetime) -> list[domain.Issue]:
    left = {one.buyer_id: one.wallet for one in drafts}
    issues: list[domain.Issue] = []
    for one in drafts:
        issued = domain.issue(
            invoice_id=one.invoice_id,
            buyer_id=one.buyer_id,
            subtotal=one.subtotal,
            drawn=one.drawn,
            wallet=left[one.buyer_id],
            currency=one.currency,
            timezone=one.timezone,
            subject=one.subject,
            party=Party(one.name, one.company, one.email, one.phone),
            billing=terms.parse_buyer(one.billing, label=f"buyer {one.buyer_id}"),
            seller=seller,
            now=now,
        )
        left[one.buyer_id] -= issued.wallet_drawn
        issues.append(issued)
    return issues


def billing_of(account: UninvoicedAccount) -> BuyerBilling:
    """The terms of an account's buyer. Raises PolicyInvalid."""
    return terms.parse_buyer(account.billing, label=f"buyer {account.buyer_id}")
