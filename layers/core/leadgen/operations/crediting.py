"""Credit notes: leads of an issued invoice are given back, with the tax on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection

from leadgen.domain.events import Event
from leadgen.operations.acting import Actor


@dataclass(frozen=True)
class CreditNote:
    """A credit note just issued: off what the invoice is owed first, the rest is prepaid money now.

    The events are the caller's to announce.
    """

    credit_note_id: int
    number: str
    invoice_id: int
    buyer_id: int
    net: Decimal
    tax: Decimal
    total: Decimal
    to_due: Decimal
    to_wallet: Decimal
    invoice_status: str
    transaction_id: int
    events: tuple[Event, ...] = ()


def credit(
    conn: Connection[Any],
    invoice_id: int,
    lead_ids: Sequence[int],
    *,
    reason: str,
    note: str | None,
    actor: str,
    now: datetime,
) -> CreditNote:
    """Credit leads of an issued invoice: they are refunded, and what their sources' owners earned is taken back.

    Locks the buyer, then the publishers, then the series. Raises Refusal 400, 404 and 409.
    """
    raise NotImplementedError


def cancel(conn: Connection[Any], invoice_id: int, *, note: str, actor: Actor, now: datetime) -> CreditNote:
    """Cancel an issued invoice by crediting every lead of it that is not credited yet. It keeps its number.

    Locks as ``credit``. Raises Refusal 404 and 409.
    """
    raise NotImplementedError
