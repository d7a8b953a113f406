"""Opens Stripe Checkout and card set-up pages, and makes the link to an invoice's pay page."""

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from psycopg import Connection

from leadgen.audit_trail import service as audit_trail_service
from leadgen.audit_trail.domain import Actor
from leadgen.buyers import store as buyers_store
from leadgen.kernel import amounts
from leadgen.kernel.errors import Refusal
from leadgen.kernel.trace import Json
from leadgen.payments.adapters import provider
from leadgen.payments.adapters.provider import Checkout, ProviderFailed, ProviderLater, WantedPayment
from leadgen.payments.domain import minor_units, pay_links
from leadgen.payments.store import collection, payers
from leadgen.payments.store.payers import Payable, Payer
from leadgen.platform import db, settings
from leadgen.receivables.domain.settlement import PAYABLE_ONLINE

"""The states in which an invoice may be paid by card. One that is disputed waits for the dispute."""

_TRIES = 3
_AT_LEAST = timedelta(minutes=2)


def payment_url(invoice_id: int) -> str:
    """The address of our own page where an invoice is seen and paid."""
    return _public(pay_links.token(settings.current().secret_key, invoice_id))


def payable(token: str) -> Payable:
    """The invoice that a link was made for. Raises Refusal 404 for any other text, and for a draft."""
    invoice_id = pay_links.invoice_id(settings.current().secret_key, token)
    invoice = None
    if invoice_id is not None:
        with db.current().connection() as conn:
            invoice = payers.payable(conn, invoice_id)
    if invoice is None:
        raise Refusal(404, "not_found", "there is no invoice behind this link")
    return invoice


def checkout_url(token: str, *, now: datetime) -> str:
    """The provider's page where an invoice is paid: all that is due now. The same as long as nothing changes, so that
    nobody pays twice from two windows.

    Raises Refusal 404, 409 ``invoice_not_payable`` and 503.
    """
    invoice = payable(token)
    if invoice.status not in PAYABLE_ONLINE:
        raise Refusal(409, "invoice_not_payable", f"invoice {invoice.number} is {invoice.status}: nothing is paid now")
    page = payment_url(invoice.invoice_id)
    wanted = WantedPayment(
        name=f"Invoice {invoice.number}",
        amount=_minor(invoice.due, invoice.currency),
        currency=invoice.currency,
        customer=invoice.customer,
        metadata={"buyer_id": str(invoice.buyer_id), "invoice_id": str(invoice.invoice_id)},
        done_url=f"{page}?paid=1",
        cancel_url=page,
    )
    # What is due and how often that has changed are the key: from the same state only one page is made.
    key = f"checkout:{invoice.invoice_id}:{invoice.due}:{invoice.settlements}:{_digest(wanted)}"
    return _opened(partial(provider.open_payment, wanted), key, now)


def setup_url(conn: Connection[Any], buyer_id: int, actor: Actor, *, now: datetime) -> str:
    """The provider's page where a buyer leaves a card to be charged for top-ups. Its call is made within no
    transaction. Raises Refusal 404, 409 ``payments_not_configured`` and 503.
    """
    payer = _known(conn, buyer_id, now)
    opening = partial(
        provider.open_setup,
        payer.customer or "",
        payer.currency,
        {"buyer_id": str(buyer_id)},
        done_url=_public("done"),
        cancel_url=_public("cancelled"),
    )
    action = "buyer.payment_method_requested"
    audit_trail_service.record(conn, actor, action, ("buyer", buyer_id), {}, {}, now=now)
    return _opened(opening, f"setup:{buyer_id}:{secrets.token_hex(16)}", now)


@dataclass(frozen=True)
class TopUpPage:
    """Where a buyer pays money in, and the payment that waits for it."""

    payment_id: int
    url: str


