"""Invoices accounts whose billed leads have reached the buyer's threshold."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.billing.domain import charges
from leadgen.invoicing.service import issue
from leadgen.invoicing.service.issue import DueAccount
from leadgen.invoicing.store import drafts
from leadgen.kernel.errors import PolicyInvalid
from leadgen.kernel.events import Event, Topic
from leadgen.platform.log import logger


def invoice(conn: Connection[Any], accounts: Collection[tuple[int, int]], *, now: datetime) -> list[Event]:
    """Invoice those of the accounts (buyer id, offer id) that have reached their threshold; their buyers are locked.
    The events are the caller's to announce. Where terms do not parse nothing is invoiced, and the schedule tries again.
    """
    due = [
        DueAccount(account, now, closes=False)
        for account in drafts.open_accounts(conn, sorted({buyer_id for buyer_id, _ in accounts}))
        if (account.buyer_id, account.offer_id) in accounts
        and charges.crosses_threshold(account.uninvoiced, account.threshold)
    ]
    try:
        issued = issue.issue(conn, due, actor=charges.ACTOR, now=now)
    except PolicyInvalid as fault:
        # What is sold is billed all the same; the schedule keeps the failure on record.
        logger.warning("invoice.put_off", extra={"stage": "bill", "reason": str(fault)})
        return []
    return issued + [replace(event, topic=Topic.BUYER_BALANCE_THRESHOLD) for event in issued]
