"""lead.delivered: charge once, and invoice what has come together → lead.billed, invoice.generated."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.billing.domain import charges as billing_charges
from leadgen.billing.service import charges as billing_charges_service
from leadgen.billing.store.charges import Billed
from leadgen.invoicing.service import issue
from leadgen.invoicing.service.issue import Due
from leadgen.invoicing.store import drafts
from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.events import Event, Topic
from leadgen.leads import service as leads_service
from leadgen.payments.service import top_ups
from leadgen.platform.log import logger
from leadgen.platform.messaging import batch, bus
from leadgen.platform.messaging.batch import Message, Outcome


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: an SQS batch."""
    return batch.run("bill", event, process)


def process(messages: Sequence[Message], now: datetime) -> list[Outcome]:
    """Bill each taken lead by the guarded statement; the threshold is asked under the buyer's lock."""
    with bus.transaction() as transaction:
        billed = billing_charges_service.charge(transaction.conn, leads_service.lead_ids(messages), now=now)
        events = [_billed(lead, now) for lead in billed]
        if billed:
            accounts = {(lead.buyer_id, lead.offer_id) for lead in billed}
            due = [
                Due(account, now, closes=False)
                for account in drafts.open_accounts(transaction.conn, sorted({buyer for buyer, _ in accounts}))
                if (account.buyer_id, account.offer_id) in accounts
                and billing_charges.crosses_threshold(account.uninvoiced, account.threshold)
            ]
            invoices = _issue(transaction.conn, due, now)
            events += invoices
            events += [replace(invoice, topic=Topic.BUYER_BALANCE_THRESHOLD) for invoice in invoices]
            events += top_ups.due(transaction.conn, sorted({buyer for buyer, _ in accounts}), now)
        transaction.announce(events)
    by_lead = {lead.lead_id: lead for lead in billed}
    return [_outcome(message, by_lead) for message in messages]


def _issue(conn: Connection[Any], due: Sequence[Due], now: datetime) -> list[Event]:
    try:
        return issue.issue(conn, due, actor=billing_charges.ACTOR, now=now)
    except PolicyInvalid as fault:
        # What is sold is billed all the same; the schedule tries again and keeps the failure on record.
        logger.warning("invoice.put_off", extra={"stage": "bill", "reason": str(fault)})
        return []


def _billed(lead: Billed, now: datetime) -> Event:
    return Event(Topic.LEAD_BILLED, now, lead.lead_id, lead.trace_id, ids={"buyer_id": lead.buyer_id})


def _outcome(message: Message, billed: Mapping[int, Billed]) -> Outcome:
    lead = billed.get(message.lead_id) if message.lead_id is not None else None
    if lead is None:
        return Outcome("repeated", message.lead_id)
    return Outcome(
        "billed",
        lead.lead_id,
        {
            "buyer_id": lead.buyer_id,
            "offer_id": lead.offer_id,
            "price": str(lead.price),
            "trace_id": lead.trace_id,
        },
    )
