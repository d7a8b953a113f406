"""Requests, proves, decides and pays back returned leads, each once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from psycopg import Connection

from leadgen.audit_trail import service as audit_trail_service
from leadgen.audit_trail.domain import Actor
from leadgen.billing.domain import documents
from leadgen.billing.service import charges, earnings, records
from leadgen.buyers import store as buyers_store
from leadgen.kernel import calendar
from leadgen.kernel.calendar import Cycle
from leadgen.kernel.errors import Refusal
from leadgen.kernel.events import Event, Topic
from leadgen.kernel.trace import Json
from leadgen.ledger import domain as ledger_domain
from leadgen.ledger import store as ledger_store
from leadgen.ledger.domain import Transaction
from leadgen.receivables.service import credit_notes as receivables_credit_notes
from leadgen.receivables.service import debts
from leadgen.receivables.store import credit_notes as receivables_credit_notes_store
from leadgen.receivables.store import settlements
from leadgen.returns.domain import policy as returns_policy
from leadgen.returns.domain import rules
from leadgen.returns.domain.rules import Decision, ReturnRequest, ReturnVerdict, Sale
from leadgen.returns.service import proof as service
from leadgen.returns.store import returns
from leadgen.returns.store.returns import Return, Sold

POLICY = "policy"
"""Who decides where the platform's records prove the reason."""


@dataclass(frozen=True)
class Returned:
    """A return as it stands; ``is_repeated`` is that it stood so before. The events are the caller's to announce."""

    stored: Return
    is_repeated: bool
    events: tuple[Event, ...] = ()


def bill_first(conn: Connection[Any], lead_id: int, *, buyer_id: int | None, now: datetime) -> list[Event]:
    """Bill a lead that its buyer has taken and nobody has billed yet, in a transaction of its own: what was never sold
    cannot be given back. ``buyer_id`` is the buyer who requests it: another's lead is not changed.
    """
    sold = returns.sold(conn, lead_id)
    if sold is None or sold.billing_status != "pending" or buyer_id not in (None, sold.buyer_id):
        return []
    return [records.event(lead, now) for lead in charges.charge(conn, [lead_id], now=now)]


def request(
    conn: Connection[Any], lead_id: int, wanted: ReturnRequest, *, actor: Actor, buyer_id: int | None, now: datetime
) -> Returned:
    """Ask for a lead's money back: ``buyer_id`` is the buyer who does, None an operator, whose word it is at once.
    Where the policy leaves it to the platform's records and they prove the reason, it is approved; else it waits.

    The lead is billed before (``bill_first``). Locks the buyer, then publishers, then a series. Raises Refusal 404,
    also for another's lead, 400 for an operator without a remark, and 409 ``lead_not_sold``, ``already_returned`` and
    ``return_not_allowed``.
    """
    if buyer_id is None and wanted.note is None:
        raise Refusal(400, "invalid_request", "note: an operator who gives a lead back says why")
    found = returns.sold(conn, lead_id)
    if found is None or found.buyer_id is None:
        raise rules.no_lead(lead_id) if found is None or buyer_id is not None else _not_sold(lead_id)
    buyers_store.lock(conn, [found.buyer_id])
    sold = returns.sold(conn, lead_id)
    assert sold is not None
    if sold.buyer_id is None or sold.buyer_id != found.buyer_id:  # it went to another buyer, who is not locked
        raise _not_sold(lead_id) if buyer_id is None else rules.no_lead(lead_id)
    decision = _decide(conn, sold, wanted, buyer_id, now)
    rules.refuse(decision, _sale(conn, sold, now))
    by = actor.name
    return_id = returns.add(
        conn,
        lead_id=lead_id,
        buyer_id=sold.buyer_id,
        offer_id=sold.offer_id,
        reason=wanted.reason,
        note=wanted.note,
        by=by,
        trace=decision.trace,
        now=now,
    )
    audit_values = _audit_values(sold, wanted, decision)
    audit_trail_service.record(conn, actor, "return.request", ("return", return_id), None, audit_values, now=now)
    if not decision.is_approved:
        return Returned(_get(conn, return_id), is_repeated=False)
    decided_by = POLICY if buyer_id is not None else by
    events = _approve(
        conn, return_id, sold, wanted.reason, by=decided_by, remark=None if buyer_id else wanted.note, now=now
    )
    return Returned(_get(conn, return_id), is_repeated=False, events=events)


def decide(conn: Connection[Any], return_id: int, verdict: ReturnVerdict, *, actor: Actor, now: datetime) -> Returned:
    """A person's verdict on a return that waits. Said again, nothing moves. Locks as ``request``.

    Raises Refusal 404, and 409 ``return_decided`` where it was decided otherwise.
    """
    found = returns.get(conn, return_id)
    if found is None:
        raise Refusal.missing("return", return_id)
    buyers_store.lock(conn, [found.buyer_id])
    stored = _get(conn, return_id)
    status = "approved" if verdict.verdict == "approve" else "rejected"
    if stored.status != "requested":
        if stored.status != status:
            raise Refusal(
                409,
                "return_decided",
                f"return {return_id} of lead {stored.lead_id} is {stored.status} already, by {stored.decided_by}",
                {"status": stored.status, "decided_by": stored.decided_by},
            )
        return Returned(stored, is_repeated=True)
    events: tuple[Event, ...] = ()
    if status == "approved":
        sold = returns.sold(conn, stored.lead_id)
        assert sold is not None
        if sold.billing_status == "refunded":
            raise Refusal(409, "already_returned", f"lead {stored.lead_id} was credited meanwhile: reject its return")
        events = _approve(conn, return_id, sold, stored.reason, by=actor.name, remark=verdict.remark, now=now)
    else:
        returns.decide(conn, return_id, status=status, by=actor.name, remark=verdict.remark, now=now)
    before = {"status": stored.status}
    after: dict[str, Json] = {"status": status, "remark": verdict.remark, "lead_id": stored.lead_id}
    audit_trail_service.record(conn, actor, "return.decide", ("return", return_id), before, after, now=now)
    return Returned(_get(conn, return_id), is_repeated=False, events=events)


