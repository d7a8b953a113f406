"""Bills leads once, draws prepaid money for them, and posts what they earn their publishers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.billing.domain import charges as billing_charges
from leadgen.billing.domain import earnings
from leadgen.billing.domain.charges import Charge
from leadgen.billing.store import charges as store
from leadgen.billing.store.charges import Billed
from leadgen.buyers import store as buyers_store
from leadgen.ledger import store as ledger_store


def charge(conn: Connection[Any], lead_ids: Sequence[int], *, now: datetime) -> list[Billed]:
    """Bill those of the leads that a buyer has taken and nobody has billed; locks their buyers, then the leads.

    Raises PolicyInvalid where what a source's owner earns does not parse.
    """
    # Other stages lock leads before buyers. Here that would be a trap: whoever waits for a lead that somebody bills
    # meanwhile has the lock of a billed lead in the end, and those are changed under their buyer's lock.
    buyer_ids = store.buyers_to_bill(conn, lead_ids)
    if not buyer_ids:
        return []
    buyers_store.lock(conn, buyer_ids)
    billed = store.bill(conn, lead_ids, buyer_ids, now=now)
    charges = [_charge(lead) for lead in billed]
    wallets = {buyer_id: money.wallet for buyer_id, money in ledger_store.money(conn, buyer_ids).items()}
    ledger_store.post(conn, billing_charges.draws(charges, wallets, now=now) + billing_charges.earned(charges, now=now))
    return billed


def _charge(lead: Billed) -> Charge:
    return Charge(
        lead_id=lead.lead_id,
        buyer_id=lead.buyer_id,
        price=lead.price,
        currency=lead.currency,
        publisher_id=lead.publisher_id,
        earning=None if lead.earning is None else earnings.parse(lead.earning, label=f"source {lead.source_key!r}"),
    )