def top_up_url(
    conn: Connection[Any],
    buyer_id: int,
    written: object,
    actor: Actor,
    *,
    idempotency_key: str | None = None,
    now: datetime,
) -> TopUpPage:
    """The provider's page where a buyer pays prepaid money in. Its call is made within no transaction.

    Raises Refusal 400, 404, 409 and 503.
    """
    payer = _known(conn, buyer_id, now)
    amount = amounts.read(written, payer.currency)
    units = _minor(amount, payer.currency)
    key = f"top_up:{buyer_id}:{idempotency_key or secrets.token_hex(16)}"
    with conn.transaction():
        buyers_store.lock(conn, [buyer_id])
        payment_id = collection.add_top_up(
            conn,
            buyer_id,
            amount,
            payer.currency,
            actor=actor.name,
            idempotency_key=key,
            is_automatic=False,
            now=now,
        )
        if payment_id is None:
            payment_id = _same(conn, key, amount)
        else:
            about: dict[str, Json] = {"payment_id": payment_id, "amount": str(amount), "currency": payer.currency}
            audit_trail_service.record(conn, actor, "payment.requested", ("buyer", buyer_id), {}, about, now=now)
    wanted = WantedPayment(
        name="Prepaid leads",
        amount=units,
        currency=payer.currency,
        customer=payer.customer,
        metadata={"buyer_id": str(buyer_id), "payment_id": str(payment_id)},
        done_url=_public("done"),
        cancel_url=_public("cancelled"),
    )
    return TopUpPage(payment_id, _opened(partial(provider.open_payment, wanted), key, now))


def _same(conn: Connection[Any], key: str, amount: Decimal) -> int:
    found = collection.by_key(conn, key)
    if found is None or found.amount != amount:
        raise Refusal(409, "payment_differs", "this Idempotency-Key was used for another amount")
    return found.payment_id


def _known(conn: Connection[Any], buyer_id: int, now: datetime) -> Payer:
    """The buyer, known to the provider too."""
    payer = payers.get(conn, buyer_id)
    if payer is None:
        raise Refusal.missing("buyer", buyer_id)
    _require_provider()
    if payer.customer is not None:
        return payer
    key = f"customer:{buyer_id}:{payer.created_at.isoformat()}"
    try:
        customer = provider.make_customer(name=payer.name, email=payer.email, buyer_id=buyer_id, key=key)
    except ProviderFailed as failure:
        raise _away(failure) from None
    payers.keep_customer(conn, buyer_id, customer, now=now)
    kept = payers.get(conn, buyer_id)
    assert kept is not None
    return kept


def _opened(opening: Callable[..., Checkout], key: str, now: datetime) -> str:
    """The page made with the key; where that is about to expire, the one made after it."""
    _require_provider()
    try:
        for _ in range(_TRIES):
            page = opening(key=key)
            if page.expires_at > now + _AT_LEAST:
                return page.url
            key = f"{key}:{page.expires_at.timestamp():.0f}"
    except ProviderLater as failure:
        raise _away(failure) from None
    except ProviderFailed as refusal:
        raise Refusal(409, "payment_refused", f"this cannot be paid by card: {refusal}") from None
    raise _away(ProviderLater("its pages are out of date"))


def _minor(amount: Decimal, currency: str) -> int:
    try:
        return minor_units.minor(amount, currency)
    except ValueError as error:
        raise Refusal(400, "invalid_amount", str(error)) from None


def _digest(wanted: WantedPayment) -> str:
    return hashlib.sha256(json.dumps(asdict(wanted), sort_keys=True).encode()).hexdigest()[:32]


def _public(name: str) -> str:
    return f"{settings.current().public_url}/pay/{name}"


def _require_provider() -> None:
    if not provider.is_configured():
        raise Refusal(409, "payments_not_configured", "STRIPE_SECRET_KEY is not set: cards cannot be charged")


def _away(failure: ProviderFailed) -> Refusal:
    return Refusal(503, "provider_unavailable", f"the payment provider did not answer as it should: {failure}")
