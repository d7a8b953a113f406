"""Reverses a publisher's earning when its lead is returned or credited."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.billing.store import earnings
from leadgen.ledger import domain as ledger_domain
from leadgen.ledger.domain import Transaction


def earnings_of(conn: Connection[Any], lead_ids: Sequence[int], *, actor: str, now: datetime) -> list[Transaction]:
    """The transactions that take back what these leads earned, for the caller to post. Locks the publishers; the buyers
    are locked.
    """
    return [
        Transaction(
            key=f"earning_reversed:{one.lead_id}",
            kind="earning_reversed",
            currency=one.currency,
            occurred_at=now,
            actor=actor,
            entries=ledger_domain.entries(("publisher_payable", "publisher_cost", one.amount)),
            publisher_id=one.publisher_id,
            lead_id=one.lead_id,
            reverses_id=one.transaction_id,
        )
        for one in earnings.of_leads(conn, lead_ids)
    ]
