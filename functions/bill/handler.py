"""lead.delivered: charge once, and invoice what has come together → lead.billed, invoice.generated."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from leadgen.adapters import batch, bus
from leadgen.adapters.batch import Message, Outcome
from leadgen.domain import billing as rules
from leadgen.domain.events import Event, Topic
from leadgen.operations import invoicing
from leadgen.operations.invoicing import Due
from leadgen.store import billing, buyers
from leadgen.store.billing import Charge


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: an SQS batch."""
    return batch.run("bill", event, process)


def process(messages: Sequence[Message], now: datetime) -> list[Outcome]:
    """Bill each taken lead by the guarded statement; the threshold is asked under the buyer's lock."""
    with bus.transaction() as transaction:
        conn = transaction.conn
        lead_ids = batch.lead_ids(messages)
        buyer_ids = billing.lock_billable(conn, lead_ids)
        charges: list[Charge] = []
        events: list[Event] = []
        if buyer_ids:
            buyers.lock(conn, buyer_ids)
            charges = billing.bill(conn, lead_ids, now=now)
            charged = {(charge.buyer_id, charge.offer_id) for charge in charges}
            due = [
                account
                for account in billing.open_accounts(conn, buyer_ids)
                if (account.buyer_id, account.offer_id) in charged
                and rules.crosses_threshold(account.uninvoiced, account.threshold)
            ]
            events = [_billed(charge, now) for charge in charges]
            invoices = invoicing.issue(conn, [Due(account, now, closes=False) for account in due], now=now)
            events += invoices
            events += [replace(invoice, topic=Topic.BUYER_BALANCE_THRESHOLD) for invoice in invoices]
        transaction.announce(events)
    return [_outcome(message, {charge.lead_id: charge for charge in charges}) for message in messages]


def _billed(charge: Charge, now: datetime) -> Event:
    return Event(Topic.LEAD_BILLED, now, charge.lead_id, charge.trace_id, ids={"buyer_id": charge.buyer_id})


def _outcome(message: Message, charges: Mapping[int, Charge]) -> Outcome:
    charge = charges.get(message.lead_id) if message.lead_id is not None else None
    if charge is None:
        return Outcome("repeated", message.lead_id)
    return Outcome(
        "billed",
        charge.lead_id,
        {
            "buyer_id": charge.buyer_id,
            "offer_id": charge.offer_id,
            "price": str(charge.price),
            "trace_id": charge.trace_id,
        },
    )
