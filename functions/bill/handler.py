"""lead.delivered: charge the lead once, and invoice at the threshold → lead.billed, invoice.generated."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from leadgen.billing.service import charges, records
from leadgen.invoicing.service import threshold
from leadgen.leads import service as leads_service
from leadgen.payments.service import top_ups
from leadgen.platform.messaging import batch, bus
from leadgen.platform.messaging.batch import Message, Outcome


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Lambda's entry: an SQS batch."""
    return batch.run("bill", event, process)


def process(messages: Sequence[Message], now: datetime) -> list[Outcome]:
    """Bill each taken lead by the guarded statement; the threshold is checked under the buyer's lock."""
    with bus.transaction() as transaction:
        conn = transaction.conn
        billed = charges.charge(conn, leads_service.lead_ids(messages), now=now)
        events = [records.event(lead, now) for lead in billed]
        if billed:
            events += threshold.invoice(conn, {(lead.buyer_id, lead.offer_id) for lead in billed}, now=now)
            events += top_ups.due(conn, sorted({lead.buyer_id for lead in billed}), now)
        transaction.announce(events)
    by_lead = {lead.lead_id: lead for lead in billed}
    return [records.outcome(message, by_lead) for message in messages]
