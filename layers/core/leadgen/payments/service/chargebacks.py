"""Books a chargeback when a buyer's bank takes a payment back, and reverses it when the dispute is won."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import Connection

from leadgen.buyers import store as buyers_store
from leadgen.kernel import amounts
from leadgen.kernel.errors import Refusal
from leadgen.kernel.money import NOTHING
from leadgen.ledger import store as ledger_store
from leadgen.ledger.domain import Entry, Kind, Transaction
from leadgen.payments.domain import chargebacks as domain
from leadgen.payments.domain.chargebacks import TakenBack
from leadgen.payments.store import chargebacks as payments_chargebacks
from leadgen.payments.store import payments
from leadgen.payments.store.chargebacks import Chargeback
from leadgen.receivables.domain.debts import Debt
from leadgen.receivables.domain.settlement import Invoice, Settlement
from leadgen.receivables.service import settlement
from leadgen.receivables.store import debts as receivables_debts
from leadgen.receivables.store import settlements

_ACTOR = "provider:stripe"


@dataclass(frozen=True)
class ChargedBack:
    """How a chargeback stands; ``is_repeated`` is that it stood so before."""

    chargeback_id: int
    payment_id: int
    buyer_id: int
    invoice_id: int | None
    status: str
    amount: Decimal
    from_invoice: Decimal
    from_wallet: Decimal
    debt: Decimal
    invoice_status: str | None
    is_repeated: bool


def open_(  # noqa: PLR0913 - the fields of a chargeback at the provider
    conn: Connection[Any],
    *,
    provider_payment_id: str,
    provider_id: str,
    amount: Decimal,
    currency: str,
    reason: str | None,
    evidence_due_by: datetime | None,
    opened_at: datetime,
    now: datetime,
) -> ChargedBack:
    """Money of a payment is taken back: its invoice is owed it again, then the wallet gives it, and the rest is a debt.
    Locks the buyer. Said again, nothing moves, whatever has become of it since.

    Raises Refusal 404 ``payment_unknown``, 409 ``payment_not_succeeded`` (try again when it has), ``wrong_currency``,
    ``chargeback_differs`` and ``chargeback_exceeds_payment``, 400 ``invalid_amount``.
    """
    found = payments.by_provider(conn, provider_payment_id)
    if found is None:
        raise Refusal(404, "payment_unknown", f"there is no payment {provider_payment_id}")
    payment_id, buyer_id = found
    buyers_store.lock(conn, [buyer_id])
    amount = amounts.exact(amount, currency)
    before = payments_chargebacks.find(conn, provider_id)
    if before is not None:
        return _repeated(conn, before, payment_id, amount, currency)
    payment = payments.get(conn, payment_id)
    assert payment is not None  # it was there, and payments are never deleted
    domain.refuse(payment, amount, currency)
    invoice = _invoice(conn, payment.invoice_id)
    reopens = invoice is not None and invoice.status != "cancelled"
    wallet = ledger_store.money(conn, [buyer_id])[buyer_id].wallet
    taken = domain.take(payment, amount, reopens=reopens, wallet=wallet)
    chargeback_id = payments_chargebacks.add(
        conn,
        taken,
        buyer_id=buyer_id,
        payment_id=payment_id,
        provider_id=provider_id,
        amount=amount,
        currency=currency,
        reason=reason,
        evidence_due_by=evidence_due_by,
        opened_at=opened_at,
    )
    chargeback = payments_chargebacks.find(conn, provider_id)
    assert chargeback is not None
    ledger_store.post(conn, [_posting(chargeback, "chargeback", taken.entries, taken.from_invoice > 0, now)])
    if invoice is not None and reopens:
        invoice = _reopened(conn, invoice, chargeback_id, taken, now)
    return _state(chargeback, invoice, is_repeated=False)


def _reopened(conn: Connection[Any], invoice: Invoice, chargeback_id: int, taken: TakenBack, now: datetime) -> Invoice:
    owed = [Settlement("chargeback", -taken.from_invoice, chargeback_id=chargeback_id)]
    return settlement.settle(conn, invoice, owed if taken.from_invoice > 0 else [], is_disputed=True, now=now)


def _repeated(
    conn: Connection[Any], before: Chargeback, payment_id: int, amount: Decimal, currency: str
) -> ChargedBack:
    if (before.payment_id, before.amount, before.currency) != (payment_id, amount, currency):
        message = f"chargeback {before.provider_id} is on record with something else"
        raise Refusal(409, "chargeback_differs", message)
    return _state(before, _invoice(conn, before.invoice_id), is_repeated=True)


def close(conn: Connection[Any], *, provider_id: str, won: bool, now: datetime) -> ChargedBack:
    """A chargeback has ended: won, its money is here again, like a payment; lost, what is open stays so. Said again,
    nothing moves. Of one that is not known, call ``open_`` first: it may be called however late.

    Raises Refusal 404 ``chargeback_unknown``, 409 ``chargeback_closed`` where it ended otherwise.
    """
    found = payments_chargebacks.find(conn, provider_id)
    if found is None:
        raise Refusal(404, "chargeback_unknown", f"there is no chargeback {provider_id}")
    buyers_store.lock(conn, [found.buyer_id])
    chargeback = payments_chargebacks.find(conn, provider_id)
    assert chargeback is not None  # it was there, and chargebacks are never deleted
    invoice = _invoice(conn, chargeback.invoice_id)
    status = "won" if won else "lost"
    if chargeback.status != "open":
        if chargeback.status != status:
            raise Refusal(409, "chargeback_closed", f"chargeback {provider_id} is {chargeback.status}, not {status}")
        return _state(chargeback, invoice, is_repeated=True)
    settled = _give_back(conn, chargeback, invoice, now) if won else []
    payments_chargebacks.close(conn, chargeback.chargeback_id, won=won, now=now)
    if invoice is not None:
        # Another dispute may still be open.
        (again,) = settlements.invoices(conn, [invoice.invoice_id]).values()
        invoice = settlement.settle(conn, again, settled, now=now)
    closed = payments_chargebacks.find(conn, provider_id)
    assert closed is not None
    return _state(closed, invoice, is_repeated=False)


def _give_back(
    conn: Connection[Any], chargeback: Chargeback, invoice: Invoice | None, now: datetime
) -> list[Settlement]:
    debts = receivables_debts.debts(conn, chargeback.buyer_id)
    others = [debt for debt in debts if debt.chargeback_id != chargeback.chargeback_id]
    split = domain.give_back(
        TakenBack(chargeback.from_invoice, chargeback.from_wallet, chargeback.from_nothing),
        invoice_due=NOTHING if invoice is None else invoice.due,
        own=Debt(chargeback.chargeback_id, chargeback.debt),
        others=others,
    )
    receivables_debts.repay(conn, split.repaid, now=now)
    ledger_store.post(conn, [_posting(chargeback, "chargeback_won", split.entries, split.to_invoice > 0, now)])
    if split.to_invoice == 0:
        return []
    return [Settlement("chargeback_won", split.to_invoice, chargeback_id=chargeback.chargeback_id)]


def _invoice(conn: Connection[Any], invoice_id: int | None) -> Invoice | None:
    return None if invoice_id is None else settlements.invoices(conn, [invoice_id])[invoice_id]


def _posting(
    chargeback: Chargeback, kind: Kind, entries: tuple[Entry, ...], about_invoice: bool, now: datetime
) -> Transaction:
    return Transaction(
        key=f"{kind}:{chargeback.chargeback_id}",
        kind=kind,
        currency=chargeback.currency,
        occurred_at=now,
        actor=_ACTOR,
        entries=entries,
        buyer_id=chargeback.buyer_id,
        invoice_id=chargeback.invoice_id if about_invoice else None,
        payment_id=chargeback.payment_id,
    )


def _state(chargeback: Chargeback, invoice: Invoice | None, *, is_repeated: bool) -> ChargedBack:
    return ChargedBack(
        chargeback_id=chargeback.chargeback_id,
        payment_id=chargeback.payment_id,
        buyer_id=chargeback.buyer_id,
        invoice_id=chargeback.invoice_id,
        status=chargeback.status,
        amount=chargeback.amount,
        from_invoice=chargeback.from_invoice,
        from_wallet=chargeback.from_wallet,
        debt=chargeback.debt,
        invoice_status=None if invoice is None else invoice.status,
        is_repeated=is_repeated,
    )
