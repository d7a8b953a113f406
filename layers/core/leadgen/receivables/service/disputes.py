"""Opens and closes disputes of invoices; a disputed invoice is neither reminded of nor overdue."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from leadgen.audit_trail import service as audit_trail_service
from leadgen.audit_trail.domain import Actor
from leadgen.kernel.errors import Refusal
from leadgen.kernel.trace import Json
from leadgen.receivables.domain.settlement import DisputeOutcome
from leadgen.receivables.service import settlement
from leadgen.receivables.store import disputes, settlements
from leadgen.receivables.store.disputes import Dispute


@dataclass(frozen=True)
class Disputed:
    """A dispute and what it made of its invoice; ``is_repeated`` is that it stood so before."""

    dispute: Dispute
    invoice_status: str
    is_repeated: bool


def open_(
    conn: Connection[Any], invoice_id: int, *, reason: str, actor: Actor, buyer_id: int | None, now: datetime
) -> Disputed:
    """Open a dispute of an issued invoice: it is disputed while money of it is open. ``buyer_id`` is the buyer who does
    so, None an operator. Locks the buyer.

    Raises Refusal 404, also for another's invoice, and 409 ``invoice_not_disputable`` and ``dispute_open``.
    """
    if buyer_id is not None and settlements.buyer_of(conn, invoice_id) != buyer_id:
        raise Refusal.missing("invoice", invoice_id)
    invoice = settlement.lock_invoice(conn, invoice_id)
    if invoice.issued_at is None and buyer_id is not None:  # a draft is none of its buyer's business
        raise Refusal.missing("invoice", invoice_id)
    if invoice.issued_at is None or invoice.status == "cancelled":
        raise Refusal(
            409,
            "invoice_not_disputable",
            f"invoice {invoice.number or invoice_id} is {'a draft' if invoice.issued_at is None else 'cancelled'}",
            {"status": invoice.status},
        )
    dispute_id = disputes.add(conn, invoice_id, reason=reason, by=actor.name, now=now)
    if dispute_id is None:
        (before, *_) = disputes.listed(conn, invoice_id=invoice_id, limit=1)
        raise Refusal(
            409,
            "dispute_open",
            f"invoice {invoice.number} is disputed already: close dispute {before.dispute_id} first",
            {"dispute_id": before.dispute_id},
        )
    after = settlement.settle(conn, invoice, [], is_disputed=True, now=now)
    after_values: dict[str, Json] = {"dispute_id": dispute_id, "reason": reason, "status": after.status}
    row = ("invoice", invoice_id)
    audit_trail_service.record(conn, actor, "invoice.dispute", row, {"status": invoice.status}, after_values, now=now)
    return Disputed(_get(conn, dispute_id), after.status, is_repeated=False)


def close(
    conn: Connection[Any],
    dispute_id: int,
    *,
    outcome: DisputeOutcome,
    remark: str | None,
    actor: Actor,
    buyer_id: int | None,
    now: datetime,
) -> Disputed:
    """End a dispute; its invoice is what it would be without. Leads of one that is upheld are credited apart. A buyer
    withdraws its own. Locks the buyer. Said again, nothing moves.

    Raises Refusal 404, also for another's dispute, and 409 ``dispute_closed`` where it ended otherwise.
    """
    found = disputes.get(conn, dispute_id)
    if found is None or buyer_id not in (None, found.buyer_id):
        raise Refusal.missing("dispute", dispute_id)
    before = settlement.lock_invoice(conn, found.invoice_id)
    dispute = _get(conn, dispute_id)
    if dispute.closed_at is not None:
        if dispute.outcome != outcome:
            raise Refusal(
                409,
                "dispute_closed",
                f"dispute {dispute_id} is closed: {dispute.outcome}",
                {"outcome": dispute.outcome},
            )
        return Disputed(dispute, before.status, is_repeated=True)
    disputes.close(conn, found.invoice_id, outcome=outcome, remark=remark, by=actor.name, now=now)
    (invoice,) = settlements.invoices(conn, [found.invoice_id]).values()
    after = settlement.settle(conn, invoice, [], now=now)
    after_values = {"dispute_id": dispute_id, "outcome": outcome, "remark": remark, "status": after.status}
    row = ("invoice", found.invoice_id)
    audit_trail_service.record(
        conn, actor, "invoice.dispute_close", row, {"status": before.status}, after_values, now=now
    )
    return Disputed(_get(conn, dispute_id), after.status, is_repeated=False)


def _get(conn: Connection[Any], dispute_id: int) -> Dispute:
    found = disputes.get(conn, dispute_id)
    assert found is not None  # it was there, and disputes are never deleted
    return found