def _decide(conn: Connection[Any], sold: Sold, wanted: ReturnRequest, buyer_id: int | None, now: datetime) -> Decision:
    policy = None if sold.policy is None else returns_policy.parse(sold.policy, label=sold.policy_label)
    needs_proof = policy is not None and buyer_id is not None and wanted.reason in policy.auto_approve
    proof = service.prove(conn, sold, wanted.reason) if needs_proof else None
    return rules.decide(wanted, _sale(conn, sold, now), policy, proof, requested_by=buyer_id, now=now)


def _sale(conn: Connection[Any], sold: Sold, now: datetime) -> Sale:
    given_back = billed = 0
    if sold.buyer_id is not None and sold.billing_cycle is not None:
        since = calendar.last_close(now, sold.timezone, cast(Cycle, sold.billing_cycle))
        given_back, billed = returns.counted(conn, sold.buyer_id, sold.offer_id, since=since)
    return Sale(
        lead_id=sold.lead_id,
        buyer_id=sold.buyer_id,
        is_sold=sold.billing_status != "pending" and sold.buyer_id is not None,
        is_refunded=sold.billing_status == "refunded",
        taken_at=sold.taken_at,
        return_status=sold.return_status,
        given_back=given_back,
        billed=billed,
    )


def _approve(
    conn: Connection[Any], return_id: int, sold: Sold, reason: str, *, by: str, remark: str | None, now: datetime
) -> tuple[Event, ...]:
    """Give the money of a billed lead back, once, and record it on its return. The buyer is locked."""
    assert sold.buyer_id is not None
    if sold.invoice_id is not None and sold.invoice_issued:
        note = receivables_credit_notes.credit(
            conn, sold.invoice_id, [sold.lead_id], reason=reason, note=None, actor=by, now=now
        )
        credit_note_id, transaction_id, events = note.credit_note_id, note.transaction_id, note.events
    else:
        credit_note_id, transaction_id, events = None, _give_back(conn, sold, by, now), ()
    returns.decide(
        conn,
        return_id,
        status="approved",
        by=by,
        remark=remark,
        credit_note_id=credit_note_id,
        transaction_id=transaction_id,
        now=now,
    )
    ids: dict[str, int | str] = {"buyer_id": sold.buyer_id}
    return (Event(Topic.LEAD_RETURNED, now, sold.lead_id, sold.trace_id, ids=ids), *events)


def _give_back(conn: Connection[Any], sold: Sold, by: str, now: datetime) -> int:
    """The money of a lead that no issued invoice names: owed no more, and what the wallet paid of it is there again."""
    assert sold.buyer_id is not None
    assert sold.price is not None
    assert sold.currency is not None
    moves = earnings.earnings_of(conn, [sold.lead_id], actor=by, now=now)
    posting = Transaction(
        key=f"lead_returned:{sold.lead_id}",
        kind="lead_returned",
        currency=sold.currency,
        occurred_at=now,
        actor=by,
        entries=ledger_domain.entries(
            ("adjustments", "receivable", sold.price - sold.drawn), ("adjustments", "wallet", sold.drawn)
        ),
        buyer_id=sold.buyer_id,
        lead_id=sold.lead_id,
    )
    posted = ledger_store.post(conn, [posting, *moves])
    if sold.invoice_id is not None:
        draft = settlements.invoices(conn, [sold.invoice_id])[sold.invoice_id]
        subtotal = draft.subtotal - sold.price
        tax = documents.tax(subtotal, draft.tax_rate, draft.currency)
        returns.release_line(conn, draft.invoice_id, sold.lead_id, subtotal=subtotal, tax=tax, now=now)
    receivables_credit_notes_store.refund_leads(conn, [sold.lead_id], now=now)
    if sold.drawn > 0:
        debts.from_wallet(conn, sold.buyer_id, actor=by, now=now)
    return posted[posting.key]


def _get(conn: Connection[Any], return_id: int) -> Return:
    found = returns.get(conn, return_id)
    assert found is not None  # it was there, and returns are never deleted
    return found


def _not_sold(lead_id: int) -> Refusal:
    return Refusal(409, "lead_not_sold", f"lead {lead_id} was not sold: no buyer has it")


def _audit_values(sold: Sold, wanted: ReturnRequest, decision: Decision) -> dict[str, Any]:
    return {
        "lead_id": sold.lead_id,
        "buyer_id": sold.buyer_id,
        "reason": wanted.reason,
        "overridden": list(decision.overridden),
        "status": "approved" if decision.is_approved else "requested",
    }
